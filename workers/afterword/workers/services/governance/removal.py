"""Removing memories that are past their time: from both stores, on the books, told by the audit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from afterword.workers.observing.metrics import Metrics
from afterword.workers.services.memories.bookkeeping import Books
from afterword.workers.stores.ledger import audit, memories
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.memories import Gone
from afterword.workers.stores.ledger.upkeep.ageing import AgedMemory, Counted
from afterword.workers.stores.vectors.admin import StoreAdmin

BATCH = 500
"""Memories that go in one transaction: some hundred milliseconds, in which nobody waits for its locks for long."""


@dataclass(frozen=True, slots=True)
class MemoryRemover:
    """Removes memories a batch at a time. A batch that was stopped in the middle is found again by the next run."""

    database: Database
    admin: StoreAdmin
    books: Books
    metrics: Metrics

    def remove(self, aged: Sequence[AgedMemory], *, reason: str, by: str | None = None) -> Counted:
        """Remove a batch; how many there still were. Raises: LedgerUnavailable, VectorStoreUnavailable."""
        now, batch_id = datetime.now(UTC), str(uuid4())
        ids = [each.id for each in aged]
        with self.database.transaction() as connection:
            gone = memories.drop(connection, ids)
            self.books.note_removed(connection, gone, now)
            audit.write(connection, [_told(each, reason, batch_id, by) for each in gone])
            # Last: a store that is away rolls back the rows, and the next run finds both again.
            self.admin.delete(ids)
        counts = dict(Counter((each.scope, each.kind) for each in aged))
        self.metrics.count_memories("delete", counts)
        return counts


def _told(gone: Gone, reason: str, batch_id: str, by: str | None) -> audit.Event:
    return audit.Event(
        type="memory_delete",
        tenant_id=gone.tenant_id,
        user_id=gone.user_id,
        agent_id=gone.agent_id,
        result_count=gone.count,
        metadata={"reason": reason, "batch_id": batch_id, **({"by": by} if by else {})},
    )
