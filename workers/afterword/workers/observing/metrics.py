"""Every Prometheus metric of Afterword, declared once, counted where it happens, after the commit.

Labels are few and bounded: never a user, session or memory id. Times are in seconds, sizes in bytes. What happens is a
counter or a histogram of the process in which it happened; what stands in a server is a `Reading` of the scheduler.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from itertools import product
from platform import python_version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, Metric, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from afterword.schemas.commands import COMMANDS
from afterword.schemas.values import Kind, Scope
from afterword.schemas.wire import Queue

_FAST = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Requests to what is near, and all that a prompt waits for; one bucket ends at the aim of 100 ms."""
_SLOW = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Work in the background, up to what a call to an LLM may take."""
_WAITS = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
"""From a queue that is empty to one behind an outage."""
_LONG_WAITS = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 21600.0, 86400.0)
"""What a debounce of seconds to minutes, and an outage of hours, make wait."""

_COMMAND_OUTCOMES = ("ok", "expired", "invalid", "denied", "not_found", "unavailable", "internal")
_EXTRACTION_OUTCOMES = ("done", "empty", "bad_answer", "llm_unavailable", "llm_refused", "store", "lost", "dead")
_CONTEXT_OUTCOMES = ("answered", "empty", "degraded", "expired", "invalid", "failed")
_CONTEXT_PARTS = ("memory_off", "embedder", *Scope, "vector_store", "ledger")

READING_SECONDS = 60.0
"""How long a reading is shown: four times the interval at which most are taken."""


class Reading(Collector):
    """A gauge that is read from a server. Without a fresh reading it has no sample: none is better than a stale one.

    So a process that reads nothing shows nothing. Two that read the same show it twice: aggregate with `max`.
    """

    def __init__(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str] = (),
        *,
        registry: CollectorRegistry,
        kept: float = READING_SECONDS,
    ) -> None:
        """`kept` is how many seconds a reading is shown."""
        self._name = name
        self._documentation = documentation
        self._labels = labels
        self._kept = kept
        # Replaced, never changed, so that a scrape needs no lock. Each value with when it was read.
        self._values: dict[tuple[str, ...], tuple[float, float]] = {}
        self._lock = threading.Lock()
        registry.register(self)

    def show(self, value: float, *labels: str) -> None:
        """The reading for these label values; other labels keep theirs."""
        with self._lock:
            self._values = {**self._values, labels: (value, time.monotonic())}

    def show_all(self, values: Mapping[tuple[str, ...], float]) -> None:
        """The whole reading, by label values; labels that are not in it have no sample any more."""
        now = time.monotonic()
        self._values = {labels: (value, now) for labels, value in values.items()}

    def forget(self) -> None:
        """Its source is away."""
        self._values = {}

    def describe(self) -> Iterable[Metric]:
        """The name, for the registry."""
        return [GaugeMetricFamily(self._name, self._documentation, labels=self._labels)]

    def collect(self) -> Iterable[Metric]:
        """The samples, if they are fresh."""
        family = GaugeMetricFamily(self._name, self._documentation, labels=self._labels)
        oldest = time.monotonic() - self._kept
        for labels, (value, read_at) in self._values.items():
            if read_at >= oldest:
                family.add_metric(labels, value)
        return [family]


class Metrics:
    """The instruments of one process, on a registry of its own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._declare_workers()
        self._declare_queues()
        self._declare_ingest()
        self._declare_memories()
        self._declare_extraction()
        self._declare_llm()
        self._declare_context()
        self._declare_stores()
        self._declare_scheduler()
        self._declare_backlog()
        self._declare_servers()

    def _declare_workers(self) -> None:
        self.up = Gauge(
            "afterword_worker_up", "1 while this role's threads run, else 0.", ["role"], registry=self.registry
        )
        self.build = Info("afterword_build", "Versions of what runs here.", registry=self.registry)
        self.build.info({"version": version("afterword"), "python": python_version(), "mem0": version("mem0ai")})

    def _declare_queues(self) -> None:
        self.publishes = self._counter(
            "publishes",
            "Events as their clients saw them: sent, dropped (their outbox was full), invalid. "
            "Told with a client's next event, counted once for each event that was stored.",
            outcome=("sent", "dropped", "invalid"),
        )
        self.queue_wait_seconds = Histogram(
            "afterword_queue_wait_seconds",
            "Time from the sending of a message to the work that settled it, outboxes and retries included.",
            ["queue"],
            buckets=_WAITS,
            registry=self.registry,
        )
        self.message_retries = self._counter(
            "message_retries",
            "Messages that failed and are tried again, by queue.",
            queue=Queue,
        )
        self.dead_letters = self._counter(
            "dead_letters",
            "Messages (and conversations, as those of extraction) given up on, by queue.",
            queue=Queue,
        )
        self.commands = self._counter(
            "commands",
            "Memory commands by name and outcome: ok, expired, invalid, denied, not_found, unavailable, internal.",
            command=(*(command.wire_name() for command in COMMANDS), "unknown"),
            outcome=_COMMAND_OUTCOMES,
        )
        self.command_seconds = Histogram(
            "afterword_command_seconds",
            "Time to run a memory command and send its reply.",
            ["command"],
            buckets=_FAST,
            registry=self.registry,
        )
        self.telemetry_dropped = Counter(
            "afterword_telemetry_dropped", "Query events that were not recorded.", registry=self.registry
        )

    def _declare_ingest(self) -> None:
        self.ingested = self._counter(
            "ingested_conversations",
            "Conversations taken in, by outcome: stored, duplicate, conflict, skipped.",
            outcome=("stored", "duplicate", "conflict", "skipped"),
        )
        self.ingest_seconds = Histogram(
            "afterword_ingest_seconds",
            "Time to take one conversation in, by step: record, embed, vector_write, total.",
            ["step"],
            buckets=_SLOW,
            registry=self.registry,
        )

    def _declare_memories(self) -> None:
        self.memories = self._counter(
            "memories",
            "Memories written or removed, by operation (add, delete), scope and kind.",
            operation=("add", "delete"),
            scope=Scope,
            kind=Kind,
        )

    def _declare_extraction(self) -> None:
        self.extracted = self._counter(
            "extracted_conversations",
            "Conversations whose extraction ended, by outcome: done, dead.",
            outcome=("done", "dead"),
        )
        self.extractions = self._counter(
            "extractions",
            "Extraction batches by outcome: done, empty, bad_answer, llm_unavailable, llm_refused, store, lost, dead.",
            outcome=_EXTRACTION_OUTCOMES,
        )
        self.extraction_seconds = Histogram(
            "afterword_extraction_seconds",
            "Time of an extraction batch, by step: llm, embed, vector_write, total (from the claim to the commit).",
            ["step"],
            buckets=_SLOW,
            registry=self.registry,
        )
        self.claim_wait_seconds = Histogram(
            "afterword_claim_wait_seconds",
            "Time from when a subject was due to its claim.",
            buckets=_LONG_WAITS,
            registry=self.registry,
        )
        self.freshness_seconds = Histogram(
            "afterword_freshness_seconds",
            "Time from when a conversation was taken in to when all its facts can be recalled, debounce included.",
            buckets=_LONG_WAITS,
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
        self.llm_cost = Counter(
            "afterword_llm_cost_dollars",
            "US dollars by model and tenant, at the prices that are set; a model without a price costs nothing here.",
            ["model", "tenant"],
            registry=self.registry,
        )

    def _declare_context(self) -> None:
        self.context_requests = self._counter(
            "context_requests",
            "Context requests by outcome: answered, empty, degraded, expired, invalid, failed.",
            outcome=_CONTEXT_OUTCOMES,
        )
        self.context_seconds = Histogram(
            "afterword_context_seconds",
            "Time to answer a context request, by step: embed, search, rank, total (all on the worker), "
            "reply (from the asking to the reply sent, the wait in the queue included).",
            ["step"],
            buckets=_FAST,
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
            "Context replies that something was missing in, by part: memory_off, embedder, "
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

    def _declare_stores(self) -> None:
        self.embedder_seconds = Histogram(
            "afterword_embedder_seconds",
            "Time of a request to the embedder; what its cache answers is none.",
            buckets=_FAST,
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
        self.vector_store_seconds = Histogram(
            "afterword_vector_store_seconds",
            "Time of a request to the vector store, by operation: "
            "insert, search, get, page, scan, set_payload, delete, delete_where, count, count_by.",
            ["operation"],
            buckets=_FAST,
            registry=self.registry,
        )
        self.vector_store_errors = Counter(
            "afterword_vector_store_errors",
            "Requests to the vector store that failed, by operation.",
            ["operation"],
            registry=self.registry,
        )

    def _declare_scheduler(self) -> None:
        self.scheduler_leader = self._reading(
            "scheduler_leader", "1 for the scheduler that leads, 0 for one that stands by."
        )
        self.task_runs = Counter(
            "afterword_scheduler_task_runs",
            "Runs of the scheduler's tasks by outcome: ok, failed (a server was away), defective.",
            ["task", "outcome"],
            registry=self.registry,
        )
        self.task_seconds = Histogram(
            "afterword_scheduler_task_seconds",
            "Time of a run of a task.",
            ["task"],
            buckets=(0.01, 0.1, 1.0, 10.0, 60.0, 600.0),
            registry=self.registry,
        )
        self.task_success = Gauge(
            "afterword_scheduler_task_last_success_timestamp_seconds",
            "When a task last ended well, in seconds since 1970.",
            ["task"],
            registry=self.registry,
        )

    def _declare_backlog(self) -> None:
        self.queue_messages = self._reading(
            "queue_messages",
            "Messages by queue and state: waiting, in_flight (with workers), delayed (for a retry), dead.",
            "queue",
            "state",
        )
        self.oldest_message_age = self._reading(
            "oldest_message_age_seconds", "Age of the message that is next in its queue; 0 when none waits.", "queue"
        )
        self.dead_letters_standing = self._reading(
            "dead_letters_standing", "Dead letters that wait for somebody, by queue.", "queue"
        )
        self.oldest_dead_letter_age = self._reading(
            "oldest_dead_letter_age_seconds", "Age of the oldest dead letter; 0 when there is none.", "queue"
        )
        self.subjects_waiting = self._reading(
            "subjects_waiting", "Subjects to be extracted, by state: later (not due yet), due, claimed.", "state"
        )
        self.oldest_due_subject_age = self._reading(
            "oldest_due_subject_age_seconds",
            "How long the subject that is due and unclaimed for longest has been due; 0 when none is.",
        )
        self.excerpts_wanting = self._reading(
            "excerpts_wanting", "Conversations whose excerpts could not be written yet."
        )
        self.breaker_open = self._reading(
            "breaker_open", "1 while the breaker of the LLM pauses extraction everywhere, else 0."
        )

    def _declare_servers(self) -> None:
        self.component_up = self._reading(
            "component_up", "1 while it answers the scheduler, else 0: redis, postgres, vector_store.", "component"
        )
        self.vector_store_points = self._reading("vector_store_points", "Memories in the vector store.")
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
        self.redis_memory = self._reading("redis_memory_bytes", "Memory that Redis uses.")
        self.redis_memory_max = self._reading(
            "redis_memory_max_bytes", "Memory that Redis may use; no sample where it is not bounded."
        )
        self.postgres_size = self._reading("postgres_size_bytes", "Disk that the ledger's database takes.")

    def count_memories(self, operation: str, counts: Mapping[tuple[Scope, Kind], int]) -> None:
        """Count memories by (scope, kind)."""
        for (scope, kind), count in counts.items():
            if count:
                self.memories.labels(operation, scope.value, kind.value).inc(count)

    def _counter(self, name: str, documentation: str, **values: Iterable[str]) -> Counter:
        """A counter whose labels take these values. Each series begins at 0: `increase` does not see what came before
        a series was there."""
        counter = Counter(f"afterword_{name}", documentation, list(values), registry=self.registry)
        for labels in product(*values.values()):
            counter.labels(*labels)
        return counter

    def _reading(self, name: str, documentation: str, *labels: str, kept: float = READING_SECONDS) -> Reading:
        return Reading(f"afterword_{name}", documentation, labels, registry=self.registry, kept=kept)
