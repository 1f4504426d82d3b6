"""The work of a claim: the batch to extract, the turns before it, and its answer where that is journalled already."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from afterword.schemas import Scope
from afterword.workers.services.extraction import batch
from afterword.workers.services.extraction.batch import Batch, Line
from afterword.workers.services.extraction.claims import HeldSubject
from afterword.workers.services.policy.wishes import OBJECTED
from afterword.workers.stores.ledger import agents, wishes
from afterword.workers.stores.ledger.extraction import journal, progress
from afterword.workers.stores.ledger.extraction.breaker import Permit
from afterword.workers.stores.ledger.extraction.claims import Claim
from afterword.workers.stores.ledger.extraction.journal import Entry
from afterword.workers.stores.ledger.ingest import conversations, transcripts
from afterword.workers.stores.ledger.ingest.conversations import Conversation

CONVERSATIONS_A_BATCH = 100
"""The most conversations read for a batch; where they are long, its tokens end it sooner."""
_EARLIER_TURNS = 10
"""As many as mem0 itself shows its LLM (`get_last_messages`)."""
_EARLIER_CHARACTERS = 2_000
"""Of a longer one the beginning and the end are shown: a pasted page must not fill the prompts of all later turns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A batch to extract under a claim, with leave to ask the LLM.

    `entry` is its journalled answer, if a worker before us got so far; `more` is whether turns wait behind the batch;
    `begun` is when we began, by `time.perf_counter`.
    """

    claim: Claim
    permit: Permit
    batch: Batch
    entry: Entry | None
    more: bool
    begun: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """How long it has been in work."""
        return time.perf_counter() - self.begun


def take(connection: Connection, held: HeldSubject, *, batch_tokens: int) -> Work | None:
    """The open batch of the subject, else a new one of at most `batch_tokens`; None when nothing waits."""
    claim = held.claim
    if wishes.objects(connection, claim.tenant_id, claim.user_id):
        # Replayed, or asked for once more, after the user had objected.
        journal.remove(connection, claim.tenant_id, claim.user_id)
        conversations.end_waiting(connection, claim.tenant_id, claim.user_id, OBJECTED)
        return None
    entry = journal.read(connection, claim.tenant_id, claim.user_id)
    pending = progress.pending(connection, claim.tenant_id, claim.user_id, limit=CONVERSATIONS_A_BATCH)
    if entry is not None:
        # By the journal, not by what waits: the answer is about exactly these turns.
        begun = conversations.by_ids(connection, [part.conversation_id for part in entry.slices])
        lines, slices = batch.lines_of(begun, entry.slices), entry.slices
    else:
        lines, slices = batch.take(pending, tokens=batch_tokens, most=claim.batch_limit)
    if not lines:
        _end_spent(connection, claim, entry, pending)
        return None
    before = transcripts.earlier_turns(connection, lines[0].conversation, limit=_EARLIER_TURNS)
    registered = agents.among(connection, claim.tenant_id, _agents_of(lines))
    # A long conversation goes on where the batch before ended.
    begun_before = (turn for turn in lines[0].conversation.turns[: slices[0].first] if turn.text)
    earlier = tuple(replace(turn, text=_shown(turn.text)) for turn in (*before, *begun_before)[-_EARLIER_TURNS:])
    taken = Batch(
        claim.tenant_id,
        claim.user_id,
        lines,
        slices,
        earlier,
        instructions={name: agent.instructions for name, agent in registered.items() if agent.instructions},
        scopes={name: agent.scopes for name, agent in registered.items() if agent.scopes != tuple(Scope)},
    )
    waiting = sum(1 for each in pending for turn in each.turns[each.extracted_turns :] if turn.text) > len(lines)
    return Work(claim=claim, permit=held.permit, batch=taken, entry=entry, more=waiting)


def _end_spent(connection: Connection, claim: Claim, entry: Entry | None, pending: Sequence[Conversation]) -> None:
    """End what waits without a turn to extract: else its subject would be due again at once, for ever."""
    if entry is not None:
        # All that it was learned from is gone meanwhile; other conversations may wait behind it.
        journal.remove(connection, claim.tenant_id, claim.user_id)
        return
    progress.finish(connection, [each.id for each in pending], "skipped", "no turns are left to extract")


def _shown(text: str) -> str:
    if len(text) <= _EARLIER_CHARACTERS:
        return text
    half = _EARLIER_CHARACTERS // 2
    return f"{text[:half]} […] {text[-half:]}"


def _agents_of(lines: Sequence[Line]) -> set[str]:
    return {line.conversation.agent_id for line in lines if line.conversation.agent_id}
