"""Looking for a user in the ledger, by the types and names of its columns: a new table needs no line here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    LargeBinary,
    Table,
    Text,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from afterword.workers.services.commands.users_named import is_about
from afterword.workers.services.governance.ledger_removal import WITH_THE_RECEIPT
from afterword.workers.services.governance.phrases import PhraseFinder
from afterword.workers.stores.ledger.database import Database, allow_minutes
from afterword.workers.stores.ledger.schema import TABLES

_OF_USERS: Final = frozenset({"user_id", "owner_id", "account", "requested_by", "by"})
"""Columns, and fields of JSON, in which a user's id stands. Elsewhere the same text may be anything."""

_WORDED: Final = frozenset(
    {"turns", "facts", "body", "error", "last_error", "query", "instructions", "details", "reason", "text"}
)
"""Columns in which words of a person may stand."""

_AT_ONCE = 200
_NAMED_IN_JSON = "$.** ? (@.user_id == $user || @.by == $user || @.account == $user || @.owner == $user)"

_ID_IN_JSON = '$.** ? (@.type() == "string" && @ == $ids[*])'


class LookedFor(Protocol):
    """Whom to look for."""

    @property
    def tenant_id(self) -> str: ...
    @property
    def user_id(self) -> str: ...
    @property
    def ids(self) -> tuple[str, ...]: ...
    @property
    def erasing(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class ScannedTable:
    """A table, and how many rows of the user's tenant it has."""

    name: str
    looked_at: int


class LedgerScan:
    """Reads every table. Raises: LedgerUnavailable."""

    def __init__(self, database: Database, finder: PhraseFinder) -> None:
        self._database = database
        self._finder = finder

    def tables(self, wanted: LookedFor) -> Iterator[tuple[ScannedTable, int, list[set[str]]]]:
        """Each table, how many of its rows name the user, and the phrases of those that hold words of theirs."""
        for table in TABLES:
            if wanted.erasing and table.name in WITH_THE_RECEIPT:
                continue
            # Each in a transaction of its own: a long one would keep what was removed from being vacuumed.
            with self._database.transaction() as connection:
                allow_minutes(connection)
                yield self._table(connection, table, wanted)

    def _table(
        self, connection: Connection, table: Table, wanted: LookedFor
    ) -> tuple[ScannedTable, int, list[set[str]]]:
        of_tenant = []
        if "tenant_id" in table.c:
            # Of a letter that could not be read, nothing says whose it is.
            of_tenant = [or_(table.c.tenant_id == wanted.tenant_id, table.c.tenant_id.is_(None))]
        conditions = [condition for column in table.c for condition in _naming(column)]
        counted = func.count().filter(or_(*conditions)) if conditions else func.count().filter(text("false"))
        told = {"user": wanted.user_id, "ids": list(wanted.ids)}
        row = connection.execute(select(func.count(), counted).select_from(table).where(*of_tenant), told).one()
        named, worded = int(row[1]), list[set[str]]()
        for column in table.c:
            if column.name in _WORDED:
                more, phrases = self._words(connection, column, wanted)
                named += more
                worded += phrases
        return ScannedTable(table.name, int(row[0])), named, worded

    def _words(self, connection: Connection, column: Column[Any], wanted: LookedFor) -> tuple[int, list[set[str]]]:
        """Rows whose bytes name the user, and the phrases of those that do not."""
        named, worded = 0, list[set[str]]()
        ids = [each.encode() for each in wanted.ids]
        about = is_about(wanted.tenant_id, wanted.user_id)
        rows = connection.execution_options(yield_per=_AT_ONCE).execute(select(column).where(column.is_not(None)))
        is_message = isinstance(column.type, LargeBinary)
        for (value,) in rows:
            data = bytes(value) if is_message else str(value).encode(errors="replace")
            if is_message and (about(data) or any(each in data for each in ids)):
                named += 1
            elif phrases := self._finder.in_bytes(data):
                worded.append(phrases)
        return named, worded


def _naming(column: Column[Any]) -> Iterator[ColumnElement[bool]]:
    """The conditions under which a column names the user, or holds an id that was theirs alone."""
    user, ids = bindparam("user", type_=Text), bindparam("ids", type_=ARRAY(Text))
    if isinstance(column.type, Text):
        yield column == func.any(ids)
        if column.name in _OF_USERS:
            yield column == user
    elif isinstance(column.type, ARRAY):
        yield column.op("&&")(ids)
    elif isinstance(column.type, JSONB):
        told = func.jsonb_build_object("user", user, "ids", func.to_jsonb(ids))
        yield func.jsonb_path_exists(column, literal_column(f"'{_NAMED_IN_JSON}'::jsonpath"), told)
        yield func.jsonb_path_exists(column, literal_column(f"'{_ID_IN_JSON}'::jsonpath"), told)
