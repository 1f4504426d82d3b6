"""Every Prometheus metric of Afterword, declared once, counted where it happens, after the commit.

Labels are few and bounded: never a user, session or memory id.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_FAST = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
_SLOW = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0)


class Metrics:
    """The instruments of one process, on a registry of its own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self.up = Gauge("afterword_worker_up", "1 while this role runs.", ["role"], registry=self.registry)
        self._declare_ingest()
        self._declare_extraction()
        self._declare_llm()
        self._declare_answers()
        self._declare_losses()

    def _declare_ingest(self) -> None:
        self.conversations = Counter(
            "afterword_conversations",
            "Conversations by outcome: stored, duplicate, conflict, skipped, done, dead.",
            ["outcome"],
            registry=self.registry,
        )
        self.ingest_seconds = Histogram(
            "afterword_ingest_seconds",
            "Time to take one conversation in, excerpts included.",
            buckets=_SLOW,
            registry=self.registry,
        )
        self.memories = Counter(
            "afterword_memories",
            "Memories written or removed, by operation (add, delete), scope and kind.",
            ["operation", "scope", "kind"],
            registry=self.registry,
        )

    def _declare_extraction(self) -> None:
        self.extractions = Counter(
            "afterword_extractions",
            "Extraction batches by outcome: done, empty, bad_answer, llm_unavailable, llm_refused, store, lost, dead.",
            ["outcome"],
            registry=self.registry,
        )
        self.extraction_seconds = Histogram(
            "afterword_extraction_seconds",
            "Time of an extraction batch, from the claim to the commit.",
            buckets=_SLOW,
            registry=self.registry,
        )
        self.breaker_open = Gauge(
            "afterword_breaker_open",
            "1 while the breaker of the LLM pauses extraction everywhere.",
            registry=self.registry,
        )

    def _declare_llm(self) -> None:
        self.llm_calls = Counter(
            "afterword_llm_calls",
            "Calls to the LLM by model and outcome: ok, unavailable, refused, bad_answer.",
            ["model", "outcome"],
            registry=self.registry,
        )
        self.llm_seconds = Histogram(
            "afterword_llm_seconds",
            "Time of a call to the LLM.",
            ["model"],
            buckets=_SLOW,
            registry=self.registry,
        )
        self.llm_tokens = Counter(
            "afterword_llm_tokens",
            "Tokens by model, tenant and type: prompt, cached (a part of prompt), completion.",
            ["model", "tenant", "type"],
            registry=self.registry,
        )

    def _declare_answers(self) -> None:
        self.context_requests = Counter(
            "afterword_context_requests",
            "Context requests by outcome: answered, empty, degraded, expired, invalid, failed.",
            ["outcome"],
            registry=self.registry,
        )
        self.context_seconds = Histogram(
            "afterword_context_seconds",
            "Time to answer a context request on the worker, by step: total, embed, search.",
            ["step"],
            buckets=_FAST,
            registry=self.registry,
        )
        self.context_memories = Counter(
            "afterword_context_memories",
            "Memories sent in context replies.",
            ["scope"],
            registry=self.registry,
        )
        self.commands = Counter(
            "afterword_commands",
            "Memory commands by name and outcome: ok, or the code of the error.",
            ["command", "outcome"],
            registry=self.registry,
        )

    def _declare_losses(self) -> None:
        self.dead_letters = Counter(
            "afterword_dead_letters",
            "Messages and conversations given up on.",
            ["queue"],
            registry=self.registry,
        )
        self.dead_letters_standing = Gauge(
            "afterword_dead_letters_standing", "Dead letters that wait for somebody.", registry=self.registry
        )
        self.dead_letter_age_seconds = Gauge(
            "afterword_dead_letter_age_seconds", "Age of the oldest dead letter.", registry=self.registry
        )
        self.telemetry_dropped = Counter(
            "afterword_telemetry_dropped", "Query events that were not recorded.", registry=self.registry
        )
