"""The archive: memories that nobody recalls leave recall, stay listed, and come back when somebody asks; and what goes
when there are too many.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from uuid import uuid4

from afterword.schemas import Memory, RestoreMemory
from afterword.schemas.policies import PolicyCount, PolicyEffect
from afterword.schemas.values import Kind, Scope
from afterword.workers.core.errors import NotFound
from afterword.workers.services.commands.changes import Changes, audit_row
from afterword.workers.services.governance.effects import Defaults, told
from afterword.workers.services.governance.removal import BATCH, MemoryRemover
from afterword.workers.services.policy.access import owner_of
from afterword.workers.stores.ledger import audit, memories
from afterword.workers.stores.ledger.memories import Gone
from afterword.workers.stores.ledger.upkeep import usefulness
from afterword.workers.stores.ledger.upkeep.ageing import AgedMemory
from afterword.workers.stores.vectors import collection
from afterword.workers.stores.vectors.payload import to_memory

logger = logging.getLogger(__name__)


class Archive:
    """Memories that were not recalled for `archive_after_days`, and are less important than `archive_below`."""

    rules = ("archive_after_days",)

    def __init__(self, remover: MemoryRemover, defaults: Defaults, *, uses_noted: bool) -> None:
        """`uses_noted`: whether it is known what is recalled. Without that nothing is archived."""
        self._stores = remover
        self._defaults = defaults
        self._uses_noted = uses_noted

    def forecast(self, tenant_id: str) -> list[PolicyCount]:
        if not self._uses_noted:
            return []
        while self._weigh(tenant_id):
            pass
        with self._stores.database.transaction() as connection:
            return told(PolicyEffect.ARCHIVE, usefulness.count_unused(connection, self._defaults, tenant_id))

    def batches(self, tenant_id: str | None, by: str | None) -> Iterator[list[PolicyCount]]:
        if not self._uses_noted:
            logger.warning("nothing is archived: with AFTERWORD_ANALYTICS off nobody knows what is recalled")
            return
        while self._weigh(tenant_id):
            yield []
        after: str | None = None
        while True:
            with self._stores.database.transaction() as connection:
                found = usefulness.unused(connection, self._defaults, tenant_id=tenant_id, after=after, limit=BATCH)
            if not found:
                return
            yield self._archive(found, by)
            after = found[-1].id

    def _archive(self, found: Sequence[AgedMemory], by: str | None) -> list[PolicyCount]:
        ids, batch_id = [each.id for each in found], str(uuid4())
        with self._stores.database.transaction() as connection:
            gone = memories.archive(connection, ids)
            audit.write(connection, [_archived(each, batch_id, by) for each in gone])
            # Last: a store that is away rolls back the rows, and the next run finds them again.
            self._stores.admin.archive(ids)
        return told(PolicyEffect.ARCHIVE, Counter((each.scope, each.kind) for each in found))

    def _weigh(self, tenant_id: str | None) -> int:
        """Note the importance of some memories that were saved before the ledger kept it; how many."""
        with self._stores.database.transaction() as connection:
            ids = usefulness.unweighed(connection, tenant_id=tenant_id, limit=BATCH)
        if ids:
            stored = {hit.id: hit.payload.get(collection.IMPORTANCE) for hit in self._stores.admin.get(ids)}
            with self._stores.database.transaction() as connection:
                weighed = {each: stored.get(each) for each in ids}
                # One that the store does not know of counts as important: nothing is archived on a guess.
                memories.set_importance(connection, {each: 1.0 if n is None else n for each, n in weighed.items()})
        return len(ids)


class Cap:
    """Of more than `max_memories` of a user or of an agent, the least useful go: see `usefulness.least_useful`."""

    rules = ("max_memories",)

    def __init__(self, remover: MemoryRemover, defaults: Defaults) -> None:
        self._remover = remover
        self._defaults = defaults

    def forecast(self, tenant_id: str) -> list[PolicyCount]:
        total: Counter[tuple[Scope, Kind]] = Counter()
        with self._remover.database.transaction() as connection:
            for owner in usefulness.crowded(connection, self._defaults, tenant_id=tenant_id):
                total.update(usefulness.count_least_useful(connection, owner))
        return told(PolicyEffect.CAP, total)

    def batches(self, tenant_id: str | None, by: str | None) -> Iterator[list[PolicyCount]]:
        database = self._remover.database
        with database.transaction() as connection:
            owners = usefulness.crowded(connection, self._defaults, tenant_id=tenant_id)
        for owner in owners:
            for place in range(0, owner.excess, BATCH):
                with database.transaction() as connection:
                    least = usefulness.least_useful(connection, owner, limit=min(BATCH, owner.excess - place))
                yield told(PolicyEffect.CAP, self._remover.remove(least, reason="cap", by=by))


class MemoryRestorer:
    """Answers `restore`."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    def restore(self, command: RestoreMemory, _: float | None) -> Memory:
        """The memory, which is part of recall again. Raises: NotFound; VectorStoreUnavailable, LedgerUnavailable."""
        view = self._changes.views.of(owner_of(command))
        with self._changes.locked(command) as connection:
            if not view.get([command.memory_id]):
                raise NotFound("there is no such memory")
            if memories.restore(connection, command.tenant_id, command.memory_id):
                row = audit_row(command, "memory_restore", count=1, memory_id=command.memory_id)
                audit.write(connection, [row])
            # Before the commit: a store that is away rolls back the row.
            view.restore(command.memory_id)
        return to_memory(view.get([command.memory_id])[0], None)


def _archived(gone: Gone, batch_id: str, by: str | None) -> audit.Event:
    return audit.Event(
        type="memory_archive",
        tenant_id=gone.tenant_id,
        user_id=gone.user_id,
        agent_id=gone.agent_id,
        result_count=gone.count,
        metadata={"batch_id": batch_id, **({"by": by} if by else {})},
    )
