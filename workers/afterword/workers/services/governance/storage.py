"""Storage: how much is kept of whom, told on request, and watched against quotas."""

from __future__ import annotations

from datetime import UTC, datetime

from afterword.schemas import GetStorage, OwnerStorage, Storage
from afterword.workers.observing.metrics import Metrics
from afterword.workers.services.policy.policies import PolicyBook
from afterword.workers.stores.ledger import memories, wishes
from afterword.workers.stores.ledger.analytics import storage
from afterword.workers.stores.ledger.analytics.storage import StoredOf
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.vectors.admin import StoreAdmin

_FLOAT_BYTES = 4


class StorageWatch:
    """Answers `analytics_storage`, and reads who is over a quota. Bytes are reckoned: the text, and a vector of four
    bytes a dimension; indexes come on top, and what a store keeps of what is gone.
    """

    def __init__(self, *, database: Database, admin: StoreAdmin, book: PolicyBook, metrics: Metrics) -> None:
        self._database = database
        self._admin = admin
        self._book = book
        self._metrics = metrics

    def tell(self, command: GetStorage, _: float | None) -> Storage:
        """The whole of a tenant, and the largest of its users and agents. Raises: LedgerUnavailable,
        VectorStoreUnavailable.
        """
        vector_bytes, how = self._vector_bytes(), command.order == "bytes"
        with self._database.transaction() as connection:
            users, agents = (
                storage.largest(
                    connection,
                    command.tenant_id,
                    of_agents=of_agents,
                    by_bytes=how,
                    vector_bytes=vector_bytes,
                    limit=command.top,
                )
                for of_agents in (False, True)
            )
            whole = storage.whole(connection, command.tenant_id, vector_bytes=vector_bytes)
        return Storage(
            as_of=datetime.now(UTC),
            whole=_told(whole),
            users=tuple(_told(each) for each in users),
            agents=tuple(_told(each) for each in agents),
        )

    def read_quotas(self) -> None:
        """Show how many are over their quota, are archived, and object. Raises: LedgerUnavailable,
        VectorStoreUnavailable.
        """
        with self._database.transaction() as connection:
            left_out = {"archived": memories.count_archived(connection), "objecting": wishes.count(connection)}
        self._metrics.left_out.show_all({(what,): number for what, number in left_out.items()})
        found = {"user": 0, "agent": 0}
        # Without a quota anywhere no memory is counted for it.
        if self._book.says_anything("quota_memories", "quota_bytes"):
            vector_bytes = self._vector_bytes()
            with self._database.transaction() as connection:
                found = storage.over_quota(connection, self._book.defaults, vector_bytes=vector_bytes)
        self._metrics.over_quota.show_all({(owner,): number for owner, number in found.items()})

    def _vector_bytes(self) -> int:
        return _FLOAT_BYTES * self._admin.size().dimensions


def _told(stored: StoredOf) -> OwnerStorage:
    return OwnerStorage(
        user_id=stored.user_id,
        agent_id=stored.agent_id,
        memories=stored.memories,
        archived=stored.archived,
        characters=stored.characters,
        bytes=stored.bytes,
    )
