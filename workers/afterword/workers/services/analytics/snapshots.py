"""Taking snapshots: one a slot, whoever takes it, reconciled with what the vector store counts."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from afterword.workers.core.errors import VectorStoreUnavailable
from afterword.workers.stores.ledger.analytics import rollups, snapshots
from afterword.workers.stores.ledger.analytics.snapshots import ALL, SNAPSHOT, Collection
from afterword.workers.stores.ledger.analytics.statistics import day_of
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.upkeep import milestones
from afterword.workers.stores.vectors.admin import StoreAdmin

logger = logging.getLogger(__name__)

_LATE = timedelta(hours=1)
"""How late a query may be written down and still be in the hours that are rolled up; later ones are at clean-up."""


class Snapshots:
    """Takes the snapshot of each slot of `interval`, counted from 1970 (UTC), once."""

    def __init__(self, *, database: Database, admin: StoreAdmin, interval: timedelta) -> None:
        self._database = database
        self._admin = admin
        self._interval = interval

    def take(self) -> bool:
        """Take the snapshot of the slot that it is now; False when it has been taken.

        Raises: LedgerUnavailable. A vector store that is away leaves its figures empty.
        """
        with self._database.transaction() as connection:
            slot = slot_of(milestones.now(connection), self._interval)
            last = milestones.reached(connection, SNAPSHOT)
        if last is not None and last >= slot:
            return False
        # Outside of any transaction: the vector store may take its time.
        collection = self._collection()
        # Each by itself: nobody waits for the locks of one while another is counted.
        with self._database.transaction() as connection:
            rollups.roll_up_storage(connection)
        with self._database.transaction() as connection:
            rollups.roll_up_hours(connection, (last or datetime.fromtimestamp(0, UTC) + _LATE) - _LATE)
        with self._database.transaction() as connection:
            # The slot is claimed in the transaction that writes it, so that two schedulers write it once.
            taken = milestones.reach(connection, SNAPSHOT, slot)
            if taken:
                rollups.roll_up_content(connection, day_of(slot))
                snapshots.write(connection, slot, collection)
        return taken

    def _collection(self) -> Collection | None:
        try:
            size = self._admin.size()
            points = self._admin.counts_by_tenant()
        except VectorStoreUnavailable as error:
            logger.warning("a snapshot without the vector store's figures: %s", error)
            return None
        return Collection({ALL: 0, **points}, size.dimensions, size.disk_bytes)


def slot_of(now: datetime, interval: timedelta) -> datetime:
    """The beginning of the slot that `now` lies in."""
    seconds = interval.total_seconds()
    return datetime.fromtimestamp(now.timestamp() // seconds * seconds, UTC)
