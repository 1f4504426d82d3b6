"""A fresh, migrated ledger for each test, copied from a template in a fraction of the time a migration takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
from sqlalchemy import make_url, text

from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.migrate import migrate

TEMPLATE = "afterword_template"


def spare_the_disk(server_url: str) -> None:
    """Let the server not wait for the disk: what is committed survives a kill of the server, not of the machine."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")


def make_template(server_url: str) -> None:
    """Migrate the template database once."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{TEMPLATE}"')
    database = Database(with_database(server_url, TEMPLATE))
    migrate(database)
    database.close()


@contextmanager
def fresh_ledger(server_url: str) -> Iterator[str]:
    """The URL of a migrated database that is dropped afterwards."""
    name = f"ledger_{uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}"')
    yield with_database(server_url, name)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def with_database(url: str, name: str) -> str:
    """The same server's URL with another database."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


@contextmanager
def refusing(database: Database, table: str, condition: str) -> Iterator[None]:
    """PostgreSQL refuses the rows of a table that meet a condition, as it does one that is too large for an index."""
    statements = (
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '54000'; END $$",
        f"CREATE TRIGGER refusing BEFORE INSERT ON {table} FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION refuse()",
    )
    with database.transaction() as connection:
        for statement in statements:
            connection.execute(text(statement))
    try:
        yield
    finally:
        with database.transaction() as connection:
            connection.execute(text("DROP FUNCTION refuse() CASCADE"))
