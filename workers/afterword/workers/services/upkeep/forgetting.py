"""Forgetting that is left to be done: deletions that a store was away for, and what clears are remembered by."""

from __future__ import annotations

import logging
import random
from datetime import timedelta

from afterword.workers.services.commands.deletions import Deletions
from afterword.workers.stores.ledger import deletions
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.ingest import sessions

logger = logging.getLogger(__name__)

_DELETIONS_AT_ONCE = 200
_DROPPED_AT_ONCE = 1_000

_FAILED_AT_MOST = 3
"""As many in a run, and the store is taken for away: each may cost its timeout."""

_HELD = timedelta(hours=1)
"""No worker holds a batch this long (see `AFTERWORD_MAX_HOLD`), and no killed worker's message comes back so late."""

_KEPT = timedelta(days=90)
"""Digests of cleared turns are not kept for ever: a platform that republishes a thread after a longer silence brings
them back."""


class Forgetting:
    """Each method is a task of the scheduler, and may run twice without harm."""

    def __init__(self, *, database: Database, carrier: Deletions) -> None:
        self._database = database
        self._carrier = carrier

    def complete_deletions(self) -> None:
        """Carry out what the vector store was away for. Raises: LedgerUnavailable.

        In no order, and past some that fail, so that one that cannot be carried out at all does not stand before the
        others for ever.
        """
        with self._database.transaction() as connection:
            left = deletions.pending(connection, limit=_DELETIONS_AT_ONCE)
        failed = 0
        for deletion in random.sample(left, len(left)):
            failed += self._carrier.carry_out(deletion).pending
            if failed == _FAILED_AT_MOST:
                break
        if failed:
            logger.warning("deletions still wait for the vector store: %d of %d were tried", failed, len(left))

    def settle_deletions(self) -> None:
        """Look once more at those of an hour ago. Raises: LedgerUnavailable, VectorStoreUnavailable."""
        with self._database.transaction() as connection:
            left = deletions.unsettled(connection, older_than=_HELD, limit=_DELETIONS_AT_ONCE)
        for deletion in left:
            self._carrier.settle(deletion)

    def drop_old_marks(self) -> None:
        """Forget what was cleared too long ago to come back. Raises: LedgerUnavailable."""
        with self._database.transaction() as connection:
            sessions.drop_cleared(connection, kept=_KEPT, limit=_DROPPED_AT_ONCE)
            deletions.drop_settled(connection, kept=_KEPT, limit=_DROPPED_AT_ONCE)
