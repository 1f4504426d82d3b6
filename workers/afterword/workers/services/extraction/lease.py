"""Keeping leases: one thread a process renews the leases of all subjects that it works on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from afterword.workers.core.errors import LeaseLost, told
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.extraction import claims
from afterword.workers.stores.ledger.extraction.claims import Claim

logger = logging.getLogger(__name__)

_AGAIN_SECONDS = 0.5
"""How soon to try again while PostgreSQL is away: well under the shortest lease that makes sense."""


@dataclass(slots=True)
class _Renewal:
    """A claim at work: since when, and when its lease was last renewed, by the monotonic clock."""

    since: float
    renewed: float


class LeaseKeeper:
    """Renews held claims three times a lease, for `max_hold` at most: a worker that hangs loses its subject.

    While PostgreSQL is away it tries again at once and again: after an outage longer than a lease it should be there
    before others who look for work. A lost claim is only dropped: the next commit notices.
    """

    def __init__(self, *, database: Database, lease: timedelta, max_hold: timedelta) -> None:
        self._database = database
        self.lease = lease
        self._max_hold = max_hold.total_seconds()
        self._held: dict[Claim, _Renewal] = {}
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
        now = time.monotonic()
        with self._lock:
            self._held[claim] = _Renewal(since=now, renewed=now)
        try:
            yield
        finally:
            with self._lock:
                self._held.pop(claim, None)

    def check(self, claim: Claim) -> None:
        """Without asking PostgreSQL: a worker that was paused past its lease must not spend what it cannot use.

        Raises: LeaseLost, when the claim is lost, or was not renewed for as long as a lease.
        """
        with self._lock:
            held = self._held.get(claim)
        if held is None or time.monotonic() - held.renewed > self.lease.total_seconds():
            raise LeaseLost("the lease has run out, or may have")

    def _run(self) -> None:
        pause = usual = self.lease.total_seconds() / 3
        while not self._stopped.wait(pause):
            held = self._renewable()
            pause = usual if not held or self._renewed(held) else min(usual, _AGAIN_SECONDS)

    def _renewable(self) -> list[Claim]:
        oldest = time.monotonic() - self._max_hold
        with self._lock:
            return [claim for claim, held in self._held.items() if held.since > oldest]

    def _renewed(self, held: list[Claim]) -> bool:
        """Whether PostgreSQL was there."""
        asked_at = time.monotonic()
        try:
            with self._database.transaction() as connection:
                kept = claims.renew(connection, held, self.lease)
        except Exception as error:  # noqa: BLE001  # whatever it is: a keeper that ends loses every lease
            logger.warning("leases could not be renewed: %s", told(error))
            return False
        with self._lock:
            for claim in set(held) - kept:
                self._held.pop(claim, None)
            for claim in kept & self._held.keys():
                self._held[claim].renewed = asked_at
        return True
