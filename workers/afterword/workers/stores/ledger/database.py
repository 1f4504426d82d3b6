"""The connection to PostgreSQL: transactions, and one error for "it is not there"."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from afterword.workers.core.errors import LedgerUnavailable

_CONNECT_SECONDS = 3
_STATEMENT_MS = 30_000
# A server whose default is another zone would tell days by it, and times of the year 1 in the year 0, which no
# datetime can hold.
_OPTIONS = f"-c statement_timeout={_STATEMENT_MS} -c idle_in_transaction_session_timeout=60000 -c TimeZone=UTC"
MINIMUM_VERSION = 150_000
"""PostgreSQL 15, as `server_version_num` counts."""


class Database:
    """A pool of connections to the ledger.

    A connection that turns out to be dead takes the whole pool with it: a restarted server costs one failed attempt.
    """

    def __init__(self, url: str, *, connections: int = 10) -> None:
        self.url = make_url(url).set(drivername="postgresql+psycopg")
        self._engine = create_engine(
            self.url,
            pool_size=connections,
            max_overflow=connections,
            pool_timeout=10,
            hide_parameters=True,  # an error must not repeat what a person said
            connect_args={
                "connect_timeout": _CONNECT_SECONDS,
                "options": _OPTIONS,
                "application_name": "afterword",
                # A host that vanished without a word is noticed in about fifteen seconds.
                "keepalives_idle": 5,
                "keepalives_interval": 5,
                "keepalives_count": 2,
            },
        )

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction, committed at the end. Raises: LedgerUnavailable."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            raise LedgerUnavailable(f"PostgreSQL: {_first_line(error)}") from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise LedgerUnavailable(f"PostgreSQL: {_first_line(error)}") from error
            raise

    def session(self) -> Connection:
        """A connection outside of any transaction, for locks that last. The caller closes it.

        Raises: LedgerUnavailable.
        """
        try:
            return self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            raise LedgerUnavailable(f"PostgreSQL: {_first_line(error)}") from error

    def answers(self) -> bool:
        """Whether a query comes back just now."""
        try:
            with self.transaction() as connection:
                connection.execute(text("SELECT 1"))
        except LedgerUnavailable:
            return False
        return True

    def version(self) -> int:
        """`server_version_num`, such as 150008. Raises: LedgerUnavailable."""
        with self.transaction() as connection:
            return int(connection.execute(text("SHOW server_version_num")).scalar_one())

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def _first_line(error: Exception) -> str:
    # Only the driver's own words: SQLAlchemy's message repeats the statement with its parameters.
    cause = error.orig if isinstance(error, DBAPIError) else error
    return (str(cause).splitlines() or [""])[0][:200]
