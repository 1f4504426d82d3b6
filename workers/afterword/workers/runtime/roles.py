"""The roles a worker process can play, each with its queue and its actor."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from dramatiq import Worker

from afterword.schemas.wire import Queue
from afterword.workers.actors import commands, context, extraction, ingest, telemetry
from afterword.workers.actors.replies import Replies
from afterword.workers.actors.requests import Answering
from afterword.workers.broker import MendedBroker
from afterword.workers.broker.consumer import MendedConsumer
from afterword.workers.runtime.checks import Component, looks
from afterword.workers.runtime.health import Health
from afterword.workers.runtime.wiring.house import House
from afterword.workers.services.upkeep.scheduler import Scheduler, Task
from afterword.workers.stores.ledger.gate import LedgerGate
from afterword.workers.stores.ledger.upkeep.leadership import Leadership

logger = logging.getLogger(__name__)


class Role(StrEnum):
    INGEST = "ingest"
    EXTRACTION = "extraction"
    CONTEXT = "context"
    COMMANDS = "commands"
    TELEMETRY = "telemetry"
    SCHEDULER = "scheduler"


USING_THE_VECTOR_STORE = frozenset(Role) - {Role.TELEMETRY}

_NEEDED: dict[Role, list[Component]] = {
    Role.INGEST: ["redis", "postgres"],
    Role.EXTRACTION: ["redis", "postgres", "vector_store", "mem0"],
    Role.CONTEXT: ["redis", "vector_store"],
    Role.COMMANDS: ["redis", "postgres", "vector_store"],
    Role.TELEMETRY: ["redis", "postgres"],
    Role.SCHEDULER: ["redis", "postgres"],
}
"""What a role can do nothing without. Never the models: only work shows whether they answer again."""

_USED: dict[Role, list[Component]] = {
    Role.INGEST: ["vector_store", "embedder"],
    Role.EXTRACTION: ["embedder", "llm"],
    Role.CONTEXT: ["postgres", "embedder"],
    Role.COMMANDS: ["embedder"],
    Role.TELEMETRY: [],
    Role.SCHEDULER: ["vector_store", "embedder", "llm"],
}
"""What it can do without for a while: excerpts wait for the sweep, answers say what they lack."""

_STALLED_SECONDS = 60.0
"""A consumer looks at its queue every few seconds, whatever Redis does."""

_THREADS = {Role.INGEST: 8, Role.EXTRACTION: 16, Role.CONTEXT: 4, Role.COMMANDS: 4, Role.TELEMETRY: 1}
_CONTEXT_IN_PLACE = 2
"""Threads of a context worker that asks no server but Redis: one works while the other waits for it. More would take
turns at the interpreter, and each question would cost a seventh more processor time with four."""


class RunningRole(Protocol):
    """A role at work."""

    def stop(self, grace: float) -> None:
        """Finish or hand back what is in work, within `grace` seconds."""

    def is_alive(self) -> bool:
        """Whether its threads run."""


class Companion(Protocol):
    """A thread that a role needs beside its worker."""

    def start(self) -> None: ...
    def stop(self) -> None: ...


class QueueRole:
    """A role that works on a queue: one Dramatiq worker, and the threads it needs."""

    def __init__(self, broker: MendedBroker, queue: Queue, threads: int, companions: Sequence[Companion]) -> None:
        self._broker = broker
        self._companions = companions
        self._worker = Worker(broker, queues={queue.value}, worker_threads=threads, worker_timeout=250)
        for companion in companions:
            companion.start()
        self._worker.start()

    def stop(self, grace: float) -> None:
        self._broker.take_no_more()
        self._worker.stop(timeout=int(grace * 1000))
        for companion in self._companions:
            companion.stop()
        self._broker.client.close()

    def is_alive(self) -> bool:
        threads = [*self._worker.consumers.values(), *self._worker.workers]
        return bool(threads) and all(thread.is_alive() for thread in threads) and not self._stalled()

    def _stalled(self) -> bool:
        consumers = [thread.consumer for thread in self._worker.consumers.values()]
        oldest = time.monotonic() - _STALLED_SECONDS
        return any(isinstance(consumer, MendedConsumer) and consumer.looked_at < oldest for consumer in consumers)


class IdleRole:
    """A role with nothing to do: extraction without an LLM."""

    def __init__(self) -> None:
        self._stopped = False

    def stop(self, grace: float) -> None:  # noqa: ARG002  # the protocol's signature
        self._stopped = True

    def is_alive(self) -> bool:
        return not self._stopped


def health_of(role: Role, house: House) -> Health:
    """What a role's process watches of the house that it uses."""
    return Health(looks(house, [*_NEEDED[role], *_USED[role]]), _NEEDED[role])


