"""Content: memories by scope, kind, language, agent and length, now and day by day."""

from __future__ import annotations

from ops.grafana.dashboard import Dashboard, Row
from ops.grafana.panels import Panel, bar_chart, bar_gauge, pie, stat, timeseries
from ops.grafana.promql import total
from ops.grafana.queries import PromQL, Sql
from ops.grafana.sql import TO, as_time, day_of, days, mean
from ops.grafana.variables import agent, tenant

_CHOSEN = f"{tenant().matches('tenant_id')} AND {agent().matches('agent_id')}"
_LAST_DAY = f"day = (SELECT max(day) FROM content_statistics WHERE day <= {day_of(TO)})"


def content() -> Dashboard:
    return Dashboard(
        uid="afterword-content",
        title="Afterword · Content",
        description="What memories there are: by scope, kind, language, agent and length.",
        since="now-30d",
        refresh="5m",
        timezone="utc",
        variables=(tenant(), agent()),
        rows=(
            Row("On the last day of the range", (_totals(), _by_scope(), _by_kind(), _by_language())),
            Row("By agent and length", (_by_agent(), _by_length())),
            Row("Day by day", (_over_days("scope"), _over_days("kind"), _over_days("language"), _written())),
        ),
    )


def _totals() -> Panel:
    query = f"""
        SELECT sum(memories) AS "Memories", sum(characters) AS "Characters",
               {mean("characters", "memories")} AS "Characters a memory",
               count(DISTINCT language) FILTER (WHERE memories > 0) AS "Languages",
               count(DISTINCT agent_id) FILTER (WHERE memories > 0 AND agent_id <> '') AS "Agents"
        FROM content_statistics
        WHERE {_LAST_DAY} AND {_CHOSEN}
    """
    what = "Memories of the last day of the range; today's figures are renewed with every snapshot."
    return stat("Memories", what, Sql(query), unit="short", size=(24, 4))


def _now_by(what: str, label: str, *, most: int = 12) -> Sql:
    return Sql(f"""
        SELECT {what} AS "{label}", sum(memories) AS "Memories"
        FROM content_statistics
        WHERE {_LAST_DAY} AND {_CHOSEN}
        GROUP BY 1 ORDER BY 2 DESC, 1
        LIMIT {most}
    """)


def _by_scope() -> Panel:
    what = "Of users (across agents), of agents (across users), of sessions (for a time)."
    return pie("By scope", what, _now_by("scope", "Scope"), unit="short")


def _by_kind() -> Panel:
    what = "Facts that were extracted, excerpts kept verbatim, notes written by hand."
    return pie("By kind", what, _now_by("kind", "Kind"), unit="short")


def _by_language() -> Panel:
    what = "The twelve most frequent languages, by their codes; und: could not be told."
    return bar_gauge("By language", what, _now_by("language", "Language"), unit="short")


def _by_agent() -> Panel:
    what = "The twelve agents with most memories, learned with them or their own."
    query = _now_by("coalesce(nullif(agent_id, ''), '(no agent)')", "Agent")
    return bar_gauge("By agent", what, query, unit="short")


def _by_length() -> Panel:
    query = f"""
        SELECT CASE length WHEN 0 THEN 'longer' ELSE 'to ' || length END AS "Characters", sum(memories) AS "Memories"
        FROM content_statistics
        WHERE {_LAST_DAY} AND {_CHOSEN}
        GROUP BY length ORDER BY length = 0, length
    """
    return bar_chart("By length", "Memories by how many characters they have.", Sql(query), unit="short")


def _over_days(column: str) -> Panel:
    query = f"""
        SELECT {as_time("day")} AS "time", {column} AS metric, sum(memories) AS value
        FROM content_statistics
        WHERE {days("day")} AND {_CHOSEN}
        GROUP BY day, {column} ORDER BY day, {column}
    """
    what = f"Memories at the end of each UTC day, by {column}."
    return timeseries(
        f"By {column}, day by day", what, Sql(query, series=True), unit="short", interval="1d", stacked=True
    )


def _written() -> Panel:
    text = total("afterword_memories_total", "operation", "scope", "kind")
    query = PromQL(text, "{{operation}} {{scope}} {{kind}}", instant=True)
    what = "Memories added, updated and deleted in the range by scope and kind, of all tenants and agents."
    return bar_gauge("Written and removed", what, query, unit="short")
