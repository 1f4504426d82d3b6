"""Conversations: what was received, and how far it has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, and_, case, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from afterword.schemas import ConversationFinished
from afterword.workers.core.speaking import at_offset, offset_minutes
from afterword.workers.core.turns import Turn
from afterword.workers.stores.ledger.tables import conversations

Status = Literal["received", "stored", "extracting", "done", "skipped", "dead"]
_PENDING = ("received", "stored", "extracting")


@dataclass(frozen=True, slots=True)
class Conversation:
    """A recorded conversation with its turns; `extracted_turns` of them have been extracted."""

    id: int
    tenant_id: str
    event_id: str
    user_id: str
    agent_id: str | None
    session_id: str | None
    occurred_at: datetime
    received_at: datetime
    generation: int
    turns: tuple[Turn, ...]
    metadata: dict[str, Any]
    extracted_turns: int

    @property
    def thread(self) -> str:
        """The session, or the event itself where there is none."""
        return self.session_id or f"event:{self.event_id}"


@dataclass(frozen=True, slots=True)
class Known:
    """What an event id is already recorded with."""

    id: int
    status: Status
    body_hash: bytes
    has_excerpts: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """What of a subject waits to be extracted: its tokens, and when the first and the last of it came."""

    tokens: int
    first_at: datetime | None
    last_at: datetime | None


_COLUMNS = (
    conversations.c.id,
    conversations.c.tenant_id,
    conversations.c.event_id,
    conversations.c.user_id,
    conversations.c.agent_id,
    conversations.c.session_id,
    conversations.c.occurred_at,
    conversations.c.utc_offset,
    conversations.c.received_at,
    conversations.c.generation,
    conversations.c.turns,
    conversations.c.metadata,
    conversations.c.extracted_turns,
)


def _conversation(row: Row[*tuple[Any, ...]]) -> Conversation:
    fields = row._asdict()
    fields["occurred_at"] = at_offset(fields["occurred_at"], fields.pop("utc_offset"))
    fields["turns"] = tuple(Turn.from_json(turn) for turn in fields["turns"] or ())
    return Conversation(**fields)


_RECORD = insert(conversations).on_conflict_do_nothing().returning(conversations.c.id, conversations.c.received_at)


def record(
    connection: Connection,
    event: ConversationFinished,
    *,
    turns: Sequence[Turn],
    body_hash: bytes,
    generation: int,
    now: datetime,
    skipped: str | None = None,
) -> Conversation | None:
    """The conversation as recorded; None when the event (or this part of it) already was.

    `now` is the time by PostgreSQL's clock. `skipped` is the reason why nothing will be learned from it; its turns
    are then not kept.
    """
    kept = () if skipped else tuple(turns)
    shared: dict[str, Any] = {
        "tenant_id": event.tenant_id,
        "event_id": event.event_id,
        "user_id": event.user_id,
        "agent_id": event.agent_id,
        "session_id": event.session_id,
        "occurred_at": event.occurred_at,
        "generation": generation,
        "metadata": event.metadata,
    }
    row = connection.execute(
        _RECORD,
        {
            **shared,
            "utc_offset": offset_minutes(event.occurred_at),
            "part": event.part,
            "run_id": event.run_id,
            "status": "skipped" if skipped else "received",
            "reason": skipped,
            "body_hash": body_hash,
            "turns": None if skipped else [turn.to_json() for turn in kept],
            "tokens": sum(turn.tokens for turn in turns),
            "finished_at": now if skipped else None,
        },
    ).one_or_none()
    if row is None:
        return None
    return Conversation(id=row.id, received_at=row.received_at, turns=kept, extracted_turns=0, **shared)


def known(connection: Connection, event: ConversationFinished) -> Known:
    """What this event id is recorded with."""
    row = connection.execute(
        select(
            conversations.c.id,
            conversations.c.status,
            conversations.c.body_hash,
            conversations.c.excerpts_at.is_not(None).label("has_excerpts"),
        ).where(
            conversations.c.tenant_id == event.tenant_id,
            conversations.c.event_id == event.event_id,
            conversations.c.part == event.part,
        )
    ).one()
    return Known(**row._asdict())


def by_id(connection: Connection, conversation_id: int) -> Conversation:
    """One conversation."""
    return _conversation(connection.execute(select(*_COLUMNS).where(conversations.c.id == conversation_id)).one())


def by_ids(connection: Connection, ids: Sequence[int]) -> list[Conversation]:
    """Those of the ids that exist, in the order they happened."""
    rows = connection.execute(select(*_COLUMNS).where(conversations.c.id.in_(ids)).order_by(*_ORDER))
    return [_conversation(row) for row in rows]


# The parts of an event share its time, and may be recorded in any order.
_ORDER = (conversations.c.occurred_at, conversations.c.part, conversations.c.id)


def _pending_of(tenant_id: str, user_id: str) -> ColumnElement[bool]:
    return and_(
        conversations.c.tenant_id == tenant_id,
        conversations.c.user_id == user_id,
        conversations.c.status.in_(_PENDING),
    )


def pending(connection: Connection, tenant_id: str, user_id: str, *, limit: int) -> list[Conversation]:
    """What waits to be extracted, in the order it happened."""
    rows = connection.execute(select(*_COLUMNS).where(_pending_of(tenant_id, user_id)).order_by(*_ORDER).limit(limit))
    return [_conversation(row) for row in rows]


def waiting(connection: Connection, tenant_id: str, user_id: str) -> Waiting:
    """What waits of the subject; conversations extracted in part count whole."""
    row = connection.execute(
        select(
            func.coalesce(func.sum(conversations.c.tokens), 0),
            func.min(conversations.c.received_at),
            func.max(conversations.c.received_at),
        ).where(_pending_of(tenant_id, user_id))
    ).one()
    return Waiting(int(row[0]), row[1], row[2])


def counts(connection: Connection, tenant_id: str | None = None) -> dict[str, int]:
    """How many conversations have each status, of one tenant or of all."""
    query = select(conversations.c.status, func.count()).group_by(conversations.c.status)
    if tenant_id is not None:
        query = query.where(conversations.c.tenant_id == tenant_id)
    return {str(row[0]): int(row[1]) for row in connection.execute(query)}


_MARK_EXCERPTS = text(
    """
    UPDATE conversations
    SET excerpts_at = clock_timestamp(), status = CASE status WHEN 'received' THEN 'stored' ELSE status END
    FROM (
        SELECT generation FROM subjects WHERE tenant_id = :tenant_id AND user_id = :user_id FOR KEY SHARE
    ) AS subject
    WHERE conversations.id = :id AND conversations.generation = subject.generation
    """
)


def mark_excerpts(connection: Connection, conversation: Conversation) -> bool:
    """Its excerpts are searchable. False when the subject was cleared meanwhile: then they must go again.

    When True, the subject is not cleared before the transaction ends.
    """
    key = {"id": conversation.id, "tenant_id": conversation.tenant_id, "user_id": conversation.user_id}
    return connection.execute(_MARK_EXCERPTS, key).rowcount == 1


def mark_extracting(connection: Connection, ids: Sequence[int]) -> None:
    """Their facts are journalled."""
    connection.execute(update(conversations).where(conversations.c.id.in_(ids)).values(status="extracting"))


def turns_before(connection: Connection, conversation: Conversation, *, limit: int) -> list[Turn]:
    """The last turns of its session that were recorded before it and are still kept, oldest first; at most `limit`."""
    if conversation.session_id is None:
        return []
    rows = connection.execute(
        select(conversations.c.turns)
        .where(
            conversations.c.tenant_id == conversation.tenant_id,
            conversations.c.user_id == conversation.user_id,
            conversations.c.session_id == conversation.session_id,
            conversations.c.agent_id.is_not_distinct_from(conversation.agent_id),
            conversations.c.id < conversation.id,
            conversations.c.turns.is_not(None),
        )
        .order_by(conversations.c.id.desc())
        .limit(limit)
    )
    turns = [Turn.from_json(turn) for row in reversed(rows.all()) for turn in row.turns[-limit:]]
    return turns[-limit:]


def recent(connection: Connection, tenant_id: str, user_id: str, *, limit: int) -> list[Conversation]:
    """The subject's last conversations whose turns are still kept, newest first."""
    rows = connection.execute(
        select(*_COLUMNS)
        .where(
            conversations.c.tenant_id == tenant_id,
            conversations.c.user_id == user_id,
            conversations.c.turns.is_not(None),
        )
        .order_by(conversations.c.occurred_at.desc(), conversations.c.id.desc())
        .limit(limit)
    )
    return [_conversation(row) for row in rows]


