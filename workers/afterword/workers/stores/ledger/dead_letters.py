"""Dead letters: messages and conversations that were given up on, kept until somebody mends or discards them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert

from afterword.workers.stores.ledger.tables import dead_letters


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message as it lay in its queue, why it died, and whose it is where that can be read from it."""

    message_id: str
    queue: str
    error: str
    body: bytes
    died_at: datetime
    tenant_id: str | None = None
    user_id: str | None = None
    event_id: str | None = None


_COLUMNS = tuple(dead_letters.c[name] for name in DeadLetter.__dataclass_fields__)


def write(connection: Connection, letters: Sequence[DeadLetter]) -> int:
    """Keep letters; how many were new."""
    if not letters:
        return 0
    statement = insert(dead_letters).values([asdict(letter) for letter in letters]).on_conflict_do_nothing()
    # The driver does not count the rows of such an insert.
    return len(connection.execute(statement.returning(dead_letters.c.id)).all())


def read(connection: Connection, *, limit: int) -> list[DeadLetter]:
    """The newest letters."""
    rows = connection.execute(select(*_COLUMNS).order_by(dead_letters.c.id.desc()).limit(limit))
    return [DeadLetter(**row._asdict()) for row in rows]


def clear(connection: Connection, tenant_id: str, user_id: str) -> None:
    """Drop a subject's letters."""
    connection.execute(
        delete(dead_letters).where(dead_letters.c.tenant_id == tenant_id, dead_letters.c.user_id == user_id)
    )
