"""Overview: how much there is, how it grows, how well it answers."""

from __future__ import annotations

from ops.grafana.dashboard import Dashboard, Row
from ops.grafana.panels import Column, Panel, at_least, at_most, stat, states, timeseries
from ops.grafana.promql import RANGE, quantile, ratio, standing, standing_by, total
from ops.grafana.queries import PromQL, Sql
from ops.grafana.sql import TO, as_time, day_of, mean
from ops.grafana.variables import tenant

RESPONSE = at_most(warning=0.1, bad=0.3)
SAVE = at_most(warning=0.5, bad=1)
SUCCESS = at_least(warning=0.9, bad=0.8)
AVAILABILITY = at_least(warning=0.999, bad=0.995)
UP = {1: ("up", "green"), 0: ("down", "red")}
BAD_REPLIES = 'outcome=~"degraded|expired|failed"'

_TENANT = f"tenant_id = {tenant().chosen}"
"""Of snapshots: the row of the empty tenant is the sum of all."""
_IN_TENANT = tenant().matches("tenant_id")


def overview() -> Dashboard:
    return Dashboard(
        uid="afterword-overview",
        title="Afterword · Overview",
        description="Totals, active users, response time, success and growth.",
        since="now-7d",
        refresh="1m",
        variables=(tenant(),),
        rows=(
            Row("At the end of the range", (_totals(), _quality())),
            Row("Growth", (_growth(), _memories(), _activity())),
            Row("Use", (_traffic(), _learned(), _latency(), _success())),
            Row("Health of all tenants", (_availability(), _reply(), _freshness(), _dead(), _components())),
        ),
    )


def _totals() -> Panel:
    query = f"""
        SELECT memories AS "Memories", users AS "Users with memories", active_day AS "Active today",
               active_week AS "Active in 7 days", active_month AS "Active in 30 days"
        FROM snapshots
        WHERE {_TENANT} AND slot <= {TO}
        ORDER BY slot DESC
        LIMIT 1
    """
    what = "From the last snapshot (one every 5 minutes). Active: published or asked; today is the UTC day."
    return stat("Memories and users", what, Sql(query), unit="short", size=(14, 4))


def _quality() -> Panel:
    query = f"""
        SELECT {mean("search_seconds", "searches")} AS "Response time",
               {mean("save_seconds", "saves")} AS "Save time",
               {mean("successful_searches", "eligible_searches")} AS "Retrieval success"
        FROM hourly_statistics
        WHERE {_IN_TENANT} AND $__timeFilter(hour)
    """
    what = (
        "Averages over the range. Response time is the worker's, of context requests. Success: replies with memories "
        "and undegraded, of the requests that needed memory and whose user has some."
    )
    columns = (
        Column(name="Response time", unit="s", limits=RESPONSE),
        Column(name="Save time", unit="s", limits=SAVE),
        Column(name="Retrieval success", unit="percentunit", limits=SUCCESS),
    )
    return stat("Response and success", what, Sql(query), unit="short", columns=columns, size=(10, 4))


def _growth() -> Panel:
    query = f"""
        SELECT (last.memories - first.memories)::float / nullif(first.memories, 0) AS "Memories",
               (last.users - first.users)::float / nullif(first.users, 0) AS "Users"
        FROM (SELECT * FROM snapshots WHERE {_TENANT} AND $__timeFilter(slot) ORDER BY slot LIMIT 1) AS first,
             (SELECT * FROM snapshots WHERE {_TENANT} AND $__timeFilter(slot) ORDER BY slot DESC LIMIT 1) AS last
    """
    what = "From the first snapshot of the range to its last; nothing where there was none at the beginning."
    return stat("Growth", what, Sql(query), unit="percentunit", size=(4, 8))


def _memories() -> Panel:
    query = f"""
        SELECT $__timeGroupAlias(slot,$__interval), max(memories) AS "Memories", max(users) AS "Users with memories"
        FROM snapshots
        WHERE {_TENANT} AND $__timeFilter(slot)
        GROUP BY 1 ORDER BY 1
    """
    what = "Memories and the users who have some, of each interval the most."
    right = Column(name="Users with memories", properties={"custom.axisPlacement": "right"})
    return timeseries(
        "Memories", what, Sql(query, series=True), unit="short", interval="5m", columns=(right,), size=(10, 8)
    )


