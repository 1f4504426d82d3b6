"""Wiring of the commands."""

from __future__ import annotations

from afterword.workers.broker import MendedBroker
from afterword.workers.runtime.wiring.analytics import AnalyticsRoom
from afterword.workers.runtime.wiring.ground import Ground
from afterword.workers.runtime.wiring.memories import MemoryRoom
from afterword.workers.runtime.wiring.models import ModelRoom
from afterword.workers.runtime.wiring.recall import RecallRoom
from afterword.workers.runtime.wiring.stores import StoreRoom
from afterword.workers.services.commands.commands import Commands
from afterword.workers.services.commands.memory_search import MemorySearch


class CommandRoom:
    """Runs what owners of memories ask for."""

    def __init__(
        self,
        ground: Ground,
        *,
        models: ModelRoom,
        stores: StoreRoom,
        memories: MemoryRoom,
        recall: RecallRoom,
        analytics: AnalyticsRoom,
    ) -> None:
        self._ground = ground
        self._models = models
        self._stores = stores
        self._memories = memories
        self._recall = recall
        self._analytics = analytics

    def commands(self, broker: MendedBroker) -> Commands:
        """The service, which takes messages of a cleared user out of this broker's queues."""
        return Commands(
            self._stores.database,
            self._stores.vectors,
            self._models.embedder,
            self._memories.topics,
            broker.admin,
            self._memories.books,
            self._analytics.figures,
            MemorySearch(self._recall.finder, self._stores.vectors),
            self._ground.metrics,
        )
