"""Claims: who works on a subject. A subject is claimed, not locked.

A claim holds a lease and a fence, and every commit checks both the fence and the generation of the subject: a worker
that was paused past its lease cannot commit over its successor. All times are PostgreSQL's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Update, func, text, tuple_, update

from afterword.workers.core.errors import LeaseLost
from afterword.workers.stores.ledger.extraction.subjects import subjects


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to extract a subject for as long as the lease is renewed."""

    tenant_id: str
    user_id: str
    fence: int
    generation: int
    attempts: int
    batch_limit: int | None
    """How many turns its next batch may hold; None: any number."""


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
    """Give the subject back, due at once in batches of `batch_limit` turns, each with all its attempts.

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
