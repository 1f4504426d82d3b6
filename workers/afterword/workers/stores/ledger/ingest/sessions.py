"""Sessions: the keys of the turns that a thread has seen, so that overlapping windows are extracted once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Column, ColumnElement, Connection, Table, Text, and_, delete, select
from sqlalchemy.dialects.postgresql import JSONB, insert

from afterword.workers.stores.ledger.metadata import metadata

sessions = Table(
    "sessions",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("agent_id", Text, primary_key=True),
    Column("session_id", Text, primary_key=True),
    # Keys of the turns it has seen, oldest first: message ids, or digests of role and text
    Column("seen", JSONB, nullable=False),
)


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
    index_elements=["tenant_id", "user_id", "agent_id", "session_id"], set_={"seen": _INSERT.excluded.seen}
)


def remember(connection: Connection, session: Session, keys: Sequence[str]) -> None:
    """Replace the keys of its turns."""
    connection.execute(_REMEMBER, {**asdict(session), "seen": list(keys)})


def clear(connection: Connection, tenant_id: str, user_id: str, session_id: str | None) -> None:
    """Forget a subject's threads, or one of them."""
    gone = delete(sessions).where(sessions.c.tenant_id == tenant_id, sessions.c.user_id == user_id)
    connection.execute(gone if session_id is None else gone.where(sessions.c.session_id == session_id))


def _is(session: Session) -> ColumnElement[bool]:
    return and_(
        sessions.c.tenant_id == session.tenant_id,
        sessions.c.user_id == session.user_id,
        sessions.c.agent_id == session.agent_id,
        sessions.c.session_id == session.session_id,
    )
