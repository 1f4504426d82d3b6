"""What Grafana may read of the ledger: the shipped SQL, on a real PostgreSQL, with the real tables."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from afterword.workers.embedded.postgres_server import PostgresServer
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.migrate import migrate
from tests.conftest import unavailable
from tests.support.grafana_role import provision

SEEN = (
    "SELECT * FROM subjects",
    "SELECT type, metadata FROM audit",
    "SELECT status, reason, finished_at FROM conversations",
    "SELECT model, prompt_tokens FROM journal",
    "SELECT agent_id, memory_enabled FROM agents",
    "SELECT queue, error, died_at FROM dead_letters",
    "SELECT model, prompt_tokens FROM llm_calls",
    "SELECT tenant_id, user_id, everything, requested_at, finished_at FROM deletions",
    "SELECT scope, kind, language, text_length FROM memories",
    "SELECT * FROM daily_statistics, user_statistics, hourly_statistics",
    "SELECT * FROM tenant_statistics, content_statistics, snapshots",
)
HIDDEN = (
    "SELECT turns FROM conversations",
    "SELECT metadata FROM conversations",
    "SELECT facts FROM journal",
    "SELECT slices FROM journal",
    "SELECT body FROM dead_letters",
    "SELECT details FROM deletions",
    "SELECT query FROM audit",
    "SELECT tags FROM memories",
    "SELECT instructions FROM agents",
    "SELECT hash FROM keys",
)
CHANGES = ("DELETE FROM audit", "INSERT INTO subjects VALUES ('t', 'u')", "CREATE TABLE mine (id int)")


@pytest.fixture(scope="module")
def ledger(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a migrated database in which the role was made."""
    if shutil.which("psql") is None:
        unavailable("no psql on PATH")
    name = f"grafana_{uuid4().hex}"
    with psycopg.connect(postgres_server.url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        url = postgres_server.url.replace("/postgres?", f"/{name}?")
        database = Database(url, connections=1)
        migrate(database)
        database.close()
        provision(url, "the first")
        yield url
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        admin.execute("DROP ROLE grafana")


@pytest.fixture
def grafana(ledger: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(ledger, user="grafana", autocommit=True) as connection:
        yield connection


def stored_password(url: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'grafana'").fetchone()
        assert row
        return str(row[0])


def test_running_it_again_changes_the_password(ledger: str) -> None:
    before = stored_password(ledger)
    provision(ledger, "it's another")
    assert before.startswith("SCRAM-SHA-256$")
    assert stored_password(ledger) != before


@pytest.mark.parametrize("query", SEEN)
def test_it_reads_what_happened(grafana: psycopg.Connection, query: str) -> None:
    assert grafana.execute(query).fetchall() == []


@pytest.mark.parametrize("query", HIDDEN)
def test_it_does_not_read_what_was_said(grafana: psycopg.Connection, query: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        grafana.execute(query)


@pytest.mark.parametrize("change", CHANGES)
def test_it_changes_nothing_even_when_it_asks_to(grafana: psycopg.Connection, change: str) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        grafana.execute(change)
    grafana.execute("SET default_transaction_read_only = off")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        grafana.execute(change)
