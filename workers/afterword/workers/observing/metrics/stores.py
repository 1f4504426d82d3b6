"""Metrics of the stores: the vector store and the ledger's database."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from afterword.workers.observing.metrics.instruments import FAST, Instruments


class StoreMetrics(Instruments):
    """Requests to the vector store, and how much stands in each store."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.vector_store_seconds = Histogram(
            "afterword_vector_store_seconds",
            "Time of a request to the vector store, by operation: "
            "insert, replace, search, get, page, scan, set_payload, delete, delete_where, count, count_by.",
            ["operation"],
            buckets=FAST,
            registry=self.registry,
        )
        self.vector_store_errors = Counter(
            "afterword_vector_store_errors",
            "Requests to the vector store that failed, by operation.",
            ["operation"],
            registry=self.registry,
        )
        self.vector_store_points = self._reading("vector_store_points", "Memories in the vector store.")
        # Counted once a minute, four times less often than the rest is read: a count is shown for longer.
        self.vector_store_memories = self._reading(
            "vector_store_memories", "Memories in the vector store, by scope and kind.", "scope", "kind", kept=300.0
        )
        self.vector_store_dimensions = self._reading("vector_store_dimensions", "Dimensions of a vector.")
        self.vector_store_disk = self._reading(
            "vector_store_disk_bytes", "Disk that the vector store takes; only of Qdrant Edge."
        )
        self.vector_store_memory = self._reading(
            "vector_store_memory_bytes", "Resident memory of the Qdrant server; not of Qdrant Edge."
        )
        self.ledger_gate_open = self._reading(
            "ledger_gate_open",
            "1 while PostgreSQL takes writes, else 0: then this worker takes nothing from its queue.",
        )
        self.ledger_holds_memories = self._reading(
            "ledger_holds_memories", "1 when the ledger knows a memory, else 0; the store must hold some then."
        )
        self.postgres_size = self._reading("postgres_size_bytes", "Disk that the ledger's database takes.")
