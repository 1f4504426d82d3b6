"""Bringing the ledger's tables up to date."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from afterword.workers.core.errors import Misconfigured
from afterword.workers.stores.ledger.database import Database

_LOCK = 0x61667465  # "afte": one migration at a time, whoever starts it


def migrate(database: Database) -> str:
    """Upgrade to the newest revision under an advisory lock, so that several may start it; returns the revision.

    Raises: LedgerUnavailable.
    """
    with database.transaction() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return _current(connection) or ""


def check_migrated(database: Database) -> None:
    """Raises: Misconfigured, when the tables are not those that this version works with."""
    with database.transaction() as connection:
        current = _current(connection)
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    if current != newest:
        found = f"is at revision {current}" if current else "has no tables yet"
        raise Misconfigured(f"the ledger {found}, this version needs revision {newest}: run `afterword migrate`")


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