def advance(connection: Connection, conversation_id: int, *, extracted_turns: int) -> bool:
    """Turns up to `extracted_turns` are extracted; whether the conversation is done with that, as with its last one."""
    whole = func.jsonb_array_length(conversations.c.turns) <= extracted_turns
    status = connection.execute(
        update(conversations)
        .where(conversations.c.id == conversation_id)
        .values(
            extracted_turns=extracted_turns,
            status=case((whole, "done"), else_="stored"),
            finished_at=case((whole, func.clock_timestamp()), else_=None),
        )
        .returning(conversations.c.status)
    ).scalar_one()
    return bool(status == "done")


def finish(connection: Connection, ids: Sequence[int], status: Status, reason: str) -> None:
    """End conversations without (more) facts."""
    connection.execute(
        update(conversations)
        .where(conversations.c.id.in_(ids))
        .values(status=status, reason=reason, finished_at=func.clock_timestamp())
    )


def revive(connection: Connection, conversation_id: int) -> Conversation | None:
    """Let a dead conversation wait for extraction again; None when it is not dead, or nothing of it is kept."""
    row = connection.execute(
        update(conversations)
        .where(
            conversations.c.id == conversation_id, conversations.c.status == "dead", conversations.c.turns.is_not(None)
        )
        .values(
            status=case((conversations.c.excerpts_at.is_(None), "received"), else_="stored"),
            reason=None,
            finished_at=None,
        )
        .returning(*_COLUMNS)
    ).one_or_none()
    return _conversation(row) if row else None


