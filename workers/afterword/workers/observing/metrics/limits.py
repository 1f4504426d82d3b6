"""Metrics of limits: requests that were counted against them, and events that wait until there is room."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from afterword.schemas.limits import LimitedKind, LimitedOwner
from afterword.workers.observing.metrics.instruments import Instruments


class LimitMetrics(Instruments):
    """Requests counted against limits behind the door. Those that no limit concerns are not counted."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.limited = self._counter(
            "limited_requests",
            "Requests that a limit concerns, by kind and outcome: let_in; over_user, over_agent, over_tenant "
            "(publishes wait, others are refused); unchecked (Redis did not count).",
            kind=LimitedKind,
            outcome=("let_in", *(f"over_{owner}" for owner in LimitedOwner), "unchecked"),
        )
        self.deferred_events = self._reading(
            "deferred_events", "Events that wait since a limit has no room for them, by whose limit.", "type"
        )
        self.oldest_deferred_event_age = self._reading(
            "oldest_deferred_event_age_seconds", "How long the oldest of them has waited; 0 without any."
        )
