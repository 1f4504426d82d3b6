"""Metrics of a process and its upkeep: roles, servers, and the scheduler's tasks."""

from __future__ import annotations

from importlib.metadata import version
from platform import python_version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

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
        # A time and not an age, so that an alert sees a task that does not run at all.
        self.task_success = Gauge(
            "afterword_scheduler_task_last_success_timestamp_seconds",
            "When a task last ended well, in seconds since 1970.",
            ["task"],
            registry=self.registry,
        )
