"""Sessions: the keys of the turns that a thread has seen, so that overlapping windows are extracted once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Index,
    Table,
    Text,
    and_,
    delete,
    func,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert

from afterword.workers.stores.ledger.metadata import metadata, moment

sessions = Table(
    "sessions",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("agent_id", Text, primary_key=True),
    Column("session_id", Text, primary_key=True),
    # Keys of the turns it has seen, oldest first: digests of message id, role and text
    Column("seen", JSONB, nullable=False),
    moment("seen_at", now=True),
    # When it was cleared. Its keys stay: the next window of the thread must not bring back what was said in it.
    moment("cleared_at"),
    Index("ix_sessions_cleared_at", "cleared_at", postgresql_where=text("cleared_at IS NOT NULL")),
)

MOST_CLEARED = 1_000
"""Cleared threads of a user whose turns stay known, the newest: at most 18 MB of digests."""


@dataclass(frozen=True, slots=True)
class Session:
    """A thread of a user with an agent; without an agent the agent is ""."""

    tenant_id: str
    user_id: str
    agent_id: str
    session_id: str


def seen(connection: Connection, session: Session) -> tuple[str, ...]:
    """The keys of its turns, oldest first. Read under the subject's lock: else two windows would not see each other."""
    found = connection.execute(select(sessions.c.seen).where(_is(session))).scalar_one_or_none()
    return tuple(found or ())


_INSERT = insert(sessions)
_REMEMBER = _INSERT.on_conflict_do_update(
    index_elements=["tenant_id", "user_id", "agent_id", "session_id"],
    set_={"seen": _INSERT.excluded.seen, "seen_at": func.clock_timestamp()},
)


def remember(connection: Connection, session: Session, keys: Sequence[str]) -> None:
    """Replace the keys of its turns."""
    connection.execute(_REMEMBER, {**asdict(session), "seen": list(keys)})


def clear(connection: Connection, tenant_id: str, user_id: str, session_id: str | None) -> None:
    """Note that a subject's threads, or one of them, are cleared. The keys of the newest of them stay."""
    of_user = and_(sessions.c.tenant_id == tenant_id, sessions.c.user_id == user_id)
    cleared = of_user if session_id is None else and_(of_user, sessions.c.session_id == session_id)
    connection.execute(update(sessions).where(cleared).values(cleared_at=func.clock_timestamp()))
    key = (sessions.c.agent_id, sessions.c.session_id)
    older = (
        select(*key)
        .where(of_user, sessions.c.cleared_at.is_not(None))
        .order_by(sessions.c.seen_at.desc())
        .offset(MOST_CLEARED)
    )
    connection.execute(delete(sessions).where(of_user, tuple_(*key).in_(older)))


def drop_cleared(connection: Connection, *, kept: timedelta, limit: int) -> int:
    """Forget cleared threads in which nothing was said for longer than `kept`; how many."""
    key = (sessions.c.tenant_id, sessions.c.user_id, sessions.c.agent_id, sessions.c.session_id)
    last = func.greatest(sessions.c.cleared_at, sessions.c.seen_at)
    old = select(*key).where(sessions.c.cleared_at.is_not(None), last < func.clock_timestamp() - kept).limit(limit)
    return connection.execute(delete(sessions).where(tuple_(*key).in_(old))).rowcount


def _is(session: Session) -> ColumnElement[bool]:
    return and_(
        sessions.c.tenant_id == session.tenant_id,
        sessions.c.user_id == session.user_id,
        sessions.c.agent_id == session.agent_id,
        sessions.c.session_id == session.session_id,
    )
