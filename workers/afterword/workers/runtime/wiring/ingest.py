"""Wiring of the ingest, and of the hints that it gives to extraction."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from afterword.schemas import MemoryUnavailable
from afterword.schemas.wire import Queue
from afterword.workers.broker import MendedBroker, QueueAdmin
from afterword.workers.core.messages import ExtractionHint
from afterword.workers.runtime.wiring.ground import Ground
from afterword.workers.runtime.wiring.memories import MemoryRoom
from afterword.workers.runtime.wiring.stores import StoreRoom
from afterword.workers.services.ingest.ingest import Ingest
from afterword.workers.services.ingest.recorder import Recorder
from afterword.workers.services.ingest.rules import Debounce, IngestRules


class IngestRoom:
    """Takes conversations in."""

    def __init__(self, ground: Ground, *, stores: StoreRoom, memories: MemoryRoom) -> None:
        self._ground = ground
        self._stores = stores
        self._memories = memories

    @property
    def debounce(self) -> Debounce:
        """When a subject is due."""
        settings = self._ground.settings
        return Debounce(
            timedelta(seconds=settings.extract_after),
            timedelta(seconds=settings.extract_within),
            settings.extract_at_tokens,
        )

    def ingest(self, broker: MendedBroker) -> Ingest:
        """The service, which hints over this broker."""
        recorder = Recorder(database=self._stores.database, books=self._memories.books, rules=self._rules)
        return Ingest(
            recorder=recorder,
            excerpts=self._memories.excerpts_in_time,
            hint=hint_with(broker.admin),
            metrics=self._ground.metrics,
        )

    @property
    def _rules(self) -> IngestRules:
        settings = self._ground.settings
        return IngestRules(
            registry=self._memories.registry,
            limits=self._memories.limits,
            redaction=self._memories.redaction,
            debounce=self.debounce,
            memory_enabled=settings.memory_enabled,
            verbatim=settings.llm == "none",
        )


def hint_with(queues: QueueAdmin) -> Callable[[], None]:
    """A function that tells extraction workers that a subject is due. A lost hint does no harm: a sweep repeats it."""

    def send_hint() -> None:
        with suppress(MemoryUnavailable):
            queues.enqueue_body(Queue.EXTRACTION, ExtractionHint())

    return send_hint
