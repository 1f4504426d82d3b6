"""Metrics of recall: context requests, and the memories that answer them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Histogram

from afterword.schemas.values import Kind, Scope
from afterword.workers.observing.metrics.instruments import FAST, Instruments

_CONTEXT_OUTCOMES = ("answered", "empty", "degraded", "expired", "invalid", "failed")
# As `ContextReply.degraded` names them.
_CONTEXT_PARTS = ("memory_off", "over_limit", "embedder", *Scope, "vector_store", "ledger")


class RecallMetrics(Instruments):
    """Context requests and their answers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.context_requests = self._counter(
            "context_requests",
            "Context requests by outcome: answered, empty, degraded, expired (could not be answered in time), invalid, "
            "failed.",
            outcome=_CONTEXT_OUTCOMES,
        )
        self.context_seconds = Histogram(
            "afterword_context_seconds",
            "Time to answer a context request, by step: embed, search, rank, total (all on the worker), "
            "reply (from the asking to the reply sent, the wait in the queue included).",
            ["step"],
            buckets=FAST,
            registry=self.registry,
        )
        self.context_memories = self._counter(
            "context_memories",
            "Memories sent in context replies, by scope and kind.",
            scope=Scope,
            kind=Kind,
        )
        self.context_degraded = self._counter(
            "context_degraded",
            "Context replies that something was missing in, by part: memory_off, over_limit, embedder, "
            "user, agent, session (scopes that came too late), vector_store, ledger.",
            part=_CONTEXT_PARTS,
        )
        self.relevance_gate = self._counter(
            "relevance_gate",
            "Context requests by what the relevance gate said: passed, stopped (they need no memory).",
            outcome=("passed", "stopped"),
        )
        self.retrievals = self._counter(
            "retrievals",
            "Context requests that passed the gate and whose owner has memories, by outcome: success, empty, degraded.",
            outcome=("success", "empty", "degraded"),
        )
