"""The books: metadata of memories and statistics, kept in the transaction of the event they record.

>>> with database.transaction() as connection:  # doctest: +SKIP
...     new = books.note_saved(connection, [books.record_of(memory, {}, source="hand")], active=True)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from afterword.schemas import ConversationFinished, Kind
from afterword.schemas.values import Scalar
from afterword.workers.core.origin import Origin
from afterword.workers.stores.ledger import audit, memories
from afterword.workers.stores.ledger.analytics import statistics
from afterword.workers.stores.ledger.analytics.statistics import NOBODY, Delta, day_of
from afterword.workers.stores.ledger.extraction import subjects
from afterword.workers.stores.ledger.memories import Gone, MemoryRecord
from afterword.workers.stores.vectors.payload import StoredMemory
from afterword.workers.text.language import detect

# A label names a kind of memory. Longer ones, and more of them, are sentences, which belong to the memory itself.
_LONGEST_LABEL = 64
_MOST_TAGS = 20


class Books:
    """Keeps metadata of memories always, and statistics unless analytics are switched off."""

    def __init__(self, *, embedding_model: str, analytics: bool) -> None:
        self._embedding_model = embedding_model
        self._analytics = analytics

    def note_received(self, connection: Connection, event: ConversationFinished) -> None:
        """Count a conversation that was taken in."""
        done = Delta(
            tenant_id=event.tenant_id,
            user_id=event.user_id,
            day=day_of(event.occurred_at),
            agent_id=event.agent_id or "",
            active=True,
            # The parts of an event are one conversation.
            conversations=1 if event.part == 1 else 0,
        )
        self._count(connection, [done])

    def record_of(
        self, memory: StoredMemory, labels: Mapping[str, Scalar], *, source: str, agent_id: str | None = None
    ) -> MemoryRecord:
        """The metadata of a memory; `labels` may say its source, category (else it is its topic) and tags.

        `agent_id` is the agent it was learned with, where the memory itself does not name it.
        """
        return MemoryRecord(
            id=memory.id,
            tenant_id=memory.tenant_id,
            user_id=memory.user_id,
            agent_id=memory.agent_id or agent_id,
            session_id=memory.session_id,
            scope=memory.scope,
            kind=memory.kind,
            # Whoever saved the memory may name its source; a text too long for a label counts as none.
            source=label(labels.get("source")) or source,
            category=label(labels.get("category")) or memory.topic,
            tags=tags(labels.get("tags")),
            embedding_model=self._embedding_model,
            language=memory.language or detect(memory.text),
            text_length=len(memory.text),
            event_id=memory.event_id,
            occurred_at=memory.occurred_at,
            created_at=memory.created_at,
            expires_at=memory.expires_at,
            importance=memory.importance,
        )

    def note_saved(self, connection: Connection, records: Sequence[MemoryRecord], *, active: bool = False) -> int:
        """Write metadata of memories that were saved, and count the new ones; how many those are.

        `active`: the user saved them by hand, and so was active on that day.
        """
        new = memories.add(connection, records)
        self._count(connection, [_added(record, active=active) for record in new])
        return len(new)

    def note_removed(self, connection: Connection, gone: Sequence[Gone], at: datetime) -> int:
        """Count memories whose metadata was removed. Returns how many there were."""
        self._count(connection, [_deleted(each, at) for each in gone])
        return sum(each.count for each in gone)

    def erase_rows(self, connection: Connection, tenant_id: str, user_id: str, session_id: str | None) -> int:
        """Erase the metadata and the queries of a user, or of one of their sessions; how many memories that were.

        Nothing of a cleared user stays: their statistics become nobody's. The caller has locked the subject, and made
        sure that nothing of theirs is pending any more.
        """
        at = subjects.note_cleared(connection, tenant_id, user_id)
        gone = memories.clear(connection, tenant_id, user_id, session_id)
        audit.forget_queries(connection, tenant_id, user_id, session_id)
        removed = self.note_removed(connection, gone, at)
        if session_id is None:
            # The sums of a tenant must stay true, so the rows go on without a name instead of being removed.
            statistics.anonymise(connection, tenant_id, user_id)
            subjects.note_time_zone(connection, tenant_id, user_id, None)
        return removed

    def count(self, connection: Connection, deltas: Sequence[Delta]) -> None:
        """Count other things that happened, such as queries."""
        self._count(connection, deltas)

    def _count(self, connection: Connection, deltas: Sequence[Delta]) -> None:
        if self._analytics:
            statistics.add(connection, deltas)


def memory_save(
    origin: Origin,
    *,
    kind: Kind,
    saved: int,
    messages: int,
    seconds: float,
    success: bool = True,
    without_vector: Sequence[str] = (),
    **details: object,
) -> audit.Event:
    """The audit row of an operation that saved memories: its number of messages and memories, and its `seconds`.

    `without_vector` are those that the embedder refused: they are found by their words alone.
    """
    told: dict[str, object] = {
        "kind": kind.value,
        "messages": messages,
        "seconds": round(seconds, 6),
        "success": success,
    }
    if without_vector:
        told["without_vector"] = list(without_vector)
    return audit.Event.of("memory_save", origin, told | details, result_count=saved)


def label(value: Scalar) -> str | None:
    """A short text that names something; None for anything else."""
    text = value.strip() if isinstance(value, str) else ""
    return text if 0 < len(text) <= _LONGEST_LABEL else None


def tags(value: Scalar) -> tuple[str, ...]:
    """The labels in a text, which commas part."""
    parts = value.split(",") if isinstance(value, str) else ()
    found = dict.fromkeys(tag for part in parts if (tag := label(part)))
    return tuple(found)[:_MOST_TAGS]


def _added(record: MemoryRecord, *, active: bool) -> Delta:
    return Delta(
        tenant_id=record.tenant_id,
        user_id=record.user_id or NOBODY,
        day=day_of(record.created_at),
        agent_id=record.agent_id or "",
        active=active and record.user_id is not None,
        added=1,
    )


def _deleted(gone: Gone, at: datetime) -> Delta:
    return Delta(
        tenant_id=gone.tenant_id,
        user_id=gone.user_id or NOBODY,
        day=day_of(at),
        agent_id=gone.agent_id or "",
        deleted=gone.count,
    )
