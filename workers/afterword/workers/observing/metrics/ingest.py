"""Metrics of conversations on their way in, and of the memories that are written."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram

from afterword.schemas.values import Kind, Scope
from afterword.workers.observing.metrics.instruments import SLOW, Instruments


class IngestMetrics(Instruments):
    """Conversations published and taken in; memories written and removed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.publishes = self._counter(
            "publishes",
            "Events as their clients saw them: sent, dropped (their outbox was full), invalid. "
            "Told with a client's next event, counted once for each event that was stored.",
            # A client has no /metrics of its own: its counts come with its events.
            outcome=("sent", "dropped", "invalid"),
        )
        self.messages_skipped = Counter(
            "afterword_messages_skipped",
            "Items that stood among the messages of events and were none, such as calls of tools. "
            "Counted once for each event that was stored.",
            registry=self.registry,
        )
        self.ingested = self._counter(
            "ingested_conversations",
            "Conversations taken in, by outcome: stored, duplicate, conflict, skipped, deferred (counted once more "
            "when it is taken in), erased (of before one).",
            outcome=("stored", "duplicate", "conflict", "skipped", "deferred", "erased"),
        )
        self.ingest_seconds = Histogram(
            "afterword_ingest_seconds",
            "Time to take one conversation in, by step: record, embed, vector_write, total.",
            ["step"],
            buckets=SLOW,
            registry=self.registry,
        )
        self.memories = self._counter(
            "memories",
            "Memories written, corrected or removed, by operation (add, update, delete), scope and kind.",
            operation=("add", "update", "delete"),
            scope=Scope,
            kind=Kind,
        )
        # Rules have names that a package chooses.
        self.redacted_texts = Counter(
            "afterword_redacted_texts",
            "Texts that something was cut out of before they were stored, by rule.",
            ["rule"],
            registry=self.registry,
        )
        self.excerpts_wanting = self._reading(
            "excerpts_wanting", "Conversations whose excerpts could not be written yet."
        )

    def count_memories(self, operation: str, counts: Mapping[tuple[Scope, Kind], int]) -> None:
        """Count memories by (scope, kind)."""
        for (scope, kind), count in counts.items():
            if count:
                self.memories.labels(operation, scope.value, kind.value).inc(count)
