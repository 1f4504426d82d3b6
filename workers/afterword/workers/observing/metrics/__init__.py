"""Every Prometheus metric of Afterword: declared once, in its room's module, and counted after the commit.

>>> metrics = Metrics()
>>> metrics.ingested.labels("stored").inc()
>>> metrics.registry.get_sample_value("afterword_ingested_conversations_total", {"outcome": "stored"})
1.0
"""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, ProcessCollector

from afterword.workers.observing.metrics.commands import CommandMetrics
from afterword.workers.observing.metrics.exposition import Exposition
from afterword.workers.observing.metrics.extraction import ExtractionMetrics
from afterword.workers.observing.metrics.governance import GovernanceMetrics
from afterword.workers.observing.metrics.ingest import IngestMetrics
from afterword.workers.observing.metrics.instruments import Instruments, Reading
from afterword.workers.observing.metrics.limits import LimitMetrics
from afterword.workers.observing.metrics.models import ModelMetrics
from afterword.workers.observing.metrics.queues import QueueMetrics
from afterword.workers.observing.metrics.recall import RecallMetrics
from afterword.workers.observing.metrics.stores import StoreMetrics
from afterword.workers.observing.metrics.upkeep import UpkeepMetrics

__all__ = ["Metrics", "Reading"]


# One class, so that a part is handed one object; each room declares its own instruments all the same.
class Metrics(
    IngestMetrics,
    ExtractionMetrics,
    RecallMetrics,
    CommandMetrics,
    LimitMetrics,
    QueueMetrics,
    StoreMetrics,
    ModelMetrics,
    GovernanceMetrics,
    UpkeepMetrics,
):
    """The instruments of one process, those of all rooms, on a registry of its own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        super().__init__(registry or CollectorRegistry())
        # prometheus_client puts its own on the global registry, which no process of ours shows.
        ProcessCollector(registry=self.registry)

    def exposed(self, rooms: Sequence[type[Instruments]] = (), *, queue: str | None = None) -> Exposition:
        """The metrics that a process shows: everything it counted, and zeros of these rooms only."""
        return Exposition(self.registry, rooms, queue=queue)
