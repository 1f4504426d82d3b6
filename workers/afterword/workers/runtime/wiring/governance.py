"""Wiring of governance: erasures are asked for, carried out, and verified."""

from __future__ import annotations

from afterword.schemas.erasures import EraseUser, GetErasure, VerifyErased
from afterword.workers.broker import MendedBroker, RedisTraces
from afterword.workers.runtime.wiring.ground import Ground
from afterword.workers.runtime.wiring.memories import MemoryRoom
from afterword.workers.runtime.wiring.models import ModelRoom
from afterword.workers.runtime.wiring.stores import StoreRoom
from afterword.workers.services.commands.handlers import CommandHandler
from afterword.workers.services.governance.erasing import Erasing, Removals
from afterword.workers.services.governance.ledger_removal import LedgerRemoval
from afterword.workers.services.governance.notices import ErasureNotices
from afterword.workers.services.governance.queue_removal import QueueRemoval
from afterword.workers.services.governance.requests import ErasureDesk
from afterword.workers.services.governance.residue import ResidueScan
from afterword.workers.services.governance.store_removal import StoreRemoval
from afterword.workers.services.governance.verifying import Verifier
from afterword.workers.text.remembered import forget_texts


class GovernanceRoom:
    """Erases users, and proves it."""

    def __init__(self, ground: Ground, *, models: ModelRoom, stores: StoreRoom, memories: MemoryRoom) -> None:
        self._ground = ground
        self._models = models
        self._stores = stores
        self._memories = memories

    @property
    def desk(self) -> ErasureDesk:
        """Takes requests to erase."""
        return ErasureDesk(self._stores.database, self._stores.pending_deletions)

    def handlers(self, broker: MendedBroker) -> list[CommandHandler]:
        """The commands about erasures."""
        return [
            CommandHandler.of(EraseUser, self.desk.erase),
            CommandHandler.of(GetErasure, self.desk.state),
            CommandHandler.of(VerifyErased, Verifier(self._scan(broker)).verify),
        ]

    def erasing(self, broker: MendedBroker) -> Erasing:
        """Carries out the erasures that were asked for."""
        traces = RedisTraces(broker.client)
        removals = Removals(
            store=StoreRemoval(self._stores.database, self._stores.admin),
            queues=QueueRemoval(broker.admin, traces),
            ledger=LedgerRemoval(self._memories.books),
            traces=traces,
        )
        return Erasing(
            database=self._stores.database, removals=removals, scan=self._scan(broker), metrics=self._ground.metrics
        )

    def notices(self, broker: MendedBroker) -> ErasureNotices:
        """Drops what this process keeps in memory, when an erasure asks for it."""
        caches = [self._models.vector_cache.clear, self._memories.registry.forget, forget_texts]
        return ErasureNotices(RedisTraces(broker.client), caches)

    def _scan(self, broker: MendedBroker) -> ResidueScan:
        return ResidueScan(database=self._stores.database, admin=self._stores.admin, traces=RedisTraces(broker.client))
