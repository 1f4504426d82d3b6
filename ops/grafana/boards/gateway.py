"""Gateway: what came over HTTP, how it was answered, who was refused, and what waits there."""

from __future__ import annotations

from ops.grafana.boards.overview import RESPONSE
from ops.grafana.dashboard import Dashboard, Row
from ops.grafana.panels import NONE, Limits, Panel, at_most, heatmap, timeseries
from ops.grafana.promql import quantile, rate, rate_by, ratio
from ops.grafana.queries import PromQL

_REQUESTS = "afterword_gateway_requests_total"
_SECONDS = "afterword_gateway_request_seconds"
_NO_PROBES = 'route!~"/healthz|/readyz|/metrics"'
_FAILED = f'{_NO_PROBES},status=~"5.."'
_ERRORS = at_most(warning=0.01, bad=0.05)


def gateway() -> Dashboard:
    return Dashboard(
        uid="afterword-gateway",
        title="Afterword · Gateway",
        description="Requests over HTTP by route and status, their time, refused callers, and what waits for Redis.",
        since="now-6h",
        refresh="30s",
        variables=(),
        rows=(
            Row("Requests", (_requests(), _statuses(), _failed(), _in_flight())),
            Row("Time", (_by_route(0.5, "median"), _by_route(0.95, "p95", RESPONSE), _distribution())),
            Row("Callers and outbox", (_refused(), _outbox(), _tools(), _limited(), _limits_checked())),
        ),
    )


def _requests() -> Panel:
    query = PromQL(rate(_REQUESTS, "route", "method", where=_NO_PROBES), "{{method}} {{route}}")
    what = "Requests a second by method and route, probes aside. Addresses at which there is nothing are unmatched."
    return timeseries("Requests by route", what, query, unit="reqps", stacked=True)


def _statuses() -> Panel:
    query = rate_by(_REQUESTS, "status", where=_NO_PROBES)
    what = "Answers a second by status. 499: the caller hung up; 503: no worker answered in time, or Redis is away."
    return timeseries("Answers by status", what, query, unit="reqps", stacked=True)


def _failed() -> Panel:
    failed = PromQL(ratio(rate(_REQUESTS, where=_FAILED), rate(_REQUESTS, where=_NO_PROBES)), "5xx")
    what = "Share of requests that the gateway or the workers behind it could not answer. The alert is at 5 %."
    return timeseries("Errors", what, failed, unit="percentunit", limits=_ERRORS, most=1)


def _in_flight() -> Panel:
    query = PromQL("sum by (instance) (afterword_gateway_requests_in_flight)", "{{instance}}")
    what = "Requests in work, by process; beyond AFTERWORD_GATEWAY_IN_FLIGHT a further one is told to come again."
    return timeseries("In flight", what, query, unit="short")


def _by_route(share: float, name: str, limits: Limits = NONE) -> Panel:
    query = PromQL(quantile(share, _SECONDS, "route", where=_NO_PROBES), "{{route}}")
    what = f"{name} from a request to the end of its answer, the workers' part included, by route."
    return timeseries(f"Time by route, {name}", what, query, unit="s", limits=limits)


def _distribution() -> Panel:
    text = f"sum by (le) (increase({_SECONDS}_bucket{{{_NO_PROBES}}}[$__rate_interval]))"
    what = "How many requests took how long, probes aside."
    return heatmap("Time, distribution", what, PromQL(text, "{{le}}", buckets=True), unit="s", size=(24, 8))


def _tools() -> Panel:
    query = rate_by("afterword_gateway_tool_calls_total", "tool", "outcome")
    what = "Calls of the tools at /mcp, by tool and by how they ended."
    return timeseries("Tools", what, query, unit="reqps", stacked=True)


def _refused() -> Panel:
    query = rate_by("afterword_gateway_callers_refused_total", "reason")
    what = "Requests a second without a credential that holds, by reason; the alert is at 100 in ten minutes."
    return timeseries("Refused callers", what, query, unit="reqps", stacked=True)


def _limited() -> Panel:
    query = rate_by("afterword_gateway_limited_total", "kind", "outcome")
    what = "Checks of limits a second: counted, refused with 429, unchecked since Redis did not count."
    return timeseries("Limits", what, query, unit="reqps", stacked=True)


def _limits_checked() -> Panel:
    query = PromQL("min (afterword_gateway_limits_checked)", "checked")
    what = "1 while every gateway can check its limits, 0 while Redis is away for one: it lets everybody in."
    return timeseries("Limits are checked", what, query, unit="short")


def _outbox() -> Panel:
    waiting = PromQL("sum (afterword_gateway_outbox_events)", "waiting")
    dropped = PromQL("sum (afterword_gateway_outbox_dropped)", "dropped")
    what = "Events that were taken while Redis was away: those that wait, and those dropped since each process started."
    return timeseries("Outbox", what, waiting, dropped, unit="short")
