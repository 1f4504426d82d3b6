"""Forgetting that is left to be done: deletions that a store was away for, and what clears are remembered by."""

from __future__ import annotations

import logging
from datetime import timedelta

from afterword.workers.core.errors import VectorStoreUnavailable
from afterword.workers.core.leftovers import finish_each
from afterword.workers.services.commands.deletions import Deletions
from afterword.workers.stores.ledger import deletions
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.deletions import Deletion
from afterword.workers.stores.ledger.ingest import sessions

logger = logging.getLogger(__name__)

_DELETIONS_AT_ONCE = 200
_DROPPED_AT_ONCE = 1_000

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

        One that fails holds up no other.
        """
        with self._database.transaction() as connection:
            left = deletions.pending(connection, limit=_DELETIONS_AT_ONCE)
        try:
            finish_each(left, self._complete)
        except VectorStoreUnavailable as error:
            logger.warning("of %d deletions some still wait: %s", len(left), error)

    def settle_deletions(self) -> None:
        """Look once more at those of an hour ago. Raises: LedgerUnavailable, VectorStoreUnavailable."""
        with self._database.transaction() as connection:
            left = deletions.unsettled(connection, older_than=_HELD, limit=_DELETIONS_AT_ONCE)
        finish_each(left, self._carrier.settle)

    def _complete(self, deletion: Deletion) -> None:
        if self._carrier.carry_out(deletion).pending:
            raise VectorStoreUnavailable("the vector store, or the ledger, was away")

    def drop_old_marks(self) -> None:
        """Forget what was cleared too long ago to come back. Raises: LedgerUnavailable."""
        with self._database.transaction() as connection:
            sessions.drop_cleared(connection, kept=_KEPT, limit=_DROPPED_AT_ONCE)
            deletions.drop_settled(connection, kept=_KEPT, limit=_DROPPED_AT_ONCE)
