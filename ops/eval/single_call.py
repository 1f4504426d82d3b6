"""Afterword's way: one call a batch for all scopes, by the workers' own code.

The batch, the prompt, mem0's `add` under it, the reading of the answer and the choice of known memories are the
product's. Claims, journal and retries are left out: they decide when a call is made, not what it says, and an answer
that failed is to be seen here, not asked for again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

from afterword.schemas import ConversationFinished, Kind, Scope
from afterword.workers.core.errors import BadAnswer, LlmUnavailable
from afterword.workers.core.turns import Turn, turns_of
from afterword.workers.models.embedders.port import Embedder, Vector
from afterword.workers.services.extraction import answer, batch, mem0_memory, prompt
from afterword.workers.services.extraction.batch import Batch
from afterword.workers.services.extraction.known import Existing, KnownMemories
from afterword.workers.stores.ledger.extraction.journal import Fact
from afterword.workers.stores.ledger.ingest.conversations import Conversation
from afterword.workers.stores.vectors.owners import AgentOwner, Owner, UserOwner
from afterword.workers.stores.vectors.payload import StoredMemory
from afterword.workers.stores.vectors.port import VectorStore
from afterword.workers.stores.vectors.views import Views
from ops.eval.counting import CountingLlm
from ops.eval.learning import Learned
from ops.eval.scoring import Found

_EARLIER_TURNS = 10


class SingleCall:
    """Learns into a vector store of its own, which knows nothing at first."""

    name = "afterword"

    def __init__(self, llm: CountingLlm, embedder: Embedder, store: VectorStore, *, batch_tokens: int) -> None:
        self._llm = llm
        self._embedder = embedder
        self._store = store
        self._known = KnownMemories(Views(store))
        self._batch_tokens = batch_tokens
        self._said: dict[tuple[str, str | None], list[Turn]] = {}

    def learn(self, burst: Sequence[ConversationFinished]) -> Learned:
        """See the protocol."""
        facts: list[Found] = []
        failures: list[str] = []
        for asked in self._batches([_conversation(number, event) for number, event in enumerate(burst)]):
            try:
                facts.extend(Found(fact.text, fact.scope, fact.event_id, fact.message) for fact in self._extract(asked))
            except (BadAnswer, LlmUnavailable) as error:
                failures.append(str(error))
        return Learned(tuple(facts), self._llm.bill(), tuple(failures))

    def _batches(self, waiting: Sequence[Conversation]) -> Iterator[Batch]:
        while waiting:
            lines, slices = batch.take(waiting, tokens=self._batch_tokens)
            if not lines:
                return
            first = lines[0].conversation
            earlier = tuple(self._said.get((first.user_id, first.session_id), ())[-_EARLIER_TURNS:])
            yield Batch(first.tenant_id, first.user_id, lines, slices, earlier)
            for line in lines:
                self._said.setdefault((first.user_id, line.conversation.session_id), []).append(line.turn)
            taken = {part.conversation_id: part.last for part in slices}
            left = [replace(each, extracted_turns=taken.get(each.id, each.extracted_turns)) for each in waiting]
            waiting = [each for each in left if each.extracted_turns < len(each.turns)]

    def _extract(self, asked: Batch) -> Sequence[Fact]:
        facts: list[Fact] = []

        def answered(existing: Sequence[Existing]) -> Sequence[str]:
            completion = self._llm.complete_json(prompt.build(asked, existing))
            facts.extend(answer.read(completion.text, asked, str(uuid4()), existing).facts)
            return list(dict.fromkeys(fact.text for fact in facts))

        mem0_memory.add(
            [{"role": line.turn.role, "content": line.turn.text} for line in asked.lines],
            embedder=self._embedder,
            hooks=mem0_memory.Hooks(
                known=lambda vector: self._known.near(asked, vector),
                answer=answered,
                write=lambda vectors: self._write(asked, facts, vectors),
            ),
        )
        return facts

    def _write(self, asked: Batch, facts: Sequence[Fact], vectors: Mapping[str, Vector | None]) -> None:
        owners: set[Owner] = {UserOwner(asked.tenant_id, asked.user_id)}
        owners |= {AgentOwner(asked.tenant_id, fact.agent_id) for fact in facts if fact.agent_id}
        Views(self._store).of(*owners).insert([(_memory(asked, fact), vectors[fact.text]) for fact in facts])


def _conversation(number: int, event: ConversationFinished) -> Conversation:
    return Conversation(
        id=number,
        tenant_id=event.tenant_id,
        event_id=event.event_id,
        user_id=event.user_id,
        agent_id=event.agent_id,
        session_id=event.session_id,
        occurred_at=event.occurred_at,
        received_at=event.occurred_at,
        generation=0,
        turns=turns_of(event),
        metadata={},
        extracted_turns=0,
    )


def _memory(asked: Batch, fact: Fact) -> StoredMemory:
    of_agent = fact.scope is Scope.AGENT
    return StoredMemory(
        id=fact.id,
        text=fact.text,
        scope=fact.scope,
        kind=Kind.FACT,
        tenant_id=asked.tenant_id,
        user_id=None if of_agent else asked.user_id,
        agent_id=fact.agent_id if of_agent else None,
        session_id=fact.session_id if fact.scope is Scope.SESSION else None,
        event_id=fact.event_id,
        occurred_at=fact.occurred_at,
        created_at=datetime.now(UTC),
    )
