"""Conversations as they were taken in. `excerpts`, `transcripts` and `progress` write what becomes of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Identity,
    Index,
    LargeBinary,
    Row,
    Table,
    Text,
    UniqueConstraint,
    and_,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert

from afterword.schemas import ConversationFinished
from afterword.workers.core.speaking import at_offset, offset_minutes
from afterword.workers.core.turns import Turn
from afterword.workers.stores.ledger.metadata import count, metadata, moment

conversations = Table(
    "conversations",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    count("part"),
    Column("user_id", Text, nullable=False),
    Column("agent_id", Text),
    Column("session_id", Text),
    Column("run_id", Text),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    # Minutes by which the speaker's clock was ahead of UTC then.
    count("utc_offset"),
    moment("received_at", now=True),
    # received → stored (excerpts are searchable) → extracting → done | skipped | dead
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("body_hash", LargeBinary, nullable=False),
    Column("generation", BigInteger, nullable=False),
    # The turns of user and assistant; NULL once the transcript was dropped.
    Column("turns", JSONB(none_as_null=True)),
    Column("metadata", JSONB, nullable=False, server_default="{}"),
    count("tokens"),
    # How many of the turns have been extracted: a long conversation takes several batches.
    count("extracted_turns"),
    moment("excerpts_at"),
    moment("finished_at"),
    UniqueConstraint("tenant_id", "user_id", "event_id", "part"),
    Index("ix_conversations_subject", "tenant_id", "user_id", "occurred_at", "id"),
    Index(
        "ix_conversations_pending",
        "tenant_id",
        "user_id",
        "occurred_at",
        "id",
        postgresql_where=text("status IN ('received', 'stored', 'extracting')"),
    ),
    Index(
        "ix_conversations_without_excerpts",
        "received_at",
        postgresql_where=text("excerpts_at IS NULL AND turns IS NOT NULL"),
    ),
    Index("ix_conversations_finished_at", "finished_at", postgresql_where=text("turns IS NOT NULL")),
)

ConversationStatus = Literal["received", "stored", "extracting", "done", "skipped", "dead"]
VERBATIM = "verbatim: no LLM is configured"
"""The reason of conversations that were skipped since no LLM was set when they came."""
PENDING = ("received", "stored", "extracting")
UNEXTRACTED = or_(conversations.c.status.in_(PENDING), conversations.c.reason == VERBATIM)
"""Waits for extraction, or for an LLM that may come (`afterword extract`)."""


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
    """How an event id of a user is already recorded."""

    id: int
    status: ConversationStatus
    body_hash: bytes
    has_excerpts: bool


# The columns of a Conversation; its `occurred_at` is made of two.
COLUMNS = (
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
# The parts of an event share its time, and may be recorded in any order.
ORDER = (conversations.c.occurred_at, conversations.c.part, conversations.c.id)


def conversation_of(row: Row[*tuple[Any, ...]]) -> Conversation:
    """A row of COLUMNS, and maybe of others, as a conversation."""
    fields = {column.name: row._mapping[column.name] for column in COLUMNS}
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
    # Nothing is learned from it, so nothing that was said is kept.
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
    """The record of an event that is there already. The same id of another user is another event."""
    row = connection.execute(
        select(
            conversations.c.id,
            conversations.c.status,
            conversations.c.body_hash,
            conversations.c.excerpts_at.is_not(None).label("has_excerpts"),
        ).where(
            conversations.c.tenant_id == event.tenant_id,
            conversations.c.user_id == event.user_id,
            conversations.c.event_id == event.event_id,
            conversations.c.part == event.part,
        )
    ).one()
    return Known(**row._asdict())


def by_id(connection: Connection, conversation_id: int) -> Conversation:
    """One conversation."""
    return conversation_of(connection.execute(select(*COLUMNS).where(conversations.c.id == conversation_id)).one())


def by_ids(connection: Connection, ids: Sequence[int]) -> list[Conversation]:
    """Those of the ids that exist, in the order they happened."""
    rows = connection.execute(select(*COLUMNS).where(conversations.c.id.in_(ids)).order_by(*ORDER))
    return [conversation_of(row) for row in rows]


def counts(connection: Connection, tenant_id: str | None = None) -> dict[str, int]:
    """How many conversations have each status, of one tenant or of all."""
    query = select(conversations.c.status, func.count()).group_by(conversations.c.status)
    if tenant_id is not None:
        query = query.where(conversations.c.tenant_id == tenant_id)
    return {str(row[0]): int(row[1]) for row in connection.execute(query)}


def recent(connection: Connection, tenant_id: str, user_id: str, *, limit: int) -> list[Conversation]:
    """The subject's last conversations whose turns are still kept, newest first."""
    rows = connection.execute(
        select(*COLUMNS)
        .where(
            conversations.c.tenant_id == tenant_id,
            conversations.c.user_id == user_id,
            conversations.c.turns.is_not(None),
        )
        .order_by(conversations.c.occurred_at.desc(), conversations.c.id.desc())
        .limit(limit)
    )
    return [conversation_of(row) for row in rows]


