"""Deleting one memory."""

from __future__ import annotations

from datetime import UTC, datetime

from afterword.schemas import DeleteMemory, Removed
from afterword.workers.core.errors import NotFound
from afterword.workers.services.commands.changes import Changes, audit_row
from afterword.workers.services.policy.access import owner_of
from afterword.workers.stores.ledger import audit, memories


class MemoryDeleter:
    """Answers `delete`."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    def delete(self, command: DeleteMemory, _: float | None) -> Removed:
        """One removed. Raises: NotFound, LedgerUnavailable, VectorStoreUnavailable."""
        view = self._changes.views.of(owner_of(command))
        found = view.get([command.memory_id])
        if not found:
            raise NotFound("there is no such memory")
        scope, kind = found[0].scope, found[0].kind
        row = audit_row(
            command, "memory_delete", count=1, memory_id=command.memory_id, scope=scope.value, kind=kind.value
        )
        with self._changes.locked(command) as connection:
            gone = memories.remove(connection, command.tenant_id, [command.memory_id])
            self._changes.books.note_removed(connection, gone, datetime.now(UTC))
            audit.write(connection, [row])
            # Last: when the vector store refuses, nothing of the above is committed.
            removed = view.delete([command.memory_id])
        self._changes.metrics.memories.labels("delete", scope, kind).inc(removed)
        return Removed(removed=removed)
