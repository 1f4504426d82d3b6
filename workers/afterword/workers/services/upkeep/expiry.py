"""Expiry: memories whose lifetime has ended are removed from the vector store and from the ledger."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from afterword.workers.observing.metrics import Metrics
from afterword.workers.services.memories.bookkeeping import Books
from afterword.workers.stores.ledger import audit, memories
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.memories import Gone
from afterword.workers.stores.vectors.admin import StoreAdmin

logger = logging.getLogger(__name__)


class Expiry:
    """Removes memories at the end of their lifetime. May run twice without harm."""

    def __init__(self, *, database: Database, admin: StoreAdmin, books: Books, metrics: Metrics) -> None:
        self._database = database
        self._admin = admin
        self._books = books
        self._metrics = metrics

    def drop_expired_memories(self) -> None:
        """Remove memories whose lifetime has ended. Raises: LedgerUnavailable, VectorStoreUnavailable."""
        now = datetime.now(UTC)
        with self._database.transaction() as connection:
            gone = memories.expire(connection, now)
            self._books.note_removed(connection, gone, now)
            audit.write(connection, [_audited(each) for each in gone])
            # Last: a store that is away rolls back the rows, and the next run finds both again.
            removed = self._admin.delete_expired()
        self._metrics.count_memories("delete", removed)
        if total := sum(removed.values()):
            logger.info("%d expired memories were removed", total)


def _audited(gone: Gone) -> audit.Event:
    return audit.Event(
        type="memory_delete",
        tenant_id=gone.tenant_id,
        user_id=gone.user_id,
        agent_id=gone.agent_id,
        result_count=gone.count,
        metadata={"reason": "expired"},
    )
