"""Finding whose memories are, by their ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from uuid import UUID

from afterword.schemas import FindOwners, MemoryOwners
from afterword.workers.stores.ledger import memories
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.extraction import journal


class OwnerFinder:
    """Answers `owners`, from the ledger: the vector store is only read in the name of an owner."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, command: FindOwners, _: float | None) -> MemoryOwners:
        """The owners of the memories that there are. Raises: LedgerUnavailable."""
        ids = list(_uuids(command.memory_ids))
        with self._database.transaction() as connection:
            found = {owner.memory_id: owner for owner in memories.owners(connection, command.tenant_id, ids)}
            missing = [each for each in ids if each not in found]
            # A fact can be found as soon as it is written, and has its row once its whole batch is. The rows again and
            # last: the batch may have ended since they were read.
            for read in (journal.owners, memories.owners) if missing else ():
                found |= {owner.memory_id: owner for owner in read(connection, command.tenant_id, missing)}
        return MemoryOwners(owners=tuple(found.values()))


def _uuids(ids: Iterable[str]) -> Iterator[str]:
    """Those that a memory can have: PostgreSQL refuses all together for one that is no UUID."""
    for each in ids:
        with suppress(ValueError):
            yield str(UUID(each))
