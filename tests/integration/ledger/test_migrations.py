"""The tables that queries are written for are those that the migrations make."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.schema import TABLES, metadata


def test_migrations_make_the_tables_that_the_queries_are_written_for(database: Database) -> None:
    with database.transaction() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True, "target_metadata": metadata}
        )
        assert compare_metadata(context, metadata) == []


def test_the_schema_lists_every_table_once() -> None:
    assert set(TABLES) == set(metadata.tables.values())
    assert len(TABLES) == len(set(TABLES))
