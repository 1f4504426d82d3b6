"""Extraction: from the conversations of a subject to its facts, with one LLM call a batch.

One conversation, from its claim to its memories. Ann told her assistant Ada "I live in Ghent.":

1. **Claim** (`claims`). A hint in the queue only says that something may be due; the ledger says what:
   `HeldSubject(claim=Claim("acme", "ann", fence=7, generation=0, …), permit=Permit(), waited=0.4)`. While we work,
   the lease is renewed (`lease`); every commit below checks the fence and the generation.
2. **Work** (`work`, `batch`). Everything that waits of Ann is cut into one batch:
   `Batch("acme", "ann", lines=(Line("I live in Ghent."),), slices=(Slice(12, "run-9", first=0, last=1),))`.
3. **Known** (`known`). The nearest memories that Ann and her agents already have, so that the LLM does not repeat
   them: `[Existing("7d3f…", "Ann plays the cello")]`.
4. **Prompt and answer** (`prompt`, `llm_caller`, `items`, `answer`). mem0's prompt with scopes and sources; one call;
   back comes `{"memory": [{"text": "Ann lives in Ghent", "scope": "user", "source": 0}]}`, in whatever shape:
   `Fact(id="c41a…", text="Ann lives in Ghent", scope=Scope.USER, event_id="run-9", message=0, …)`.
5. **Journal** (`batch_extraction`). The facts are committed with their final ids before anything is written. From here
   on the LLM is not asked again, even if this worker dies.
6. **Write** (`writing`, `mem0_memory`). mem0 embeds "Ann lives in Ghent" and hands the vector over; the fact is
   inserted under its journalled id, through a view of Ann's memories. If she has the same fact already, that memory
   becomes more important instead (`repetition`).
7. **Done** (`batch_extraction`, `records`). Once the store shows the journalled ids, one transaction marks conversation
   12 as done, writes the audit (`memory_save`, `memory_add`), clears the journal and lets Ann go.

A failure ends in `failures`. An LLM or a store that is away postpones the subject. An answer that cannot be used burns
an attempt, and so does any other error; then the batch is halved until the turn that spoils it stands alone. That turn
is dead, if a harmless one in its place gets an answer. After a crash the lease runs out, and another worker begins at
step 1 and goes on with the step it finds. `extraction` runs it all.
"""
