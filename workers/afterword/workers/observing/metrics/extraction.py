"""Metrics of the extraction: batches, and the subjects that wait for one."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Histogram

from afterword.workers.observing.metrics.instruments import LONG_WAITS, SLOW, Instruments

_ENDED = ("done", "empty", "lost", "dead")
_FAILED = ("bad_answer", "llm_unavailable", "llm_refused", "store", "unexpected")


class ExtractionMetrics(Instruments):
    """Batches extracted, subjects that wait, and the breaker that pauses both."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.extracted = self._counter(
            "extracted_conversations",
            "Conversations whose extraction ended, by outcome: done, dead.",
            outcome=("done", "dead"),
        )
        self.extractions = self._counter(
            "extractions",
            "Extraction batches by outcome: done, empty, bad_answer, llm_unavailable, llm_refused, store, unexpected, "
            "lost, dead.",
            outcome=(*_ENDED, *_FAILED),
        )
        self.odd_items = self._counter(
            "llm_odd_items",
            "Items of LLM answers that were dropped or cut, by type: no_text, too_long (cut), too_many, scope_off (the "
            "agent does not learn it).",
            type=("no_text", "too_long", "too_many", "scope_off"),
        )
        self.extraction_seconds = Histogram(
            "afterword_extraction_seconds",
            "Time of an extraction batch, by step: llm, embed, vector_write, total (from the claim to the commit).",
            ["step"],
            # A call to the LLM is most of it.
            buckets=SLOW,
            registry=self.registry,
        )
        self.claim_wait_seconds = Histogram(
            "afterword_claim_wait_seconds",
            "Time from when a subject was due to its claim.",
            buckets=LONG_WAITS,
            registry=self.registry,
        )
        self.freshness_seconds = Histogram(
            "afterword_freshness_seconds",
            "Time from when a conversation was taken in to when all its facts can be recalled, debounce included.",
            buckets=LONG_WAITS,
            registry=self.registry,
        )
        self.subjects_waiting = self._reading(
            "subjects_waiting", "Subjects to be extracted, by state: later (not due yet), due, claimed.", "state"
        )
        self.oldest_due_subject_age = self._reading(
            "oldest_due_subject_age_seconds",
            "How long the subject that is due and unclaimed for longest has been due; 0 when none is.",
        )
        # Read from the ledger, where the breaker is shared by all workers.
        self.breaker_open = self._reading(
            "breaker_open", "1 while the breaker of the LLM pauses extraction everywhere, else 0."
        )
