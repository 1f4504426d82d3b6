"""Metrics of the gateway: requests by route, what is in work, refused callers, and what waits for Redis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from afterword.gateway.callers import Refusal
from afterword.producers import Stats

FAST: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""As the workers' requests: the two are compared, and the difference is what the gateway adds."""


class _Instruments:
    """Metrics of one kind, declared on the registry of the process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry


class RequestMetrics(_Instruments):
    """Requests, the time that they take, and the calls of tools among them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self._requests = Counter(
            "afterword_gateway_requests",
            "Requests by route, method and status; 499: the caller hung up before the answer.",
            ["route", "method", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "afterword_gateway_request_seconds",
            "Time from a request to the end of its answer.",
            ["route"],
            buckets=FAST,
            registry=registry,
        )
        self.in_flight = Gauge(
            "afterword_gateway_requests_in_flight", "Requests that are being answered.", registry=registry
        )
        self.tool_calls = Counter(
            "afterword_gateway_tool_calls",
            "Calls of the tools at /mcp, by how they ended.",
            ["tool", "outcome"],
            registry=registry,
        )

    def count(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        self._requests.labels(route, method, status).inc()
        self._seconds.labels(route).observe(seconds)


class RefusalMetrics(_Instruments):
    """Callers who are not let in, and limits."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.refused = Counter(
            "afterword_gateway_callers_refused",
            "Requests without a credential that holds, by reason.",
            ["reason"],
            registry=registry,
        )
        for reason in Refusal:
            # `increase` does not see the first count of a series that was not there before.
            self.refused.labels(reason)
        self.limited = Counter(
            "afterword_gateway_limited",
            "Checks of limits by kind and outcome: counted, refused, unchecked (Redis was away: they were let in).",
            ["kind", "outcome"],
            registry=registry,
        )
        self.limits_checked = Gauge(
            "afterword_gateway_limits_checked",
            "1 while limits can be checked, 0 while Redis is away.",
            registry=registry,
        )
        self.limits_checked.set(1)


class OutboxMetrics(_Instruments):
    """Events that this process holds while Redis is away."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.waiting = Gauge(
            "afterword_gateway_outbox_events", "Events that wait in this process for Redis.", registry=registry
        )
        self.dropped = Gauge(
            "afterword_gateway_outbox_dropped", "Events that were dropped since Redis was away.", registry=registry
        )

    def watch_outbox(self, stats: Callable[[], Stats]) -> None:
        """Show what waits in this process for Redis, and what was dropped."""
        self.waiting.set_function(lambda: stats().queued)
        self.dropped.set_function(lambda: stats().dropped)


class GatewayMetrics(RequestMetrics, RefusalMetrics, OutboxMetrics):
    """All of them, on a registry of their own. Labels are few and bounded: templates of routes, never paths, callers or
    tenants.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        super().__init__(registry or CollectorRegistry())
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
