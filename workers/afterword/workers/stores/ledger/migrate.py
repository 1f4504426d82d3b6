"""Bringing the ledger's tables up to date."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from afterword.workers.core.errors import LedgerTooNew, NotMigrated
from afterword.workers.stores.ledger.database import Database

_LOCK = 0x61667465  # "afte": one migration at a time, whoever starts it


def migrate(database: Database) -> str:
    """Upgrade to the newest revision under an advisory lock, so that several may start it; returns the revision.

    Raises: LedgerUnavailable; LedgerTooNew, when a newer version migrated it.
    """
    with database.transaction() as connection:
        # A migration of a large table may take longer than the 30 s that other statements have.
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        config = _config()
        # Under the lock, so that a newer version cannot migrate between the check and the upgrade.
        _check_known(_current(connection), config)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return _current(connection) or ""


def check_migrated(database: Database) -> None:
    """Raises: NotMigrated or LedgerTooNew, when the tables are not those that this version works with."""
    with database.transaction() as connection:
        current = _current(connection)
    config = _config()
    _check_known(current, config)
    newest = ScriptDirectory.from_config(config).get_current_head()
    if current != newest:
        found = f"is at revision {current}" if current else "has no tables yet"
        raise NotMigrated(f"the ledger {found}, this version needs revision {newest}: run `afterword migrate`")


def _check_known(current: str | None, config: Config) -> None:
    """Raises: LedgerTooNew, for a revision that this version has no script of."""
    script = ScriptDirectory.from_config(config)
    known = {revision.revision for revision in script.walk_revisions()}
    if current is not None and current not in known:
        raise LedgerTooNew(
            f"the ledger is at revision {current}, which a newer version of Afterword made; this one knows "
            f"{script.get_current_head()} at most: go back to that version, or upgrade this one "
            "(`afterword --version` tells which it is)"
        )


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
