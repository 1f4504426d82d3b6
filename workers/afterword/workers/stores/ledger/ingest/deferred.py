"""Deferred events: conversations over a limit, kept whole until there is room for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Identity,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from afterword.schemas import ConversationFinished
from afterword.workers.stores.ledger.metadata import count, metadata, moment

deferred_events = Table(
    "deferred_events",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("agent_id", Text),
    Column("session_id", Text),
    Column("event_id", Text, nullable=False),
    count("part"),
    Column("body_hash", LargeBinary, nullable=False),
    # The event as JSON: it is taken in as if it came now.
    Column("body", Text, nullable=False),
    # Whose limit it was over when it came: `user`, `agent` or `tenant`.
    Column("owner", Text, nullable=False),
    Column("reason", Text, nullable=False),
    moment("deferred_at", now=True),
    # When it is tried again; NULL while others of its user stand before it.
    moment("due_at"),
    # With its digest: another event of the same id must be seen as a conflict, later as well.
    UniqueConstraint("tenant_id", "user_id", "event_id", "part", "body_hash"),
    Index("ix_deferred_events_subject", "tenant_id", "user_id", "id"),
    Index("ix_deferred_events_age", "deferred_at"),
    Index("ix_deferred_events_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
)


@dataclass(frozen=True, slots=True)
class DeferredEvent:
    """An event that waits."""

    id: int
    tenant_id: str
    user_id: str
    agent_id: str | None
    event_id: str
    body: str
    reason: str
    deferred_at: datetime


@dataclass(frozen=True, slots=True)
class DeferredBacklog:
    """How many events wait by whose limit, and for how many seconds the oldest has."""

    by_owner: dict[str, int]
    oldest_age: float


_COLUMNS = tuple(deferred_events.c[name] for name in DeferredEvent.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class WaitReason:
    """Why an event waits: whose limit it was over, in words, and after how many seconds it is tried again. None: behind
    others of its user.
    """

    owner: str
    words: str
    seconds: int | None


def put(connection: Connection, event: ConversationFinished, *, body_hash: bytes, why: WaitReason) -> bool:
    """Keep an event until there is room for it; False where it waits already."""
    row = insert(deferred_events).values(
        tenant_id=event.tenant_id,
        user_id=event.user_id,
        agent_id=event.agent_id,
        session_id=event.session_id,
        event_id=event.event_id,
        part=event.part,
        body_hash=body_hash,
        body=event.model_dump_json(exclude_none=True),
        owner=why.owner,
        reason=why.words,
        due_at=None if why.seconds is None else _in(why.seconds),
    )
    written = row.on_conflict_do_nothing().returning(deferred_events.c.id)
    return connection.execute(written).one_or_none() is not None


def before(connection: Connection, tenant_id: str, user_id: str) -> WaitReason | None:
    """Why an event has to wait that comes now: behind the oldest that waits of its user; None where none does."""
    wanted = select(deferred_events.c.owner, deferred_events.c.reason).where(*_of(tenant_id, user_id))
    row = connection.execute(wanted.order_by(deferred_events.c.id).limit(1)).one_or_none()
    return None if row is None else WaitReason(row.owner, row.reason, None)


def due(connection: Connection, *, limit: int) -> list[DeferredEvent]:
    """Events that are to be tried now, at most one of each user: the oldest of theirs."""
    is_due = deferred_events.c.due_at <= func.clock_timestamp()
    wanted = select(*_COLUMNS).where(is_due).order_by(deferred_events.c.due_at).limit(limit)
    return [DeferredEvent(**row._asdict()) for row in connection.execute(wanted)]


def put_off(connection: Connection, id: int, seconds: int) -> None:
    """Try an event again after so many seconds."""
    connection.execute(update(deferred_events).where(deferred_events.c.id == id).values(due_at=_in(seconds)))


def advance(connection: Connection, tenant_id: str, user_id: str) -> None:
    """Let the oldest event that waits of a user be tried. Whoever takes events out calls it, under the subject's lock:
    who is behind others is not tried.
    """
    oldest = select(func.min(deferred_events.c.id)).where(*_of(tenant_id, user_id)).scalar_subquery()
    theirs = (deferred_events.c.id == oldest, deferred_events.c.due_at.is_(None))
    connection.execute(update(deferred_events).where(*theirs).values(due_at=func.clock_timestamp()))


def older_than(connection: Connection, age: timedelta, *, limit: int) -> list[DeferredEvent]:
    """Events that have waited for so long, the oldest first."""
    old = deferred_events.c.deferred_at < func.clock_timestamp() - age
    wanted = select(*_COLUMNS).where(old).order_by(deferred_events.c.id).limit(limit)
    return [DeferredEvent(**row._asdict()) for row in connection.execute(wanted)]


def remove(connection: Connection, id: int) -> bool:
    """Take an event out; False where it is gone."""
    return bool(connection.execute(delete(deferred_events).where(deferred_events.c.id == id)).rowcount)


def remove_of(connection: Connection, tenant_id: str, user_id: str, session_id: str | None = None) -> Sequence[str]:
    """Take out the events of a user, or of one session of theirs; their bodies."""
    theirs = _of(tenant_id, user_id)
    if session_id is not None:
        theirs = (*theirs, deferred_events.c.session_id == session_id)
    gone = connection.execute(delete(deferred_events).where(*theirs).returning(deferred_events.c.body)).scalars().all()
    advance(connection, tenant_id, user_id)
    return gone


def of_event(connection: Connection, tenant_id: str, user_id: str, event_id: str) -> DeferredEvent | None:
    """The oldest part that waits of an event; None where none does."""
    wanted = select(*_COLUMNS).where(*_of(tenant_id, user_id), deferred_events.c.event_id == event_id)
    row = connection.execute(wanted.order_by(deferred_events.c.id).limit(1)).one_or_none()
    return None if row is None else DeferredEvent(**row._asdict())


def waiting(connection: Connection) -> DeferredBacklog:
    """How many events wait, and for how long."""
    age = func.extract("epoch", func.clock_timestamp() - func.min(deferred_events.c.deferred_at))
    counted = select(deferred_events.c.owner, func.count(), age).group_by(deferred_events.c.owner)
    rows = connection.execute(counted).all()
    return DeferredBacklog({row[0]: int(row[1]) for row in rows}, max((float(row[2]) for row in rows), default=0.0))


def _in(seconds: int) -> ColumnElement[object]:
    return func.clock_timestamp() + timedelta(seconds=seconds)


def _of(tenant_id: str, user_id: str) -> tuple[ColumnElement[bool], ...]:
    return deferred_events.c.tenant_id == tenant_id, deferred_events.c.user_id == user_id
