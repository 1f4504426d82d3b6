"""Metrics of a process and its upkeep: roles, servers, and the scheduler's tasks."""

from __future__ import annotations

from importlib.metadata import version
from platform import python_version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from afterword.schemas.policies import PolicyEffect
from afterword.workers.observing.metrics.instruments import Instruments


class UpkeepMetrics(Instruments):
    """Roles that run, servers that respond, tasks of the scheduler."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.up = Gauge(
            "afterword_worker_up", "1 while this role's threads run, else 0.", ["role"], registry=self.registry
        )
        self.build = Info("afterword_build", "Versions of what runs here.", registry=self.registry)
        self.build.info({"version": version("afterword"), "python": python_version(), "mem0": version("mem0ai")})
        self.component_up = self._reading(
            "component_up", "1 while it answers the scheduler, else 0: redis, postgres, vector_store.", "component"
        )
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
        self.erasures = self._counter(
            "erasures",
            "Erasures of users that are done, by outcome: clean, residue (the scan found something, see the receipt).",
            outcome=("clean", "residue"),
        )
        self.erasures_pending = self._reading("erasures_pending", "Erasures of users that are not done yet.")
        self.oldest_pending_erasure_age = self._reading(
            "oldest_pending_erasure_age_seconds", "How long the oldest of them has taken by now; 0 without any."
        )
        # A time and not an age, so that an alert sees a task that does not run at all.
        self.task_success = Gauge(
            "afterword_scheduler_task_last_success_timestamp_seconds",
            "When a task last ended well, in seconds since 1970.",
            ["task"],
            registry=self.registry,
        )
        # Read every five minutes, since each reading looks at every memory.
        self.over_quota = self._reading(
            "over_quota", "Users and agents (type) of whom more is kept than their quota.", "type", kept=900.0
        )
        self.left_out = self._reading(
            "left_out_of_recall",
            "What recall leaves out, by type: archived (memories), objecting (users who object to being remembered).",
            "type",
            kept=900.0,
        )
        self.policy_effects = self._counter(
            "policy_effects",
            "Things that policies and settings took, by effect: memories (retention, cap, archive), transcripts, audit",
            type=[effect.value for effect in PolicyEffect],
        )
