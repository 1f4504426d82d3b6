"""Leadership: one scheduler of many works, whoever holds PostgreSQL's advisory lock."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from afterword.workers.core.errors import LedgerUnavailable
from afterword.workers.stores.ledger.database import Database

_TRY = text("SELECT pg_try_advisory_lock(hashtextextended('afterword:scheduler', 0))")
_UNLOCK = text("SELECT pg_advisory_unlock(hashtextextended('afterword:scheduler', 0))")


class Leadership:
    """Holds the lock on a connection of its own; a lost connection is a lost lead. Not thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None

    def held(self) -> bool:
        """Whether this process leads; it takes the lead if nobody has it."""
        try:
            if self._connection is not None:
                # The lock lives as long as its session: we lead for as long as the server answers on it.
                self._connection.execute(text("SELECT 1"))
                return True
            return self._take()
        except (DBAPIError, LedgerUnavailable):
            self.give_up()
            return False

    def give_up(self) -> None:
        """Let another lead."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError):
                connection.execute(_UNLOCK)
            # The session ends, and with it a lock that could not be given back.
            connection.invalidate()
            connection.close()

    def _take(self) -> bool:
        connection = self._database.session()
        if connection.execute(_TRY).scalar_one():
            self._connection = connection
            return True
        connection.close()
        return False
