"""Wiring of upkeep: sweeps, expiry and readings."""

from __future__ import annotations

from datetime import timedelta

from afterword.workers.broker import MendedBroker
from afterword.workers.runtime.wiring.commands import CommandRoom
from afterword.workers.runtime.wiring.ground import Ground
from afterword.workers.runtime.wiring.ingest import IngestRoom
from afterword.workers.runtime.wiring.memories import MemoryRoom
from afterword.workers.runtime.wiring.stores import StoreRoom
from afterword.workers.services.upkeep.deferred_intake import DeferredIntake
from afterword.workers.services.upkeep.expiry import Expiry
from afterword.workers.services.upkeep.forgetting import Forgetting
from afterword.workers.services.upkeep.readings import Readings
from afterword.workers.services.upkeep.sweeps import Sweeps


class UpkeepRoom:
    """Finishes work that was left, and reads how much each server holds."""

    def __init__(
        self, ground: Ground, *, stores: StoreRoom, memories: MemoryRoom, ingest: IngestRoom, commands: CommandRoom
    ) -> None:
        self._ground = ground
        self._stores = stores
        self._memories = memories
        self._ingest = ingest
        self._commands = commands

    def sweeps(self, broker: MendedBroker) -> Sweeps:
        """Finishes conversations that were left on their way."""
        return Sweeps(
            database=self._stores.database,
            queues=broker.admin,
            excerpts=self._memories.excerpts,
            metrics=self._ground.metrics,
            keep_transcripts=timedelta(seconds=self._ground.settings.keep_transcripts),
        )

    def deferred_intake(self, broker: MendedBroker) -> DeferredIntake:
        """Takes in events that were over a limit."""
        return DeferredIntake(
            database=self._stores.database,
            ingest=self._ingest.ingest(broker),
            metrics=self._ground.metrics,
            within=timedelta(seconds=self._ground.settings.defer_within),
        )

    @property
    def forgetting(self) -> Forgetting:
        """Completes deletions."""
        return Forgetting(database=self._stores.database, carrier=self._commands.deletions)

    @property
    def expiry(self) -> Expiry:
        """Removes memories whose lifetime has ended."""
        return Expiry(
            database=self._stores.database,
            admin=self._stores.admin,
            books=self._memories.books,
            metrics=self._ground.metrics,
        )

    def readings(self, broker: MendedBroker) -> Readings:
        """Reads the gauges of every server."""
        return Readings(
            database=self._stores.database, admin=self._stores.admin, queues=broker.admin, metrics=self._ground.metrics
        )
