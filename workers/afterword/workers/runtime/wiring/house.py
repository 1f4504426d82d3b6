"""The house: every room of a process, built from one settings object."""

from __future__ import annotations

from functools import cached_property

from afterword.workers.observing.metrics import Metrics
from afterword.workers.runtime.settings import Settings
from afterword.workers.runtime.wiring.analytics import AnalyticsRoom
from afterword.workers.runtime.wiring.collections import CollectionRoom
from afterword.workers.runtime.wiring.commands import CommandRoom
from afterword.workers.runtime.wiring.extraction import ExtractionRoom
from afterword.workers.runtime.wiring.governance import GovernanceRoom
from afterword.workers.runtime.wiring.ground import Ground
from afterword.workers.runtime.wiring.ingest import IngestRoom
from afterword.workers.runtime.wiring.memories import MemoryRoom
from afterword.workers.runtime.wiring.models import ModelRoom
from afterword.workers.runtime.wiring.policies import PolicyRoom
from afterword.workers.runtime.wiring.recall import RecallRoom
from afterword.workers.runtime.wiring.stores import StoreRoom
from afterword.workers.runtime.wiring.upkeep import UpkeepRoom


class House:
    """The rooms of a process. Nothing is opened before it is asked for; `close` closes what was opened.

    >>> house = House(Settings(postgres_url="postgresql://localhost/afterword"))
    >>> house.models.embedder  # doctest: +SKIP
    """

    def __init__(self, settings: Settings, *, metrics: Metrics | None = None) -> None:
        self._ground = Ground(settings, metrics or Metrics())

    @property
    def settings(self) -> Settings:
        """The settings that everything was built from."""
        return self._ground.settings

    @property
    def metrics(self) -> Metrics:
        """The metrics of the process."""
        return self._ground.metrics

    @cached_property
    def models(self) -> ModelRoom:
        return ModelRoom(self._ground)

    @cached_property
    def stores(self) -> StoreRoom:
        return StoreRoom(self._ground)

    @cached_property
    def memories(self) -> MemoryRoom:
        return MemoryRoom(self._ground, models=self.models, stores=self.stores)

    @cached_property
    def ingest(self) -> IngestRoom:
        return IngestRoom(self._ground, stores=self.stores, memories=self.memories)

    @cached_property
    def extraction(self) -> ExtractionRoom:
        return ExtractionRoom(
            self._ground, models=self.models, stores=self.stores, memories=self.memories, ingest=self.ingest
        )

    @cached_property
    def recall(self) -> RecallRoom:
        return RecallRoom(self._ground, models=self.models, stores=self.stores, memories=self.memories)

    @cached_property
    def analytics(self) -> AnalyticsRoom:
        return AnalyticsRoom(self._ground, stores=self.stores)

    @cached_property
    def collections(self) -> CollectionRoom:
        return CollectionRoom(self._ground, models=self.models, stores=self.stores, memories=self.memories)

    @cached_property
    def policies(self) -> PolicyRoom:
        return PolicyRoom(self._ground, stores=self.stores, memories=self.memories)

    @cached_property
    def commands(self) -> CommandRoom:
        return CommandRoom(
            self._ground,
            models=self.models,
            stores=self.stores,
            memories=self.memories,
            recall=self.recall,
            analytics=self.analytics,
            policies=self.policies,
            governance=self.governance,
        )

    @cached_property
    def governance(self) -> GovernanceRoom:
        return GovernanceRoom(self._ground, models=self.models, stores=self.stores, memories=self.memories)

    @cached_property
    def upkeep(self) -> UpkeepRoom:
        return UpkeepRoom(
            self._ground, stores=self.stores, memories=self.memories, ingest=self.ingest, commands=self.commands
        )

    def close(self) -> None:
        """Close what was opened, the last first."""
        self._ground.closing.close()
