"""The connection to PostgreSQL: transactions, one error for "it is not there" and one for "it cannot keep that"."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from afterword.schemas.errors import AfterwordError
from afterword.workers.core.errors import LedgerDenied, LedgerRefused, LedgerUnavailable

_CONNECT_SECONDS = 3
_STATEMENT_MS = 30_000
# Statements and idle transactions end by themselves, since one that hangs would hold its locks for ever. The zone is
# set, since a server whose default is another zone would tell days by it, and times of the year 1 in the year 0, which
# no datetime can hold.
_OPTIONS = f"-c statement_timeout={_STATEMENT_MS} -c idle_in_transaction_session_timeout=60000 -c TimeZone=UTC"
_VACUUM_WAITS_MS = 30_000
"""For the lock of a table, such as one that is being rebuilt; an autovacuum gives way within a second."""
MINIMUM_VERSION = 150_000
"""PostgreSQL 15, as `server_version_num` counts."""

_READ_ONLY = "25006"
"""The SQLSTATE of a write to a standby, or to a server whose provider made it read-only because its disk is full."""
_NO_ROOM = "53"
"""The SQLSTATE class of a full disk, of memory, and of connections that ran out."""
_DENIALS = {
    "password authentication failed": "the user or the password is wrong",
    "no password supplied": "the server asks for a password",
    "no pg_hba.conf entry": "the server admits no such user from here (pg_hba.conf)",
    'database "': "there is no such database",
    'role "': "there is no such user",
    "unsupported startup parameter": "PgBouncer needs ignore_startup_parameters = options, and pool_mode = session",
}
"""Words by which a server refuses a login, and our reason. libpq gives no SQLSTATE for a failed connection."""
_REFUSALS = ("22", "54")
"""Classes of SQLSTATE: data that cannot be kept, and limits of PostgreSQL, such as the size of an index row."""


class Database:
    """A pool of connections to the ledger.

    A dead connection invalidates the whole pool: a restarted server costs one failed attempt, not one a connection.
    """

    def __init__(self, url: str, *, connections: int = 10) -> None:
        self._out_of_room = False  # from a write that was refused until one succeeds
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

    @staticmethod
    def _is_out_of_room(error: DBAPIError) -> bool:
        state = str(getattr(error.orig, "sqlstate", None) or "")
        return state == _READ_ONLY or state.startswith(_NO_ROOM)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction, committed at the end.

        Raises:
            LedgerUnavailable: PostgreSQL is away or at its limits: the same will work later.
            LedgerRefused: it cannot keep what it was given, and never will.
        """
        with self._our_errors(), self._engine.begin() as connection:
            yield connection

    def vacuum(self, tables: Iterable[str]) -> None:
        """Free the space of what is gone from some of our tables, however long that takes.

        Raises: LedgerUnavailable, also when somebody else keeps one of them locked.
        """
        # Outside of any transaction, which VACUUM needs.
        with self._our_errors(), self.session() as session:
            session.execute(text(f"SET statement_timeout = 0; SET lock_timeout = {_VACUUM_WAITS_MS}"))
            try:
                session.execute(text(f"VACUUM {', '.join(tables)}"))
            finally:
                session.execute(text("RESET statement_timeout; RESET lock_timeout"))

    @contextmanager
    def _our_errors(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, UnicodeEncodeError, OverflowError) as error:
            if isinstance(error, DBAPIError) and self._is_out_of_room(error):
                self._out_of_room = True
            ours = judged(error)
            if ours is None:
                raise
            raise ours from error

    def session(self) -> Connection:
        """A connection outside of any transaction, for locks that last. The caller closes it.

        Raises: LedgerUnavailable.
        """
        with self._our_errors():
            return self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    def refusal(self, *, by_writing: bool = False) -> str | None:
        """The reason why nothing can be recorded now: the server is away, read-only, or without room. None: it can.

        A server with a full disk still answers. So after a refused write, or with `by_writing`, a page is written to a
        temporary table that nobody else sees and that is dropped at once.
        """
        try:
            with self.transaction() as connection:
                if connection.execute(text("SHOW transaction_read_only")).scalar_one() == "on":
                    return "PostgreSQL: it is read-only (a standby, or its disk is full): write to the primary"
                if by_writing or self._out_of_room:
                    _write_a_page(connection)
        except LedgerUnavailable as error:
            return str(error)
        self._out_of_room = False
        return None

    def is_pooled_by_transaction(self) -> bool:
        """Whether a pooler hands the same server connection to two clients in turn, as PgBouncer does in transaction
        mode: locks and settings of a session are lost there. Raises: LedgerUnavailable.
        """
        with self._our_errors(), self.session() as one, self.session() as other:
            # Each is asked twice: in transaction mode any statement may reach any server connection.
            backends = [
                {each.execute(text("SELECT pg_backend_pid()")).scalar_one() for _ in range(2)} for each in (one, other)
            ]
        return any(len(pids) > 1 for pids in backends) or not backends[0].isdisjoint(backends[1])

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


def _write_a_page(connection: Connection) -> None:
    try:
        with connection.begin_nested():
            connection.execute(text("CREATE TEMP TABLE afterword_page ON COMMIT DROP AS SELECT repeat('x', 7000)"))
    except ProgrammingError:  # this user may make no table: only its own writes can tell
        return


def judged(error: Exception) -> AfterwordError | None:
    """Our error for a failed statement; None when the statement itself is at fault, and neither data nor server."""
    if isinstance(error, PoolTimeout):
        return _unavailable(error)
    if isinstance(error, DBAPIError):
        return _judged_by_state(error, getattr(error.orig, "sqlstate", None) or "")
    if isinstance(error, StatementError | UnicodeEncodeError | OverflowError):
        # A value that PostgreSQL has no form for: the driver, or a column's type, did not even send it.
        cause = error.orig if isinstance(error, StatementError) else error
        return LedgerRefused(f"PostgreSQL cannot hold a value: {type(cause).__name__}")
    return None


def _judged_by_state(error: DBAPIError, state: str) -> AfterwordError | None:
    if isinstance(error, DataError) or state.startswith(_REFUSALS):
        # Not its message, which may quote the value.
        return LedgerRefused(f"PostgreSQL refuses it: {type(error.orig).__name__} {state}".rstrip())
    # Beside the classes 08, 53 and 57: a deadlock, a lock that is not given, a server that goes or is read-only.
    away = isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated
    return _unavailable(error) if away or state == _READ_ONLY or state.startswith(_NO_ROOM) else None


def _unavailable(error: Exception) -> LedgerUnavailable:
    line = _first_line(error)
    # Only where libpq speaks of the connection: the same words in another error have another reason.
    for sign, reason in _DENIALS.items():
        if isinstance(error, OperationalError) and sign in line and "connection" in line:
            return LedgerDenied(f"PostgreSQL: {reason}: mend AFTERWORD_POSTGRES_URL ({line})")
    return LedgerUnavailable(f"PostgreSQL: {line}")


def _first_line(error: Exception) -> str:
    # Only the driver's own words: SQLAlchemy's message repeats the statement with its parameters.
    cause = error.orig if isinstance(error, DBAPIError) else error
    return (str(cause).splitlines() or [""])[0][:200]
