"""The gate before the queues: shut while PostgreSQL takes nothing, so that the backlog waits in Redis."""

from __future__ import annotations

import logging
import threading

from afterword.workers.observing.metrics import Reading
from afterword.workers.observing.outages import Outage
from afterword.workers.stores.ledger.database import Database

logger = logging.getLogger(__name__)

_SECONDS = 0.5


class LedgerGate:
    """Watches PostgreSQL from a thread of its own, so that asking whether the gate is open costs nothing.

    It logs when it shuts and when it opens again, and shows which it is as `afterword_ledger_gate_open`.
    """

    def __init__(self, database: Database, *, shown: Reading) -> None:
        self._database = database
        self._shown = shown
        self._outage = Outage(
            logger,
            gone="no message is taken from the queue until the ledger takes writes again",
            back="the ledger takes writes again, and messages are taken from the queue",
        )
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger-gate", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._shown.show(1)
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        self._thread.join()

    def is_open(self) -> bool:
        """Whether PostgreSQL took writes when it was last asked, at most about half a second ago."""
        return not self._outage.lasts

    def _run(self) -> None:
        while not self._stopped.wait(_SECONDS):
            self._outage.note(self._database.refusal())
            self._shown.show(self.is_open())
