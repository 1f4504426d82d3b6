"""Limits behind the door: what they let in, what they refuse, and the events that wait for room."""

from __future__ import annotations

from ops.grafana.dashboard import Row
from ops.grafana.panels import Panel, at_most, timeseries
from ops.grafana.promql import rate_by, standing, standing_by
from ops.grafana.queries import PromQL


def limits() -> Row:
    return Row("Limits", (_counted(), _deferred(), _deferred_age()))


def _counted() -> Panel:
    query = rate_by("afterword_limited_requests_total", "kind", "outcome")
    what = (
        "Requests a second that a limit concerns: let in, or over the limit of a user, an agent or a tenant. Publishes "
        "over a limit wait, contexts and commands are refused. Unchecked: Redis did not count, and they were let in."
    )
    return timeseries("Requests with a limit", what, query, unit="reqps", size=(8, 8))


def _deferred() -> Panel:
    query = standing_by("afterword_deferred_events", "type")
    what = "Events that are taken in when there is room, by whose limit they were over."
    return timeseries("Deferred events", what, query, unit="short", size=(8, 8))


def _deferred_age() -> Panel:
    query = PromQL(standing("afterword_oldest_deferred_event_age_seconds"), "oldest deferred event")
    what = "How long the oldest of them has waited; after AFTERWORD_DEFER_WITHIN it is a dead letter."
    bounds = at_most(warning=3_600, bad=43_200)
    return timeseries("Oldest deferred event", what, query, unit="s", limits=bounds, size=(8, 8))
