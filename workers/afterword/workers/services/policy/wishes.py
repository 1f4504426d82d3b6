"""Users who object to being remembered, as questions are checked against them: no question waits for the ledger."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from afterword.workers.core.errors import LedgerUnavailable
from afterword.workers.stores.ledger import wishes
from afterword.workers.stores.ledger.database import Database

OBJECTED = "memory is off for this user"
"""The reason of a conversation of which nothing was kept."""

_SECONDS = 1.0
"""The greatest age of the list while somebody asks. It is read in the background, at most once a second."""


class Objections:
    """The users of whom nothing may be kept, read from the ledger now and then. Thread-safe. While the ledger is away
    the last list holds.

    Ingest and extraction ask the ledger itself, in the transaction that would keep something.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._listed: frozenset[tuple[str, str]] = frozenset()
        self._read_at = float("-inf")
        self._reader: threading.Thread | None = None

    def hold_for(self, tenant_id: str, user_id: str) -> bool:
        """Whether a user objects, as last known; has the list read anew when it is old. Waits for nobody."""
        self._refresh()
        return (tenant_id, user_id) in self._listed

    def read(self) -> None:
        """Read the list now. While the ledger is away the last one holds."""
        with suppress(LedgerUnavailable):
            with self._database.transaction() as connection:
                self._listed = wishes.objecting(connection)
            self._read_at = time.monotonic()

    def close(self) -> None:
        """Read no more, after the reading at hand."""
        self._read_at = float("inf")
        reader = self._reader
        if reader is not None:
            reader.join(5.0)

    def _refresh(self) -> None:
        if time.monotonic() - self._read_at < _SECONDS:
            return
        with self._lock:
            if time.monotonic() - self._read_at < _SECONDS:
                return
            # Also where the reading fails: a ledger that is away is not asked again for each question.
            self._read_at = time.monotonic()
            self._reader = threading.Thread(target=self.read, name="objections", daemon=True)
            self._reader.start()
