"""Progress: which conversations wait to be extracted, and how far extraction has come with each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, and_, bindparam, case, func, or_, select, text, update
from sqlalchemy.sql.dml import ReturningUpdate

from afterword.workers.stores.ledger.ingest.conversations import (
    COLUMNS,
    ORDER,
    PENDING,
    VERBATIM,
    Conversation,
    ConversationStatus,
    conversation_of,
    conversations,
)


@dataclass(frozen=True, slots=True)
class Skipped:
    """Conversations that were skipped for want of an LLM, and how many of their transcripts are kept."""

    all: int
    kept: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much of a subject waits for extraction, in tokens, and when the first and the last of it came."""

    tokens: int
    first_at: datetime | None
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class PartProgress:
    """How far a part of an event has come. `searchable`: its words can be found, or none of them are kept."""

    status: ConversationStatus
    reason: str | None
    searchable: bool
    received_at: datetime
    finished_at: datetime | None


def of_event(connection: Connection, tenant_id: str, user_id: str, event_id: str) -> list[PartProgress]:
    """How far each part of an event has come; empty when nothing of it was taken in."""
    rows = connection.execute(
        select(
            conversations.c.status,
            conversations.c.reason,
            or_(conversations.c.excerpts_at.is_not(None), conversations.c.turns.is_(None)).label("searchable"),
            conversations.c.received_at,
            conversations.c.finished_at,
        )
        .where(
            conversations.c.tenant_id == tenant_id,
            conversations.c.user_id == user_id,
            conversations.c.event_id == event_id,
        )
        .order_by(conversations.c.part)
    )
    return [PartProgress(**row._asdict()) for row in rows]


def pending(connection: Connection, tenant_id: str, user_id: str, *, limit: int) -> list[Conversation]:
    """The conversations that wait for extraction, in the order they happened."""
    rows = connection.execute(select(*COLUMNS).where(_pending_of(tenant_id, user_id)).order_by(*ORDER).limit(limit))
    return [conversation_of(row) for row in rows]


def waiting(connection: Connection, tenant_id: str, user_id: str) -> Waiting:
    """How much of a subject waits. A conversation that is extracted in part counts as a whole."""
    row = connection.execute(
        select(
            func.coalesce(func.sum(conversations.c.tokens), 0),
            func.min(conversations.c.received_at),
            func.max(conversations.c.received_at),
        ).where(_pending_of(tenant_id, user_id))
    ).one()
    return Waiting(int(row[0]), row[1], row[2])


def mark_extracting(connection: Connection, ids: Sequence[int]) -> None:
    """Note that their facts are journalled."""
    connection.execute(update(conversations).where(conversations.c.id.in_(ids)).values(status="extracting"))


def advance(connection: Connection, conversation_id: int, *, extracted_turns: int) -> bool:
    """Note that the turns up to `extracted_turns` are extracted. Returns whether the conversation is done with that."""
    whole = func.jsonb_array_length(conversations.c.turns) <= extracted_turns
    status = connection.execute(
        update(conversations)
        .where(conversations.c.id == conversation_id)
        .values(
            extracted_turns=extracted_turns,
            # Stored again: the rest of a long conversation waits for the next batch.
            status=case((whole, "done"), else_="stored"),
            finished_at=case((whole, func.clock_timestamp()), else_=None),
        )
        .returning(conversations.c.status)
    ).scalar_one()
    return bool(status == "done")


def finish(connection: Connection, ids: Sequence[int], status: ConversationStatus, reason: str) -> None:
    """End conversations without (more) facts."""
    connection.execute(
        update(conversations)
        .where(conversations.c.id.in_(ids))
        .values(status=status, reason=reason, finished_at=func.clock_timestamp())
    )


_SET_ASIDE = text(
    """
    INSERT INTO conversations (
        tenant_id, event_id, part, user_id, agent_id, session_id, run_id, occurred_at, utc_offset, received_at,
        status, body_hash, generation, turns, metadata, tokens, excerpts_at
    )
    SELECT tenant_id, event_id, (
            SELECT least(min(part), 0) - 1 FROM conversations AS parts
            WHERE (parts.tenant_id, parts.user_id, parts.event_id) = (whole.tenant_id, whole.user_id, whole.event_id)
        ), user_id, agent_id, session_id, run_id, occurred_at, utc_offset, received_at,
        'stored', body_hash, generation, jsonb_build_array(turns -> :place), metadata, :tokens, excerpts_at
    FROM conversations AS whole WHERE id = :id
    RETURNING id
    """
).bindparams(bindparam("place", type_=Integer))
_WITHOUT = text(
    "UPDATE conversations SET turns = turns - :place, tokens = greatest(tokens - :tokens, 0) WHERE id = :id"
).bindparams(bindparam("place", type_=Integer))


