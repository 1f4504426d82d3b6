"""Users who object to being remembered, as questions are checked against them: no question waits for the ledger."""

from __future__ import annotations

from contextlib import suppress

from afterword.workers.core.errors import LedgerUnavailable
from afterword.workers.stores.ledger import wishes
from afterword.workers.stores.ledger.background_reading import BackgroundReading
from afterword.workers.stores.ledger.database import Database

OBJECTED = "memory is off for this user"
"""The reason of a conversation of which nothing was kept."""


class Objections:
    """The users of whom nothing may be kept, read from the ledger now and then. Thread-safe. While the ledger is away
    the last list holds.

    Ingest and extraction ask the ledger itself, in the transaction that would keep something.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listed: frozenset[tuple[str, str]] = frozenset()
        self._reading = BackgroundReading(self.read, name="objections")

    def hold_for(self, tenant_id: str, user_id: str) -> bool:
        """Whether a user objects, as last known; has the list read anew when it is old. Waits for nobody."""
        self._reading.refresh()
        return (tenant_id, user_id) in self._listed

    def read(self) -> None:
        """Read the list now. While the ledger is away the last one holds."""
        with suppress(LedgerUnavailable), self._database.transaction() as connection:
            self._listed = wishes.objecting(connection)

    def close(self) -> None:
        """Read no more, after the reading at hand."""
        self._reading.close()