def _activity() -> Panel:
    day = day_of("slot")
    query = f"""
        SELECT {as_time(day)} AS "time", max(active_day) AS "Day", max(active_week) AS "7 days",
               max(active_month) AS "30 days"
        FROM snapshots
        WHERE {_TENANT} AND $__timeFilter(slot)
        GROUP BY {day} ORDER BY {day}
    """
    what = "Distinct users who were active on a UTC day, in the 7 and the 30 days up to it."
    return timeseries("Active users", what, Sql(query, series=True), unit="short", interval="1d", size=(10, 8))


def _traffic() -> Panel:
    query = f"""
        SELECT $__timeGroupAlias(hour,$__interval), sum(conversations) AS "Conversations", sum(searches) AS "Contexts"
        FROM hourly_statistics
        WHERE {_IN_TENANT} AND $__timeFilter(hour)
        GROUP BY 1 ORDER BY 1
    """
    what = "Conversations taken in and contexts asked for, in each interval of an hour or more."
    return timeseries("Traffic", what, Sql(query, series=True), unit="short", interval="1h", bars=True)


def _learned() -> Panel:
    query = f"""
        SELECT $__timeGroupAlias(hour,$__interval), sum(added) AS "Added", sum(deleted) AS "Deleted"
        FROM hourly_statistics
        WHERE {_IN_TENANT} AND $__timeFilter(hour)
        GROUP BY 1 ORDER BY 1
    """
    what = "Memories added and deleted (expired ones included), in each interval of an hour or more."
    return timeseries(
        "Memories added and deleted", what, Sql(query, series=True), unit="short", interval="1h", bars=True
    )


def _latency() -> Panel:
    query = f"""
        SELECT $__timeGroupAlias(hour,$__interval), {mean("search_seconds", "searches")} AS "Context",
               {mean("save_seconds", "saves")} AS "Save"
        FROM hourly_statistics
        WHERE {_IN_TENANT} AND $__timeFilter(hour)
        GROUP BY 1 ORDER BY 1
    """
    what = "Average time of a context request on its worker, and of an operation that saves memories."
    return timeseries("Response time", what, Sql(query, series=True), unit="s", interval="1h", limits=SAVE)


def _success() -> Panel:
    query = f"""
        SELECT $__timeGroupAlias(hour,$__interval),
               {mean("successful_searches", "eligible_searches")} AS "Retrieval success",
               {mean("relevance_sum", "relevance_count")} AS "Relevance"
        FROM hourly_statistics
        WHERE {_IN_TENANT} AND $__timeFilter(hour)
        GROUP BY 1 ORDER BY 1
    """
    what = "Share of requests that needed memory and had some, undegraded; and how relevant it was (0 to 1)."
    return timeseries(
        "Success and relevance",
        what,
        Sql(query, series=True),
        unit="percentunit",
        interval="1h",
        limits=SUCCESS,
        most=1,
    )


def _availability() -> Panel:
    bad = total("afterword_context_requests_total", where=BAD_REPLIES)
    query = PromQL(f"1 - {ratio(bad, total('afterword_context_requests_total'))}", "available", instant=True)
    what = "Context requests of the range that were neither degraded, expired nor failed. The aim is 99.9 %."
    return stat("Context availability", what, query, unit="percentunit", limits=AVAILABILITY, size=(4, 6))


def _reply() -> Panel:
    query = PromQL(quantile(0.95, "afterword_context_seconds", where='step="reply"', over=RANGE), "p95", instant=True)
    what = "95 % of the context requests of the range were answered within this, their wait in the queue included."
    return stat("Context p95", what, query, unit="s", limits=RESPONSE, size=(4, 6))


def _freshness() -> Panel:
    query = PromQL(quantile(0.95, "afterword_freshness_seconds", over=RANGE), "p95", instant=True)
    what = "From when a conversation was taken in to when all its facts can be recalled, the debounce included."
    return stat("Freshness p95", what, query, unit="s", limits=at_most(warning=600, bad=1800), size=(4, 6))


def _dead() -> Panel:
    query = PromQL(f"sum({standing('afterword_dead_letters_standing', 'queue')})", "dead letters", instant=True)
    what = "Dead letters of all queues that wait for somebody: see Operations."
    return stat("Dead letters", what, query, unit="none", limits=at_most(warning=1, bad=10), size=(4, 6))


def _components() -> Panel:
    query = standing_by("afterword_component_up", "component")
    what = "Whether Redis, PostgreSQL and the vector store answered the scheduler."
    return states("Components", what, query, words=UP, size=(8, 6))
