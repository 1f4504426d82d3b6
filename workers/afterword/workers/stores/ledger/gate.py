"""The gate before the queues: shut while PostgreSQL is away, so that the backlog waits in Redis."""

from __future__ import annotations

import threading

from afterword.workers.stores.ledger.database import Database

_SECONDS = 0.5


class LedgerGate:
    """Looks after PostgreSQL from a thread of its own; asking whether it is open costs nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open = True
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger-gate", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        self._thread.join()

    def is_open(self) -> bool:
        """Whether PostgreSQL answered when it was last asked, at most about half a second ago."""
        return self._open

    def _run(self) -> None:
        while not self._stopped.wait(_SECONDS):
            self._open = self._database.answers()
