"""The work of a claim: what is to be extracted, and what is known of it before."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import Connection

from afterword.workers.services.extraction import batch
from afterword.workers.services.extraction.batch import Batch, Line
from afterword.workers.stores.ledger import agents
from afterword.workers.stores.ledger.extraction import journal, progress
from afterword.workers.stores.ledger.extraction.breaker import Permit
from afterword.workers.stores.ledger.extraction.journal import Entry
from afterword.workers.stores.ledger.extraction.subjects import Claim
from afterword.workers.stores.ledger.ingest import conversations, transcripts

_CONVERSATIONS_A_BATCH = 100
_EARLIER_TURNS = 10


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one batch may hold, how long a claim lasts, how long transcripts are kept after they are done."""

    batch_tokens: int
    lease: timedelta
    keep_transcripts: timedelta


@dataclass(frozen=True, slots=True)
class Work:
    """A batch to extract, its journalled entry, if it has one, whether more waits behind it, and leave to ask.

    `begun` is when, by `time.perf_counter`.
    """

    batch: Batch
    entry: Entry | None
    more: bool
    permit: Permit
    begun: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """How long it has been in work."""
        return time.perf_counter() - self.begun


def take(connection: Connection, claim: Claim, permit: Permit, limits: Limits) -> Work | None:
    """The open batch of the subject, else a new one; None when nothing waits."""
    entry = journal.read(connection, claim.tenant_id, claim.user_id)
    pending = progress.pending(connection, claim.tenant_id, claim.user_id, limit=_CONVERSATIONS_A_BATCH)
    if entry is not None:
        begun = conversations.by_ids(connection, [part.conversation_id for part in entry.slices])
        lines, slices = batch.lines_of(begun, entry.slices), entry.slices
    else:
        lines, slices = batch.take(pending[: claim.batch_limit], tokens=limits.batch_tokens)
    if not lines:
        return None
    before = transcripts.earlier_turns(connection, lines[0].conversation, limit=_EARLIER_TURNS)
    instructions = agents.instructions(connection, claim.tenant_id, _agents_of(lines))
    # A long conversation goes on where the batch before ended.
    earlier = (*before, *lines[0].conversation.turns[: slices[0].first])[-_EARLIER_TURNS:]
    taken = Batch(claim.tenant_id, claim.user_id, lines, slices, earlier, instructions)
    waiting = sum(len(each.turns) - each.extracted_turns for each in pending) > len(lines)
    return Work(taken, entry, more=waiting, permit=permit)


def _agents_of(lines: Sequence[Line]) -> set[str]:
    return {line.conversation.agent_id for line in lines if line.conversation.agent_id}
