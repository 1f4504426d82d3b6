"""Subjects: the users whose memories are extracted, and when each is due. `claims` writes who works on one.

All times are PostgreSQL's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Boolean,
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
    delete,
    func,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from afterword.workers.core.errors import BeingErased, Erased
from afterword.workers.stores.ledger import erasures
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
    # When an earlier subject of this name was erased: what is from before then is refused.
    moment("erased_at"),
    # While it is being erased nothing is written for it.
    Column("erasing", Boolean, nullable=False, server_default=text("false")),
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
    # When an earlier subject of this name was erased. What is from before then is refused.
    erased_at: datetime | None
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
        subjects.c.erased_at,
        subjects.c.erasing,
        func.clock_timestamp().label("now"),
    )
    .where(subjects.c.tenant_id == bindparam("tenant_id"), subjects.c.user_id == bindparam("user_id"))
    .with_for_update()
)


def lock(connection: Connection, tenant_id: str, user_id: str) -> Subject:
    """The subject's row, made if it is new, locked until the end of the transaction.

    Raises: BeingErased; whoever writes for a subject locks it, so that nothing is written for one that is being erased.
    """
    key = {"tenant_id": tenant_id, "user_id": user_id}
    row = connection.execute(_LOCK, key).one_or_none()
    if row is None:
        # Two may find no row at the same time: one of them makes it, and both then wait for its lock.
        connection.execute(
            insert(subjects).values(key | _after_erasure(connection, tenant_id, user_id)).on_conflict_do_nothing()
        )
        row = connection.execute(_LOCK, key).one()
    found = row._asdict()
    if found.pop("erasing"):
        raise BeingErased("this user is being erased: ask again in some seconds")
    return Subject(tenant_id, user_id, **found)


def _after_erasure(connection: Connection, tenant_id: str, user_id: str) -> dict[str, object]:
    """The first values of a subject of whose name one was erased.

    Its generation is one that no earlier subject had: a worker that still holds work of the erased one must not take
    this one for it.
    """
    erased_at = erasures.erased_at(connection, tenant_id, [user_id]).get(user_id)
    if erased_at is None:
        return {}
    return {"erased_at": erased_at, "generation": int(erased_at.timestamp() * 1_000)}


def begin_erasing(connection: Connection, tenant_id: str, user_id: str, at: datetime) -> None:
    """Refuse, from the commit on, whatever would be written for the subject, and what is from before `at` for ever."""
    connection.execute(update(subjects).where(_is(tenant_id, user_id)).values(erasing=True, erased_at=at))


def refuse_erased(connection: Connection, tenant_id: str, user_id: str, *, since: datetime) -> None:
    """Refuse what was begun at `since`, before the subject was erased; its row is locked already. Raises: Erased."""
    at = connection.execute(select(subjects.c.erased_at).where(_is(tenant_id, user_id))).scalar_one_or_none()
    if at is not None and since <= at:
        raise Erased("the user was erased meanwhile")


def is_erased(connection: Connection, tenant_id: str, user_id: str) -> bool:
    """Whether the subject is being erased, or was erased and never came back.

    It is not erased before the transaction ends.
    """
    # This waits for `lock`, which an erasure takes, but not for the updates of a claim.
    found = connection.execute(
        select(subjects.c.erasing).where(_is(tenant_id, user_id)).with_for_update(read=True, key_share=True)
    ).one_or_none()
    return bool(erasures.erased_at(connection, tenant_id, [user_id])) if found is None else bool(found.erasing)


def forget(connection: Connection, tenant_id: str, user_id: str) -> int:
    """Remove the subject's row; how many there were."""
    return connection.execute(delete(subjects).where(_is(tenant_id, user_id))).rowcount


_NOTE_PENDING = text(
    """
    UPDATE subjects
    SET due_at = :due_at, first_at = COALESCE(first_at, :now), pending_tokens = pending_tokens + :tokens
    WHERE tenant_id = :tenant_id AND user_id = :user_id
    """
)


def note_pending(connection: Connection, subject: Subject, *, due_at: datetime, tokens: int) -> None:
    """Note that `tokens` more wait for extraction, and that the subject is due at `due_at`."""
    key = {"tenant_id": subject.tenant_id, "user_id": subject.user_id, "now": subject.now}
    connection.execute(_NOTE_PENDING, {**key, "due_at": due_at, "tokens": tokens})


def note_time_zone(connection: Connection, tenant_id: str, user_id: str, time_zone: str | None) -> None:
    """Note where the user is, for their events that do not tell; None forgets it."""
    connection.execute(update(subjects).where(_is(tenant_id, user_id)).values(time_zone=time_zone))


def due_count(connection: Connection, limit: int) -> int:
    """How many subjects are due and free, counted up to `limit`."""
    free = (subjects.c.lease_until.is_(None)) | (subjects.c.lease_until < func.clock_timestamp())
    # The bound stands inside, so that the scan ends there however many are due.
    due = select(subjects.c.user_id).where(subjects.c.due_at <= func.clock_timestamp(), free).limit(limit)
    return int(connection.execute(select(func.count()).select_from(due.subquery())).scalar_one())


def generation(connection: Connection, tenant_id: str, user_id: str) -> int | None:
    """The subject's present generation; None for one that was never seen, or was erased."""
    return connection.execute(select(subjects.c.generation).where(_is(tenant_id, user_id))).scalar_one_or_none()


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
    """Note that memories of the subject are cleared now. Queries from before then are not recorded any more."""
    noted = update(subjects).where(_is(tenant_id, user_id)).values(cleared_at=func.clock_timestamp())
    at: datetime = connection.execute(noted.returning(subjects.c.cleared_at)).scalar_one()
    return at


_A_DAY = timedelta(days=1)


def cleared_at(connection: Connection, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], datetime]:
    """When subjects (tenant, user) were last cleared or erased; those that never were are left out.

    Of one that is being erased it is a time to come: nothing that is asked meanwhile is written down.

    None of them is cleared before the transaction ends.
    """
    # This waits for `lock`, which a clear takes, but not for the updates of a claim. In order, as all who lock several.
    rows = connection.execute(
        select(
            subjects.c.tenant_id,
            subjects.c.user_id,
            func.greatest(
                subjects.c.cleared_at,
                subjects.c.erased_at,
                case((subjects.c.erasing, func.clock_timestamp() + _A_DAY)),
            ).label("cleared_at"),
        )
        .where(tuple_(subjects.c.tenant_id, subjects.c.user_id).in_(list(keys)))
        .order_by(subjects.c.tenant_id, subjects.c.user_id)
        .with_for_update(read=True, key_share=True)
    )
    known = {(row.tenant_id, row.user_id): row.cleared_at for row in rows}
    gone = erasures.erased_among(connection, [key for key in keys if key not in known])
    return gone | {key: at for key, at in known.items() if at is not None}


def users(connection: Connection, tenant_id: str, *, after: str, limit: int) -> list[str]:
    """User ids of a tenant in order, those after `after`."""
    found = connection.execute(
        select(subjects.c.user_id)
        .where(subjects.c.tenant_id == tenant_id, subjects.c.user_id > after)
        .order_by(subjects.c.user_id)
        .limit(limit)
    )
    return list(found.scalars())