def with_turns(
    connection: Connection, tenant_id: str, user_id: str, *, session_id: str | None, event_id: str | None
) -> list[Conversation]:
    """Those of a session, or those of an event without one, whose turns are still kept; in the order they happened."""
    of_thread = conversations.c.session_id == session_id
    if session_id is None:
        of_thread = and_(conversations.c.session_id.is_(None), conversations.c.event_id == event_id)
    of_user = (conversations.c.tenant_id == tenant_id, conversations.c.user_id == user_id)
    rows = connection.execute(
        select(*COLUMNS).where(*of_user, of_thread, conversations.c.turns.is_not(None)).order_by(*ORDER)
    )
    return [conversation_of(row) for row in rows]


def of_event(connection: Connection, tenant_id: str, user_id: str, event_id: str) -> list[Conversation]:
    """The parts of a user's event, in their order, with the turns that are still kept."""
    of_user = (conversations.c.tenant_id == tenant_id, conversations.c.user_id == user_id)
    rows = connection.execute(
        select(*COLUMNS).where(*of_user, conversations.c.event_id == event_id).order_by(conversations.c.part)
    )
    return [conversation_of(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Told:
    """A conversation, and how far it has come."""

    conversation: Conversation
    part: int
    status: ConversationStatus
    reason: str | None


def after(connection: Connection, tenant_id: str, user_id: str, *, row_id: int, limit: int) -> list[Told]:
    """A user's conversations that were recorded after one, in the order they were."""
    c = conversations.c
    of_user = (c.tenant_id == tenant_id, c.user_id == user_id, c.id > row_id)
    rows = connection.execute(select(*COLUMNS, c.part, c.status, c.reason).where(*of_user).order_by(c.id).limit(limit))
    return [Told(conversation_of(row), row.part, row.status, row.reason) for row in rows]


def clear(connection: Connection, tenant_id: str, user_id: str, session_id: str | None = None) -> None:
    """End the waiting conversations of a subject, or of one session, and forget the words of all of them."""
    of_subject = and_(conversations.c.tenant_id == tenant_id, conversations.c.user_id == user_id)
    if session_id is not None:
        of_subject = and_(of_subject, conversations.c.session_id == session_id)
    connection.execute(
        update(conversations)
        .where(of_subject, UNEXTRACTED)
        .values(status="skipped", reason="cleared", finished_at=func.clock_timestamp())
    )
    connection.execute(update(conversations).where(of_subject).values(turns=None, metadata={}))


def end_waiting(connection: Connection, tenant_id: str, user_id: str, reason: str) -> None:
    """End the conversations of a user that wait to be learned from, and forget their words."""
    c = conversations.c
    # Of the dead ones, too: they could be replayed. And of those whose excerpts are still to be written.
    waiting = or_(UNEXTRACTED, c.status == "dead", c.excerpts_at.is_(None))
    of_user = (c.tenant_id == tenant_id, c.user_id == user_id, c.turns.is_not(None))
    ended = {"status": "skipped", "reason": reason, "turns": None, "finished_at": func.clock_timestamp()}
    connection.execute(update(conversations).where(*of_user, waiting).values(ended))


def carry_over(
    connection: Connection, tenant_id: str, user_id: str, *, but: str | None = None, generation: int
) -> None:
    """Raise all conversations of the subject, but those of one session, to this generation."""
    of_subject = and_(conversations.c.tenant_id == tenant_id, conversations.c.user_id == user_id)
    if but is not None:
        # IS DISTINCT FROM also holds for conversations without a session.
        of_subject = and_(of_subject, conversations.c.session_id.is_distinct_from(but))
    connection.execute(update(conversations).where(of_subject).values(generation=generation))
