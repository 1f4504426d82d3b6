"""Keeping leases: one thread a process renews the leases of all subjects that it works on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from afterword.workers.errors import LedgerUnavailable
from afterword.workers.stores.ledger import subjects
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.subjects import Claim

logger = logging.getLogger(__name__)


class LeaseKeeper:
    """Renews held claims three times a lease, for `max_hold` at most: a worker that hangs loses its subject.

    A lost claim is only dropped: the next commit notices.
    """

    def __init__(self, database: Database, lease: timedelta, max_hold: timedelta) -> None:
        self._database = database
        self._lease = lease
        self._max_hold = max_hold.total_seconds()
        self._held: dict[Claim, float] = {}
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
            self._held[claim] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._held.pop(claim, None)

    def _run(self) -> None:
        while not self._stopped.wait(self._lease.total_seconds() / 3):
            held = self._renewable()
            if held:
                self._renew(held)

    def _renewable(self) -> list[Claim]:
        oldest = time.monotonic() - self._max_hold
        with self._lock:
            return [claim for claim, since in self._held.items() if since > oldest]

    def _renew(self, held: list[Claim]) -> None:
        try:
            with self._database.transaction() as connection:
                kept = subjects.renew(connection, held, self._lease)
        except LedgerUnavailable as error:
            logger.warning("leases could not be renewed: %s", error)
            return
        with self._lock:
            for claim in set(held) - kept:
                self._held.pop(claim, None)
