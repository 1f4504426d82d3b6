"""Readings: the state of Redis, PostgreSQL and the vector store, shown as gauges."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from afterword.schemas.errors import AfterwordError
from afterword.schemas.limits import LimitedOwner
from afterword.schemas.wire import Queue
from afterword.workers.broker import QueueAdmin
from afterword.workers.core.errors import LedgerUnavailable
from afterword.workers.observing.metrics import Metrics, Reading
from afterword.workers.stores.ledger import erasures, memories
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.extraction import breaker
from afterword.workers.stores.ledger.ingest import deferred
from afterword.workers.stores.ledger.upkeep import backlog
from afterword.workers.stores.vectors.admin import StoreAdmin


class Readings:
    """Reads each server by itself. While one is away its gauges have no sample, and `component_up` is 0."""

    def __init__(self, *, database: Database, admin: StoreAdmin, queues: QueueAdmin, metrics: Metrics) -> None:
        self._database = database
        self._admin = admin
        self._queues = queues
        self._metrics = metrics

    def read_redis(self) -> None:
        """Depths and ages of the queues, and Redis's memory. Raises: MemoryUnavailable."""
        metrics = self._metrics
        gauges = (metrics.queue_messages, metrics.oldest_message_age, metrics.redis_memory, metrics.redis_memory_max)
        with self._reading("redis", *gauges):
            queues = {queue.value: self._queues.backlog(queue) for queue in Queue}
            memory = self._queues.memory()
        states = ("waiting", "in_flight", "delayed", "dead")
        metrics.queue_messages.show_all(
            {(queue, state): getattr(found, state) for queue, found in queues.items() for state in states}
        )
        metrics.oldest_message_age.show_all({(queue,): found.oldest_age or 0.0 for queue, found in queues.items()})
        metrics.redis_memory.show(memory.used)
        # No sample without a limit: 0 would look like a Redis that is full.
        metrics.redis_memory_max.show_all({(): memory.limit} if memory.limit else {})

    def read_ledger(self) -> None:
        """The ledger's backlog, breaker and size. Raises: LedgerUnavailable, also when it takes no writes."""
        metrics = self._metrics
        gauges = (
            metrics.dead_letters_standing,
            metrics.oldest_dead_letter_age,
            metrics.subjects_waiting,
            metrics.oldest_due_subject_age,
            metrics.excerpts_wanting,
            metrics.deferred_events,
            metrics.oldest_deferred_event_age,
            metrics.deletions_pending,
            metrics.oldest_pending_deletion_age,
            metrics.erasures_pending,
            metrics.oldest_pending_erasure_age,
            metrics.breaker_open,
            metrics.postgres_size,
            metrics.ledger_holds_memories,
        )
        with self._reading("postgres", *gauges), self._recording() as connection:
            letters = backlog.dead_letters(connection)
            subjects = backlog.subjects(connection)
            wanting = backlog.excerpts_wanting(connection)
            waiting = deferred.waiting(connection)
            deletions = backlog.pending_deletions(connection)
            erasing, erasure_age = erasures.count_unfinished(connection)
            paused = breaker.is_open(connection)
            size = backlog.database_size(connection)
            holds_memories = memories.are_there(connection)
        none = backlog.Standing(0, 0.0)
        # All queues, so that one which was emptied goes back to 0.
        standing = {queue.value: letters.get(queue.value, none) for queue in Queue}
        metrics.dead_letters_standing.show_all({(queue,): found.letters for queue, found in standing.items()})
        metrics.oldest_dead_letter_age.show_all({(queue,): found.oldest_age for queue, found in standing.items()})
        metrics.subjects_waiting.show_all(
            {("later",): subjects.later, ("due",): subjects.due, ("claimed",): subjects.claimed}
        )
        metrics.oldest_due_subject_age.show(subjects.oldest_age)
        metrics.excerpts_wanting.show(wanting)
        metrics.deferred_events.show_all({(owner.value,): waiting.by_owner.get(owner, 0) for owner in LimitedOwner})
        metrics.oldest_deferred_event_age.show(waiting.oldest_age)
        metrics.erasures_pending.show(erasing)
        metrics.oldest_pending_erasure_age.show(erasure_age)
        metrics.deletions_pending.show(deletions.deletions)
        metrics.oldest_pending_deletion_age.show(deletions.oldest_age)
        metrics.breaker_open.show(paused)
        metrics.postgres_size.show(size)
        metrics.ledger_holds_memories.show(holds_memories)

    def read_vector_store(self) -> None:
        """How large the collection is. Raises: VectorStoreUnavailable."""
        metrics = self._metrics
        gauges = (
            metrics.vector_store_points,
            metrics.vector_store_dimensions,
            metrics.vector_store_disk,
            metrics.vector_store_memory,
            metrics.vector_store_memories,
        )
        with self._reading("vector_store", *gauges):
            size = self._admin.size()
        metrics.vector_store_points.show(size.points)
        metrics.vector_store_dimensions.show(size.dimensions)
        metrics.vector_store_disk.show_all({} if size.disk_bytes is None else {(): size.disk_bytes})
        metrics.vector_store_memory.show_all({} if size.memory_bytes is None else {(): size.memory_bytes})

    def count_memories(self) -> None:
        """Memories by scope and kind: the store looks at every point for it. Raises: VectorStoreUnavailable."""
        counts = self._admin.counts_by_kind()
        self._metrics.vector_store_memories.show_all(
            {(scope.value, kind.value): count for (scope, kind), count in counts.items()}
        )

    @contextmanager
    def _recording(self) -> Iterator[Connection]:
        """A server that refuses writes counts as away."""
        refusal = self._database.refusal()
        if refusal is not None:
            raise LedgerUnavailable(refusal)
        with self._database.transaction() as connection:
            yield connection

    @contextmanager
    def _reading(self, component: str, *gauges: Reading) -> Iterator[None]:
        try:
            yield
        except AfterwordError:
            for gauge in gauges:
                # An old number would look like a present one: a gauge of a server that is away has no sample.
                gauge.forget()
            self._metrics.component_up.show(0, component)
            raise
        self._metrics.component_up.show(1, component)
