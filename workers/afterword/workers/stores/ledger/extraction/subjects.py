"""Subjects: whose memories they are, and when they are due. Who works on them is written by `claims`.

All times are PostgreSQL's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Table,
    Text,
    and_,
    bindparam,
    case,
    func,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from afterword.workers.stores.ledger.metadata import count, metadata, moment

subjects = Table(
    "subjects",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    # Raised by clear and erase: work begun under an older generation is void.
    Column("generation", BigInteger, nullable=False, server_default="0"),
    # Raised by every claim: a commit under an older fence is refused.
    Column("fence", BigInteger, nullable=False, server_default="0"),
    moment("due_at"),
    moment("first_at"),
    moment("lease_until"),
    count("pending_tokens"),
    count("attempts"),
    # How many turns a batch may hold while one that cannot be extracted is looked for; NULL: any.
    Column("batch_limit", Integer),
    Column("last_error", Text),
    # As an event of theirs named it last.
    Column("time_zone", Text),
    # When memories of it were last cleared: what was seen before is not written down any more.
    moment("cleared_at"),
    moment("created_at", now=True),
    Index("ix_subjects_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
)


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject whose row this transaction has locked, and the time by PostgreSQL's clock."""

    tenant_id: str
    user_id: str
    generation: int
    first_at: datetime | None
    pending_tokens: int
    # When its failed extraction is tried again; None while none has failed.
    retry_at: datetime | None
    # As an event of theirs named it last.
    time_zone: str | None
    now: datetime


def _is(tenant_id: str, user_id: str) -> ColumnElement[bool]:
    return and_(subjects.c.tenant_id == tenant_id, subjects.c.user_id == user_id)


_LOCK = (
    select(
        subjects.c.generation,
        subjects.c.first_at,
        subjects.c.pending_tokens,
        case((subjects.c.last_error.is_not(None), subjects.c.due_at)).label("retry_at"),
        subjects.c.time_zone,
        func.clock_timestamp().label("now"),
    )
    .where(subjects.c.tenant_id == bindparam("tenant_id"), subjects.c.user_id == bindparam("user_id"))
    .with_for_update()
)


def lock(connection: Connection, tenant_id: str, user_id: str) -> Subject:
    """The subject's row, made if it is new, locked until the end of the transaction."""
    key = {"tenant_id": tenant_id, "user_id": user_id}
    row = connection.execute(_LOCK, key).one_or_none()
    if row is None:
        connection.execute(insert(subjects).values(key).on_conflict_do_nothing())
        row = connection.execute(_LOCK, key).one()
    return Subject(tenant_id, user_id, **row._asdict())


_NOTE_PENDING = text(
    """
    UPDATE subjects
    SET due_at = :due_at, first_at = COALESCE(first_at, :now), pending_tokens = pending_tokens + :tokens
    WHERE tenant_id = :tenant_id AND user_id = :user_id
    """
)


def note_pending(connection: Connection, subject: Subject, *, due_at: datetime, tokens: int) -> None:
    """There are `tokens` more to extract; the subject is due at `due_at`."""
    key = {"tenant_id": subject.tenant_id, "user_id": subject.user_id, "now": subject.now}
    connection.execute(_NOTE_PENDING, {**key, "due_at": due_at, "tokens": tokens})


def note_time_zone(connection: Connection, tenant_id: str, user_id: str, time_zone: str | None) -> None:
    """Note where the user is, for their events that do not tell; None forgets it."""
    connection.execute(update(subjects).where(_is(tenant_id, user_id)).values(time_zone=time_zone))


def due_count(connection: Connection, limit: int) -> int:
    """How many subjects are due and free, counted up to `limit`."""
    free = (subjects.c.lease_until.is_(None)) | (subjects.c.lease_until < func.clock_timestamp())
    due = select(subjects.c.user_id).where(subjects.c.due_at <= func.clock_timestamp(), free).limit(limit)
    return int(connection.execute(select(func.count()).select_from(due.subquery())).scalar_one())


def generation(connection: Connection, tenant_id: str, user_id: str) -> int:
    """The subject's present generation; 0 for one never seen."""
    found = connection.execute(select(subjects.c.generation).where(_is(tenant_id, user_id))).scalar_one_or_none()
    return found or 0


def in_work(connection: Connection, tenant_id: str, user_id: str) -> bool:
    """Whether a worker holds the subject."""
    leased = subjects.c.lease_until > func.clock_timestamp()
    return connection.execute(select(subjects.c.user_id).where(_is(tenant_id, user_id), leased)).first() is not None


def raise_generation(connection: Connection, tenant_id: str, user_id: str) -> None:
    """Void all work in flight for the subject; nothing is due any more."""
    connection.execute(
        update(subjects)
        .where(_is(tenant_id, user_id))
        .values(
            generation=subjects.c.generation + 1,
            due_at=None,
            first_at=None,
            lease_until=None,
            pending_tokens=0,
            attempts=0,
            batch_limit=None,
            last_error=None,
        )
    )


def note_cleared(connection: Connection, tenant_id: str, user_id: str) -> datetime:
    """Memories of the subject are cleared now: what happened before then is not written down any more."""
    noted = update(subjects).where(_is(tenant_id, user_id)).values(cleared_at=func.clock_timestamp())
    at: datetime = connection.execute(noted.returning(subjects.c.cleared_at)).scalar_one()
    return at


def cleared_at(connection: Connection, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], datetime]:
    """When subjects (tenant, user) were last cleared; those that never were are left out.

    None of them is cleared before the transaction ends.
    """
    # Held by `lock`, and by nothing that a worker does with a claim; in order, as all who hold several.
    rows = connection.execute(
        select(subjects.c.tenant_id, subjects.c.user_id, subjects.c.cleared_at)
        .where(tuple_(subjects.c.tenant_id, subjects.c.user_id).in_(list(keys)))
        .order_by(subjects.c.tenant_id, subjects.c.user_id)
        .with_for_update(read=True, key_share=True)
    )
    return {(row.tenant_id, row.user_id): row.cleared_at for row in rows if row.cleared_at is not None}


def users(connection: Connection, tenant_id: str, *, after: str, limit: int) -> list[str]:
    """User ids of a tenant in order, those after `after`."""
    found = connection.execute(
        select(subjects.c.user_id)
        .where(subjects.c.tenant_id == tenant_id, subjects.c.user_id > after)
        .order_by(subjects.c.user_id)
        .limit(limit)
    )
    return list(found.scalars())
