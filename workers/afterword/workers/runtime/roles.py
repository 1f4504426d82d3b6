"""The roles that a worker process can play. One table names the queue, threads, servers and actor of each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from afterword.schemas.wire import Queue
from afterword.workers.actors import commands, context, extraction, ingest, telemetry
from afterword.workers.actors.requests import Responder
from afterword.workers.broker import MendedBroker
from afterword.workers.observing.metrics.commands import CommandMetrics
from afterword.workers.observing.metrics.exposition import Exposition
from afterword.workers.observing.metrics.extraction import ExtractionMetrics
from afterword.workers.observing.metrics.governance import GovernanceMetrics
from afterword.workers.observing.metrics.ingest import IngestMetrics
from afterword.workers.observing.metrics.instruments import Instruments
from afterword.workers.observing.metrics.limits import LimitMetrics
from afterword.workers.observing.metrics.models import ModelMetrics
from afterword.workers.observing.metrics.queues import QueueMetrics
from afterword.workers.observing.metrics.recall import RecallMetrics
from afterword.workers.observing.metrics.stores import StoreMetrics
from afterword.workers.observing.metrics.upkeep import UpkeepMetrics
from afterword.workers.runtime.checks import Component, look_for_commands, looks
from afterword.workers.runtime.health import Check, Health
from afterword.workers.runtime.progress import PATIENCE_SECONDS, QueueProgress
from afterword.workers.runtime.running import Companion, IdleRole, QueueRole, RunningRole
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


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueWork:
    """The queue that a role works on, and how."""

    queue: Queue
    declare: Callable[[House, MendedBroker], Sequence[Companion]]
    """Declares the actor on the broker. Returns the threads that the actor needs beside it."""
    threads: int
    threads_in_place: int | None = None
    """The threads where no server but Redis is asked, if another number is better there."""
    waits_for_ledger: bool = False
    """Whether no message is taken while PostgreSQL is away."""
    needs_llm: bool = False
    """Whether the role idles in verbatim mode."""

    def patience_in(self, house: House) -> float:
        """Seconds without a finished message after which the role is stalled. A call to the LLM adds its time."""
        return PATIENCE_SECONDS + (house.settings.llm_timeout if self.needs_llm else 0.0)

    def threads_in(self, house: House) -> int:
        """The threads of the worker: the setting, else the default of this role."""
        if house.settings.threads:
            return house.settings.threads
        return self.threads_in_place if self.threads_in_place and house.recall.in_place else self.threads


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSpec:
    """The servers and models that a role depends on, and its work; the scheduler has no queue."""

    needed: Sequence[Component]
    """Without one of these the role can do no work. Never a model: only work shows whether a model responds again."""
    used: Sequence[Component] = ()
    """The role works on without one of these: excerpts wait for the sweep, answers say what they lack."""
    work: QueueWork | None = None
    counts: Sequence[type[Instruments]] = ()
    """The rooms whose metrics the role counts, beside those of every process."""

    @property
    def uses_vector_store(self) -> bool:
        """Whether a process of the role waits for the vector store before it starts."""
        return "vector_store" in (*self.needed, *self.used)


def start_role(role: Role, house: House) -> RunningRole:
    """Build and start a role. Raises: Misconfigured."""
    work = ROLES[role].work
    if work is None:
        return _start_scheduler(house)
    if work.needs_llm and house.models.llm is None:
        logger.warning("verbatim mode: without an LLM no facts are extracted, excerpts are kept all the same")
        return IdleRole()
    return _start_work(work, house)


def health_of(role: Role, house: House, running: RunningRole | None = None) -> Health:
    """The components that a role's process watches, and the queue of a role that is running."""
    spec = ROLES[role]
    queues = progress_of([running] if running else [])
    return Health({**looks(house, [*spec.needed, *spec.used]), **queues}, [*spec.needed, *queues])


