"""What PostgreSQL cannot keep is told from PostgreSQL being away: one is for ever, the other waits."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from afterword.workers.core.errors import LedgerRefused, LedgerUnavailable
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.upkeep import dead_letters
from afterword.workers.stores.ledger.upkeep.dead_letters import DeadLetter

OUTAGES = ["08006", "40001", "40P01", "53100", "53200", "53300", "55P03", "57P01", "57P03", "58030", "25006"]
REFUSALS = ["22001", "22003", "22007", "22008", "22021", "22P02", "22P05", "54000", "54001"]
DEFECTS = ["42P01", "42703", "23514"]

VALUES: dict[str, tuple[str, Any]] = {
    "NUL": ("SELECT CAST(:value AS text)", "ann\x00secret"),
    "half a character": ("SELECT CAST(:value AS text)", "secret\ud800"),
    "a number out of range": ("SELECT CAST(:value AS int)", 2**40),
    "a number without end": ("SELECT CAST(:value AS bigint)", 10**400),
    "not a number": ("SELECT CAST(:value AS int)", "secret"),
    "no id": ("SELECT CAST(:value AS uuid)", "secret"),
    "no JSON": ("SELECT CAST(:value AS jsonb)", "secret"),
    "NUL in JSON": ("SELECT CAST(:value AS jsonb)", '{"a": "secret \\u0000"}'),
    "a time before all": ("SELECT CAST(:value AS timestamptz)", "99999-99-99 secret"),
}


def raised(database: Database, state: str) -> None:
    with database.transaction() as connection:
        connection.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$"))


@pytest.mark.parametrize("state", OUTAGES)
def test_what_passes_is_an_outage(database: Database, state: str) -> None:
    with pytest.raises(LedgerUnavailable):
        raised(database, state)


@pytest.mark.parametrize("state", REFUSALS)
def test_what_no_retry_mends_is_a_refusal(database: Database, state: str) -> None:
    with pytest.raises(LedgerRefused, match=state):
        raised(database, state)


@pytest.mark.parametrize("state", DEFECTS)
def test_a_defect_of_a_statement_is_neither(database: Database, state: str) -> None:
    with pytest.raises(DBAPIError):
        raised(database, state)


@pytest.mark.parametrize(("statement", "value"), VALUES.values(), ids=VALUES)
def test_a_value_that_cannot_be_kept_is_refused_and_not_quoted(database: Database, statement: str, value: Any) -> None:
    with pytest.raises(LedgerRefused) as refused, database.transaction() as connection:
        connection.execute(text(statement), {"value": value})
    assert "secret" not in str(refused.value)


def test_an_id_that_no_index_holds_is_refused(database: Database) -> None:
    letter = DeadLetter(
        # So that PostgreSQL cannot compress it below the limit.
        message_id="".join(chr(0x10000 + number * 37 % 50_000) for number in range(2000)),
        queue="conversations",
        error="x",
        body=b"",
        died_at=datetime.now(UTC),
    )
    with pytest.raises(LedgerRefused, match="54000"), database.transaction() as connection:
        dead_letters.write(connection, [letter])


def test_a_lost_connection_is_an_outage(database: Database) -> None:
    with pytest.raises(LedgerUnavailable), database.transaction() as connection:
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    assert database.answers()


def test_the_session_is_in_utc_whatever_the_server_is_set_to(database: Database, ledger_url: str) -> None:
    with database.transaction() as connection:
        name = connection.execute(text("SELECT current_database()")).scalar_one()
        connection.execute(text(f"ALTER DATABASE \"{name}\" SET timezone TO 'America/New_York'"))
    other = Database(ledger_url)
    try:
        with other.transaction() as connection:
            earliest = datetime(1, 1, 1, tzinfo=UTC)
            found = connection.execute(text("SELECT CAST(:at AS timestamptz)"), {"at": earliest}).scalar_one()
            assert found == earliest
    finally:
        other.close()