def set_aside(connection: Connection, conversation_id: int, place: int, *, tokens: int) -> int:
    """Make a turn that cannot be extracted a conversation of its own; its id.

    The others go on without it; it can be listed, replayed and forgotten as any conversation. Its part is negative:
    no producer counts so.
    """
    turn = {"id": conversation_id, "place": place, "tokens": tokens}
    made: int = connection.execute(_SET_ASIDE, turn).scalar_one()
    connection.execute(_WITHOUT, turn)
    return made


def waiting_ids(connection: Connection, tenant_id: str, user_id: str, *, limit: int) -> list[tuple[int, str]]:
    """The ids and event ids of what `pending` gives, without reading what was said."""
    which = select(conversations.c.id, conversations.c.event_id).where(_pending_of(tenant_id, user_id))
    return [(row.id, row.event_id) for row in connection.execute(which.order_by(*ORDER).limit(limit))]


def revive(connection: Connection, conversation_id: int) -> Conversation | None:
    """Let a dead conversation wait for extraction again; None when it is not dead, or nothing of it is kept."""
    dead = and_(
        conversations.c.id == conversation_id, conversations.c.status == "dead", conversations.c.turns.is_not(None)
    )
    row = connection.execute(_revived(dead)).one_or_none()
    return conversation_of(row) if row else None


def skip_verbatim(connection: Connection, conversation_id: int) -> None:
    """End a conversation without facts, since no LLM is set. Its transcript is kept for the day when one is."""
    finish(connection, [conversation_id], "skipped", VERBATIM)


def count_verbatim(connection: Connection, *, since: datetime | None = None, tenant_id: str | None = None) -> Skipped:
    """The conversations that were skipped for want of an LLM."""
    kept = func.count().filter(conversations.c.turns.is_not(None))
    row = connection.execute(select(func.count(), kept).where(_verbatim(since, tenant_id))).one()
    return Skipped(int(row[0]), int(row[1]))


def owners_of_verbatim(
    connection: Connection, *, since: datetime | None, tenant_id: str | None, limit: int
) -> list[tuple[str, str]]:
    """Tenants and users of conversations that were skipped for want of an LLM and whose transcript is kept, sorted."""
    owner = (conversations.c.tenant_id, conversations.c.user_id)
    wanted = and_(_verbatim(since, tenant_id), conversations.c.turns.is_not(None))
    rows = connection.execute(select(*owner).where(wanted).distinct().order_by(*owner).limit(limit))
    return [(row[0], row[1]) for row in rows]


def revive_verbatim(
    connection: Connection, tenant_id: str, user_id: str, *, since: datetime | None
) -> list[Conversation]:
    """Let a subject's conversations that were skipped for want of an LLM wait for extraction."""
    wanted = and_(_verbatim(since, tenant_id), conversations.c.user_id == user_id, conversations.c.turns.is_not(None))
    return [conversation_of(row) for row in connection.execute(_revived(wanted))]


def _revived(wanted: ColumnElement[bool]) -> ReturningUpdate[Any]:
    return (
        update(conversations)
        .where(wanted)
        .values(
            # It goes on where it ended: its excerpts may still be wanting.
            status=case((conversations.c.excerpts_at.is_(None), "received"), else_="stored"),
            reason=None,
            finished_at=None,
        )
        .returning(*COLUMNS)
    )


def _verbatim(since: datetime | None, tenant_id: str | None) -> ColumnElement[bool]:
    return and_(
        conversations.c.status == "skipped",
        conversations.c.reason == VERBATIM,
        *([conversations.c.occurred_at >= since] if since else []),
        *([conversations.c.tenant_id == tenant_id] if tenant_id else []),
    )


def _pending_of(tenant_id: str, user_id: str) -> ColumnElement[bool]:
    return and_(
        conversations.c.tenant_id == tenant_id,
        conversations.c.user_id == user_id,
        conversations.c.status.in_(PENDING),
    )