def start_role(role: Role, house: House) -> RunningRole:
    """Build and start a role. Raises: Misconfigured."""
    if role is Role.SCHEDULER:
        return _start_scheduler(house)
    return _STARTERS[role](house, house.settings.threads or _threads(role, house))


def _threads(role: Role, house: House) -> int:
    return _CONTEXT_IN_PLACE if role is Role.CONTEXT and house.recall.in_place else _THREADS[role]


def _start_ingest(house: House, threads: int) -> RunningRole:
    gate = LedgerGate(house.stores.database)
    broker = house.stores.open_broker(gate.is_open)
    ingest.declare(broker, house.ingest.ingest(broker))
    return QueueRole(broker, Queue.CONVERSATIONS, threads, [gate])


def _start_extraction(house: House, threads: int) -> RunningRole:
    if house.models.llm is None:
        logger.warning("verbatim mode: without an LLM no facts are extracted, excerpts are kept all the same")
        return IdleRole()
    from afterword.workers.services.extraction.lease import LeaseKeeper

    gate = LedgerGate(house.stores.database)
    settings = house.settings
    keeper = LeaseKeeper(
        database=house.stores.database,
        lease=timedelta(seconds=settings.lease),
        max_hold=timedelta(seconds=settings.max_hold),
    )
    broker = house.stores.open_broker(gate.is_open)
    extraction.declare(broker, house.extraction.extraction(broker, keeper))
    return QueueRole(broker, Queue.EXTRACTION, threads, [gate, keeper])


def _start_context(house: House, threads: int) -> RunningRole:
    broker = house.stores.open_broker()
    log = house.analytics.open_query_log(broker)
    house.recall.question_embedder.prepare()
    context.declare(broker, house.recall.answerer, _answering(broker), log, house.metrics)
    return QueueRole(broker, Queue.CONTEXT, threads, [log] if log else [])


def _start_commands(house: House, threads: int) -> RunningRole:
    broker = house.stores.open_broker()
    house.recall.question_embedder.prepare()
    commands.declare(broker, house.commands.commands(broker), _answering(broker), house.metrics)
    return QueueRole(broker, Queue.COMMANDS, threads, [])


def _start_telemetry(house: House, threads: int) -> RunningRole:
    gate = LedgerGate(house.stores.database)
    broker = house.stores.open_broker(gate.is_open)
    telemetry.declare(broker, house.stores.database, house.memories.books)
    return QueueRole(broker, Queue.TELEMETRY, threads, [gate])


def _start_scheduler(house: House) -> RunningRole:
    broker = house.stores.open_broker()
    sweeps, readings = house.upkeep.sweeps(broker), house.upkeep.readings(broker)
    tasks = [
        *_analytics_tasks(house),
        # Also without analytics: what was collected before grows old.
        Task("clean_up", 60.0, house.analytics.retention.clean_up),
        Task("hint_due_subjects", 1.0, sweeps.hint_due_subjects),
        Task("complete_excerpts", 10.0, sweeps.complete_excerpts),
        Task("keep_dead_messages", 10.0, sweeps.keep_dead_messages),
        Task("drop_transcripts", 60.0, sweeps.drop_transcripts),
        Task("drop_expired_memories", 300.0, house.upkeep.expiry.drop_expired_memories),
        # By all: without PostgreSQL nobody leads, and just then the queues are to be seen.
        Task("read_redis", 15.0, readings.read_redis, by_all=True),
        Task("read_ledger", 15.0, readings.read_ledger, by_all=True),
        Task("read_vector_store", 15.0, readings.read_vector_store, by_all=True),
        Task("count_memories", 60.0, readings.count_memories, by_all=True),
    ]
    scheduler = Scheduler(tasks, leadership=Leadership(house.stores.database), metrics=house.metrics)
    scheduler.start()
    return scheduler


def _analytics_tasks(house: House) -> list[Task]:
    """Often enough that each slot is met, also after a change of the leader; what was done is not done again."""
    if not house.settings.analytics:
        return []
    return [Task("take_snapshot", min(house.settings.analytics_interval / 10, 15.0), house.analytics.snapshots.take)]


def _answering(broker: MendedBroker) -> Answering:
    return Answering(Replies(broker.client), broker.clock)


_STARTERS: dict[Role, Callable[[House, int], RunningRole]] = {
    Role.INGEST: _start_ingest,
    Role.EXTRACTION: _start_extraction,
    Role.CONTEXT: _start_context,
    Role.COMMANDS: _start_commands,
    Role.TELEMETRY: _start_telemetry,
}
