"""Subjects: whose memories they are, when they are due, and who works on them.

A subject is claimed, not locked: a claim holds a lease and a fence, and every commit checks both the fence and
the generation. All times are PostgreSQL's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Update, and_, bindparam, case, func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from afterword.workers.core.errors import LeaseLost
from afterword.workers.stores.ledger.tables import subjects


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


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to extract a subject for as long as the lease is renewed."""

    tenant_id: str
    user_id: str
    fence: int
    generation: int
    attempts: int
    batch_limit: int | None
    """How many conversations its next batch may hold; None: any number."""


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
    """Where the user is, for their events that do not tell; None forgets it."""
    connection.execute(update(subjects).where(_is(tenant_id, user_id)).values(time_zone=time_zone))


_CLAIM = text(
    """
    UPDATE subjects SET fence = fence + 1, lease_until = clock_timestamp() + :lease
    WHERE (tenant_id, user_id) = (
        SELECT tenant_id, user_id FROM subjects
        WHERE due_at <= clock_timestamp() AND (lease_until IS NULL OR lease_until < clock_timestamp())
        ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING tenant_id, user_id, fence, generation, attempts, batch_limit
    """
)


def claim(connection: Connection, lease: timedelta) -> Claim | None:
    """The subject that has been due longest and that nobody holds; None when there is none."""
    row = connection.execute(_CLAIM, {"lease": lease}).one_or_none()
    return Claim(*row) if row else None


def hold(connection: Connection, claim: Claim, lease: timedelta) -> None:
    """Renew the lease, locking the row until the end of the transaction, so that what is committed with it counts.

    Raises: LeaseLost, when the subject was claimed by another or cleared meanwhile.
    """
    if not renew(connection, [claim], lease):
        raise LeaseLost("the subject was claimed by another worker or cleared meanwhile")


def renew(connection: Connection, claims: Sequence[Claim], lease: timedelta) -> set[Claim]:
    """Renew several leases at once; those that are still ours."""
    held = {(claim.tenant_id, claim.user_id, claim.fence, claim.generation): claim for claim in claims}
    if not held:
        return set()
    key = tuple_(subjects.c.tenant_id, subjects.c.user_id, subjects.c.fence, subjects.c.generation)
    rows = connection.execute(
        update(subjects)
        .where(key.in_(list(held)), subjects.c.lease_until.is_not(None))
        .values(lease_until=func.clock_timestamp() + lease)
        .returning(subjects.c.tenant_id, subjects.c.user_id, subjects.c.fence, subjects.c.generation)
    )
    return {held[tuple(row)] for row in rows}


def release(
    connection: Connection,
    claim: Claim,
    *,
    tokens_left: int,
    since: datetime | None,
    due_at: datetime | None,
    batch_limit: int | None = None,
) -> None:
    """The claimed work is done; `tokens_left` still wait, the oldest since `since`, due at `due_at`.

    A lost claim is left as it is. Only within the transaction of `hold` is what waits known for sure.
    """
    connection.execute(
        _of(claim).values(
            lease_until=None,
            attempts=0,
            batch_limit=batch_limit,
            last_error=None,
            pending_tokens=tokens_left,
            due_at=due_at,
            first_at=since,
        )
    )


def postpone(
    connection: Connection, claim: Claim, *, delay: timedelta, error: str, burns_attempt: bool = False
) -> None:
    """Give the subject back, due again after `delay`. A lost claim is left as it is."""
    connection.execute(
        _of(claim).values(
            lease_until=None,
            last_error=error,
            due_at=func.clock_timestamp() + delay,
            attempts=subjects.c.attempts + (1 if burns_attempt else 0),
        )
    )


def narrow(connection: Connection, claim: Claim, *, batch_limit: int, error: str) -> None:
    """Give the subject back, due at once in batches of `batch_limit` conversations, each with all its attempts.

    A lost claim is left as it is.
    """
    connection.execute(
        _of(claim).values(
            lease_until=None,
            last_error=error,
            due_at=func.clock_timestamp(),
            attempts=0,
            batch_limit=batch_limit,
        )
    )


def _of(claim: Claim) -> Update:
    return update(subjects).where(
        subjects.c.tenant_id == claim.tenant_id,
        subjects.c.user_id == claim.user_id,
        subjects.c.fence == claim.fence,
        subjects.c.generation == claim.generation,
        # One that was let go already is lost as well.
        subjects.c.lease_until.is_not(None),
    )


def due_count(connection: Connection, limit: int) -> int:
    """How many subjects are due and free, counted up to `limit`."""
    free = (subjects.c.lease_until.is_(None)) | (subjects.c.lease_until < func.clock_timestamp())
    due = select(subjects.c.user_id).where(subjects.c.due_at <= func.clock_timestamp(), free).limit(limit)
    return int(connection.execute(select(func.count()).select_from(due.subquery())).scalar_one())


def generation(connection: Connection, tenant_id: str, user_id: str) -> int:
    """The subject's present generation; 0 for one never seen."""
    found = connection.execute(select(subjects.c.generation).where(_is(tenant_id, user_id))).scalar_one_or_none()
    return found or 0


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
