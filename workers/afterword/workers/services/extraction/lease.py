"""Keeping leases: one thread a process renews the leases of all subjects that it works on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from afterword.workers.errors import LedgerUnavailable
from afterword.workers.stores.ledger import subjects
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.subjects import Claim

logger = logging.getLogger(__name__)


class LeaseKeeper:
    """Renews held claims three times a lease. A lost one is only dropped: the next commit notices."""

    def __init__(self, database: Database, lease: timedelta) -> None:
        self._database = database
        self._lease = lease
        self._held: set[Claim] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease-keeper", daemon=True)

    def start(self) -> None:
        """Begin renewing."""
        self._thread.start()

    def stop(self) -> None:
        """Stop renewing; leases run out by themselves."""
        self._stopped.set()
        self._thread.join()

    @contextmanager
    def holding(self, claim: Claim) -> Iterator[None]:
        """Keep a claim alive for as long as the block runs."""
        with self._lock:
            self._held.add(claim)
        try:
            yield
        finally:
            with self._lock:
                self._held.discard(claim)

    def _run(self) -> None:
        while not self._stopped.wait(self._lease.total_seconds() / 3):
            with self._lock:
                held = list(self._held)
            if held:
                self._renew(held)

    def _renew(self, held: list[Claim]) -> None:
        try:
            with self._database.transaction() as connection:
                kept = subjects.renew(connection, held, self._lease)
        except LedgerUnavailable as error:
            logger.warning("leases could not be renewed: %s", error)
            return
        with self._lock:
            self._held -= set(held) - kept
