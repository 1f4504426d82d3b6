"""Metrics of the queues: messages that wait, fail and die, and the Redis that holds them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from afterword.schemas.wire import Queue
from afterword.workers.observing.metrics.instruments import WAITS, Instruments


class QueueMetrics(Instruments):
    """Messages, dead letters, and the memory that Redis has for them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.queue_wait_seconds = Histogram(
            "afterword_queue_wait_seconds",
            "Time from the sending of a message to the work that settled it, outboxes and retries included.",
            ["queue"],
            buckets=WAITS,
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
        self.dead_messages_unkept = self._reading(
            "dead_messages_unkept", "Dead messages that PostgreSQL refuses: they stay in Redis, for a week.", "queue"
        )
        self.worker_stalled = Gauge(
            "afterword_worker_stalled",
            "1 while this worker's queue has messages and it has finished none for too long, else 0.",
            ["queue"],
            registry=self.registry,
        )
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
        self.telemetry_dropped = Counter(
            "afterword_telemetry_dropped", "Query events that were not recorded.", registry=self.registry
        )
        self.redis_memory = self._reading("redis_memory_bytes", "Memory that Redis uses.")
        self.redis_memory_max = self._reading(
            "redis_memory_max_bytes", "Memory that Redis may use; no sample where it is not bounded."
        )
