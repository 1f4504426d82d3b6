"""Wiring of upkeep: sweeps and readings."""

from __future__ import annotations

from datetime import timedelta

from afterword.workers.broker import MendedBroker
from afterword.workers.runtime.wiring.ground import Ground
from afterword.workers.runtime.wiring.memories import MemoryRoom
from afterword.workers.runtime.wiring.stores import StoreRoom
from afterword.workers.services.upkeep.readings import Readings
from afterword.workers.services.upkeep.sweeps import Sweeps


class UpkeepRoom:
    """Finishes what was left, and reads how much stands where."""

    def __init__(self, ground: Ground, *, stores: StoreRoom, memories: MemoryRoom) -> None:
        self._ground = ground
        self._stores = stores
        self._memories = memories

    def sweeps(self, broker: MendedBroker) -> Sweeps:
        """What is finished or removed at intervals."""
        return Sweeps(
            self._stores.database,
            self._stores.vectors,
            broker,
            self._memories.excerpts,
            self._memories.books,
            self._ground.metrics,
            timedelta(seconds=self._ground.settings.keep_transcripts),
        )

    def readings(self, broker: MendedBroker) -> Readings:
        """What gauges tell."""
        return Readings(self._stores.database, self._stores.vectors, broker, self._ground.metrics)
