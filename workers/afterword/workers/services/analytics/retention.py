"""Retention: old metrics go at 02:00 UTC, every day."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from afterword.workers.stores.ledger import audit
from afterword.workers.stores.ledger.analytics import rollups, snapshots, telemetry_batches
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.upkeep import milestones

logger = logging.getLogger(__name__)

_NAME = "clean_up"
_HOUR = 2
_AT_ONCE = 10_000
_LATE = timedelta(days=2)
"""How late a query may be written down and still be in the hours that are rolled up."""
_REDELIVERED = timedelta(days=7)
"""A batch of query events does not come again after that."""


class Retention:
    """Removes single queries, statistics, and snapshots but the last of a day, each when it is too old."""

    def __init__(self, *, database: Database, queries: timedelta, snapshots: timedelta, statistics: timedelta) -> None:
        self._database = database
        self._queries = queries
        self._snapshots = snapshots
        self._statistics = statistics

    def clean_up(self) -> bool:
        """Clean up once after each 02:00 UTC; False when that is done already. Raises: LedgerUnavailable."""
        with self._database.transaction() as connection:
            now = milestones.now(connection)
            last = milestones.reached(connection, _NAME)
        due = due_at(now)
        if last is not None and last >= due:
            return False
        with self._database.transaction() as connection:
            # Before queries are removed: hours are counted from the single ones.
            rollups.roll_up_hours(connection, now - _LATE)
        removed = self._remove_queries(now - self._queries)
        with self._database.transaction() as connection:
            removed += snapshots.thin_out(connection, now - self._snapshots)
            removed += snapshots.drop(connection, before=now - self._statistics)
            removed += rollups.drop_statistics(connection, before=now - self._statistics)
            removed += telemetry_batches.drop(connection, before=now - _REDELIVERED)
            # Last, so that a run which was stopped is done again.
            milestones.reach(connection, _NAME, due)
        logger.info("%d old metrics were removed", removed)
        return True

    def _remove_queries(self, before: datetime) -> int:
        """In pieces, so that nobody waits long."""
        return _until_none(lambda: self._remove_some_queries(before))

    def _remove_some_queries(self, before: datetime) -> int:
        with self._database.transaction() as connection:
            return audit.drop_queries(connection, before=before, limit=_AT_ONCE)


def due_at(now: datetime) -> datetime:
    """The last 02:00 UTC that is not after `now`."""
    today = now.astimezone(UTC).replace(hour=_HOUR, minute=0, second=0, microsecond=0)
    return today if today <= now else today - timedelta(days=1)


def _until_none(remove: Callable[[], int]) -> int:
    removed = 0
    while found := remove():
        removed += found
    return removed
