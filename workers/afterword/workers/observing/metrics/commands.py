"""Metrics of the commands that owners of memories send."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Histogram

from afterword.schemas.catalogue import COMMANDS
from afterword.workers.observing.metrics.instruments import FAST, Instruments

_COMMAND_OUTCOMES = ("ok", "expired", "invalid", "denied", "not_found", "over_limit", "unavailable", "internal")


class CommandMetrics(Instruments):
    """Memory commands, the time they take, and the deletions among them that are not carried out yet."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.commands = self._counter(
            "commands",
            "Memory commands by name and outcome: ok, expired, invalid, denied, not_found, over_limit, unavailable, "
            "internal.",
            # `unknown`: a name that is no command must not become a series.
            command=(*(command.wire_name() for command in COMMANDS), "unknown"),
            outcome=_COMMAND_OUTCOMES,
        )
        self.command_seconds = Histogram(
            "afterword_command_seconds",
            "Time to run a memory command and send its reply.",
            ["command"],
            buckets=FAST,
            registry=self.registry,
        )
        self.deletions_pending = self._reading(
            "deletions_pending", "Deletions that hold, and that the vector store still has to carry out."
        )
        self.oldest_pending_deletion_age = self._reading(
            "oldest_pending_deletion_age_seconds", "How long the oldest of them has waited; 0 without any."
        )