def drop_transcript(connection: Connection, conversation_id: int) -> None:
    """Forget what was said in one conversation."""
    connection.execute(update(conversations).where(conversations.c.id == conversation_id).values(turns=None))


def clear(connection: Connection, tenant_id: str, user_id: str, session_id: str | None = None) -> None:
    """Nothing of the subject (of one session of theirs) waits any more, and nothing of what was said is kept."""
    of_subject = and_(conversations.c.tenant_id == tenant_id, conversations.c.user_id == user_id)
    if session_id is not None:
        of_subject = and_(of_subject, conversations.c.session_id == session_id)
    connection.execute(
        update(conversations)
        .where(of_subject, conversations.c.status.in_(_PENDING))
        .values(status="skipped", reason="cleared", finished_at=func.clock_timestamp())
    )
    connection.execute(update(conversations).where(of_subject).values(turns=None, metadata={}))


def carry_over(connection: Connection, tenant_id: str, user_id: str, *, but: str, generation: int) -> None:
    """All conversations of the subject but those of one session are of this generation from now on."""
    connection.execute(
        update(conversations)
        .where(
            conversations.c.tenant_id == tenant_id,
            conversations.c.user_id == user_id,
            conversations.c.session_id.is_distinct_from(but),
        )
        .values(generation=generation)
    )


def without_excerpts(connection: Connection, *, older_than: timedelta, limit: int) -> list[Conversation]:
    """Conversations whose excerpts could not be written when they came.

    In no order, so that one whose excerpts cannot be written at all does not stand before the others for ever.
    """
    rows = connection.execute(
        select(*_COLUMNS)
        .where(
            conversations.c.excerpts_at.is_(None),
            conversations.c.turns.is_not(None),
            conversations.c.received_at < func.clock_timestamp() - older_than,
        )
        .order_by(func.random())
        .limit(limit)
    )
    return [_conversation(row) for row in rows]
