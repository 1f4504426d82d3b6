"""Metrics of the models: the embedder and the LLM."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from afterword.workers.observing.metrics.instruments import FAST, SLOW, BoundedLabel, Instruments


class EmbedderMetrics(Instruments):
    """Requests to the embedder, and the texts that they were for."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.embedder_seconds = Histogram(
            "afterword_embedder_seconds",
            "Time of a request to the embedder; what its cache answers is none.",
            buckets=FAST,
            registry=self.registry,
        )
        self.embedder_errors = Counter(
            "afterword_embedder_errors", "Requests to the embedder that failed.", registry=self.registry
        )
        self.embedder_texts = self._counter(
            "embedder_texts",
            "Texts by where their vectors came from: embedder, cache (the process's own), redis (questions only).",
            source=("embedder", "cache", "redis"),
        )
        self.embedder_refused = self._counter(
            "embedder_refused",
            "Texts that the embedder refused, by what became of them: shortened until it took them (head and tail), or "
            "given_up (found by their words alone).",
            outcome=("shortened", "given_up"),
        )


class LlmMetrics(Instruments):
    """Calls to the LLM, and their cost."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        # A model's name comes from settings and from answers, a tenant's from events.
        self.model_label = BoundedLabel()
        self.tenant_label = BoundedLabel()
        # Plain counters, not from 0 on: models and tenants are known only when they are met.
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
            buckets=SLOW,
            registry=self.registry,
        )
        self.llm_tokens = Counter(
            "afterword_llm_tokens",
            "Tokens by model, tenant (the first 50 of a process, `other` for the rest) and type: prompt, cached (a "
            "part of prompt), completion.",
            ["model", "tenant", "type"],
            registry=self.registry,
        )
        self.llm_cost = Counter(
            "afterword_llm_cost_dollars",
            "US dollars by model and tenant (as tokens), at the prices that are set; a model without a price costs "
            "nothing here.",
            ["model", "tenant"],
            registry=self.registry,
        )


class ModelMetrics(EmbedderMetrics, LlmMetrics):
    """Requests to the models, and their cost."""