def progress_of(roles: Iterable[RunningRole]) -> dict[str, Callable[[], Check]]:
    """The looks at the queues of roles, by the names of their components."""
    found = [role.progress for role in roles if isinstance(role, QueueRole)]
    return {progress.component: progress.check for progress in found}


def shown_by(role: Role, house: House) -> Exposition:
    """The metrics that a role's process shows."""
    spec = ROLES[role]
    rooms = (*spec.counts, QueueMetrics, StoreMetrics, GovernanceMetrics, UpkeepMetrics)
    return house.metrics.exposed(rooms, queue=spec.work.queue if spec.work else None)


def _start_work(work: QueueWork, house: House) -> QueueRole:
    gate = _gate(house) if work.waits_for_ledger else None
    broker = house.stores.open_broker(gate.is_open if gate else None)
    companions = [*([gate] if gate else []), *work.declare(house, broker), house.governance.notices(broker)]
    progress = QueueProgress(broker, work.queue, patience=work.patience_in(house), metrics=house.metrics)
    return QueueRole(broker, queue=work.queue, threads=work.threads_in(house), companions=companions, progress=progress)


def _gate(house: House) -> LedgerGate:
    return LedgerGate(house.stores.database, shown=house.metrics.ledger_gate_open)


def _declare_ingest(house: House, broker: MendedBroker) -> Sequence[Companion]:
    ingest.declare(broker, house.ingest.ingest(broker))
    return []


def _declare_extraction(house: House, broker: MendedBroker) -> Sequence[Companion]:
    # Imported by this role alone: the extraction brings mem0, which takes a second.
    from afterword.workers.services.extraction.lease import LeaseKeeper

    settings = house.settings
    keeper = LeaseKeeper(
        database=house.stores.database,
        lease=timedelta(seconds=settings.lease),
        max_hold=timedelta(seconds=settings.max_hold),
    )
    extraction.declare(broker, house.extraction.extraction(broker, keeper))
    return [keeper]


def _declare_context(house: House, broker: MendedBroker) -> Sequence[Companion]:
    log = house.analytics.open_query_log(broker)
    # Before the first question, which has no time to calibrate the embedder.
    house.recall.question_embedder.prepare()
    # A process that has just started must not show what is being forgotten.
    house.stores.pending_deletions.read()
    house.memories.objections.read()
    context.declare(broker, house.recall.limited_answerer, _responder(broker), log, house.metrics)
    return [log] if log else []


def _declare_commands(house: House, broker: MendedBroker) -> Sequence[Companion]:
    house.recall.question_embedder.prepare()
    house.stores.pending_deletions.read()
    service = house.commands.commands(broker, look_for_commands(house))
    commands.declare(broker, service, _responder(broker), house.metrics)
    return []


def _declare_telemetry(house: House, broker: MendedBroker) -> Sequence[Companion]:
    telemetry.declare(broker, house.stores.database, house.memories.books)
    return []


def _responder(broker: MendedBroker) -> Responder:
    return Responder(broker.client, broker.clock)


def _start_scheduler(house: House) -> RunningRole:
    broker = house.stores.open_broker()
    sweeps, readings = house.upkeep.sweeps(broker), house.upkeep.readings(broker)
    forgetting, erasing = house.upkeep.forgetting, house.governance.erasing(broker)
    notices, deferred = house.governance.notices(broker), house.upkeep.deferred_intake(broker)
    tasks = [
        *_analytics_tasks(house),
        # By all: every process has caches of its own.
        Task("drop_caches", notices.seconds, notices.look, by_all=True),
        # Also without analytics: what was collected before grows old.
        Task("clean_up", 60.0, house.analytics.retention.clean_up),
        Task("hint_due_subjects", 1.0, sweeps.hint_due_subjects),
        Task("complete_excerpts", 10.0, sweeps.complete_excerpts),
        Task("take_in_deferred", 2.0, deferred.take_in),
        Task("give_up_deferred", 60.0, deferred.give_up),
        Task("keep_dead_messages", 10.0, sweeps.keep_dead_messages),
        Task("drop_transcripts", 60.0, sweeps.drop_transcripts),
        Task("complete_deletions", 5.0, forgetting.complete_deletions),
        Task("complete_corrections", 5.0, house.commands.corrections.complete),
        Task("settle_deletions", 60.0, forgetting.settle_deletions),
        Task("carry_on_erasures", 3.0, erasing.carry_on),
        Task("settle_erasures", 60.0, erasing.settle),
        Task("drop_old_marks", 300.0, forgetting.drop_old_marks),
        Task("drop_expired_memories", 300.0, house.upkeep.expiry.drop_expired_memories),
        # Each policy is applied once an hour; the task looks more often, to go on with a run that took too long.
        Task("apply_policies", 60.0, house.policies.runs.apply_due),
        # By all: without PostgreSQL nobody leads, and just then the queues are to be seen.
        Task("read_redis", 15.0, readings.read_redis, by_all=True),
        Task("read_ledger", 15.0, readings.read_ledger, by_all=True),
        Task("read_vector_store", 15.0, readings.read_vector_store, by_all=True),
        Task("read_quotas", 300.0, house.policies.storage.read_quotas),
        Task("count_memories", 60.0, readings.count_memories, by_all=True),
    ]
    scheduler = Scheduler(tasks, leadership=Leadership(house.stores.database), metrics=house.metrics)
    scheduler.start()
    return scheduler


def _analytics_tasks(house: House) -> list[Task]:
    """Tasks that run more often than a snapshot is due, so that none is missed when the leader changes. A snapshot
    that was taken is not taken again.
    """
    if not house.settings.analytics:
        return []
    return [Task("take_snapshot", min(house.settings.analytics_interval / 10, 15.0), house.analytics.snapshots.take)]


ROLES: dict[Role, RoleSpec] = {
    Role.INGEST: RoleSpec(
        needed=["redis", "postgres"],
        used=["vector_store", "embedder"],
        work=QueueWork(queue=Queue.CONVERSATIONS, declare=_declare_ingest, threads=8, waits_for_ledger=True),
        counts=[IngestMetrics, LimitMetrics, ModelMetrics],
    ),
    Role.EXTRACTION: RoleSpec(
        needed=["redis", "postgres", "vector_store", "mem0"],
        used=["embedder", "llm"],
        work=QueueWork(
            queue=Queue.EXTRACTION,
            declare=_declare_extraction,
            threads=16,  # each waits for the LLM most of its time
            waits_for_ledger=True,
            needs_llm=True,
        ),
        counts=[ExtractionMetrics, IngestMetrics, ModelMetrics],
    ),
    Role.CONTEXT: RoleSpec(
        needed=["redis", "vector_store"],
        used=["postgres", "embedder"],
        # In place one works while the other waits for Redis. More would take turns at the interpreter: with four, each
        # question would cost a seventh more processor time.
        work=QueueWork(queue=Queue.CONTEXT, declare=_declare_context, threads=4, threads_in_place=2),
        counts=[RecallMetrics, LimitMetrics, ModelMetrics],
    ),
    Role.COMMANDS: RoleSpec(
        needed=["redis", "postgres", "vector_store"],
        used=["embedder"],
        work=QueueWork(queue=Queue.COMMANDS, declare=_declare_commands, threads=4),
        counts=[CommandMetrics, IngestMetrics, LimitMetrics, ModelMetrics],
    ),
    Role.TELEMETRY: RoleSpec(
        needed=["redis", "postgres"],
        work=QueueWork(queue=Queue.TELEMETRY, declare=_declare_telemetry, threads=1, waits_for_ledger=True),
    ),
    Role.SCHEDULER: RoleSpec(
        needed=["redis", "postgres"],
        used=["vector_store", "embedder", "llm"],
        counts=[IngestMetrics, LimitMetrics, ModelMetrics],
    ),
}
