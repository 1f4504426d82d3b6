"""Real-time: what happens now. The one dashboard that reads the audit, and of that six hours at most."""

from __future__ import annotations

from ops.grafana.boards.users import USER_LINK
from ops.grafana.dashboard import Dashboard, Row
from ops.grafana.panels import Column, Panel, at_most, stat, table, timeseries
from ops.grafana.promql import rate, rate_by, standing
from ops.grafana.queries import PromQL, Sql
from ops.grafana.sql import TO, mean
from ops.grafana.variables import agent, tenant, user

_CHOSEN = " AND ".join(
    (tenant().matches("tenant_id"), agent().matches("agent_id"), user().matches("user_id"), "$__timeFilter(at)")
)
_RECENT = f"at > {TO} - interval '6 hours' AND {_CHOSEN}"
_QUERIES = f"type = 'memory_query' AND {_RECENT}"
_TYPES = """
    WITH RECURSIVE types AS (
        (SELECT type FROM audit ORDER BY type LIMIT 1)
        UNION ALL
        SELECT (SELECT type FROM audit WHERE type > types.type ORDER BY type LIMIT 1)
        FROM types WHERE type IS NOT NULL
    )
"""
"""The types that occur, by a look into the index for each: what is recent of a type, the index knows as well."""


def real_time() -> Dashboard:
    return Dashboard(
        uid="afterword-real-time",
        title="Afterword · Real-time",
        description="What happens now. Tenant, agent and user choose in what is read from the ledger.",
        since="now-15m",
        refresh="10s",
        variables=(tenant(), agent(), user()),
        rows=(
            Row("Flow of all tenants", (_flow(), _backlog(), _outcomes(), _written())),
            Row("From the audit, at most six hours", (_now(), _times(), _events(), _feed())),
        ),
    )


def _flow() -> Panel:
    queries = (
        PromQL(rate("afterword_ingested_conversations_total", where='outcome="stored"'), "conversations taken in"),
        PromQL(rate("afterword_extracted_conversations_total", where='outcome="done"'), "conversations extracted"),
        PromQL(rate("afterword_context_requests_total"), "contexts"),
        PromQL(rate("afterword_commands_total"), "commands"),
    )
    return timeseries("Flow", "What the workers do a second.", *queries, unit="ops")


def _backlog() -> Panel:
    query = PromQL(standing("afterword_queue_messages", "queue", "state", where='state!="dead"'), "{{queue}} {{state}}")
    what = "Messages that wait, are with workers, or are delayed for a retry, by queue."
    return timeseries("Queues", what, query, unit="short")


def _outcomes() -> Panel:
    context = PromQL(rate("afterword_context_requests_total", "outcome"), "context {{outcome}}")
    published = PromQL(rate("afterword_publishes_total", "outcome"), "publish {{outcome}}")
    what = "Context requests by outcome, and events as their publishers saw them, a second."
    return timeseries("Outcomes", what, context, published, unit="reqps")


def _written() -> Panel:
    query = rate_by("afterword_memories_total", "operation", "kind")
    return timeseries("Memories", "Memories added, updated and deleted a second, by kind.", query, unit="ops")


def _now() -> Panel:
    query = f"""
        SELECT count(*) AS "Contexts",
               count(DISTINCT (tenant_id, user_id)) AS "Users who asked",
               percentile_cont(0.5) WITHIN GROUP (ORDER BY (metadata->>'seconds')::float) AS "p50",
               percentile_cont(0.95) WITHIN GROUP (ORDER BY (metadata->>'seconds')::float) AS "p95",
               {mean("(metadata->>'successful')::boolean::int", "(metadata->>'eligible')::boolean::int")} AS "Success"
        FROM audit
        WHERE {_QUERIES}
    """
    columns = (
        Column(name="p50", unit="s", limits=at_most(warning=0.1, bad=0.3)),
        Column(name="p95", unit="s", limits=at_most(warning=0.1, bad=0.3)),
        Column(name="Success", unit="percentunit"),
    )
    what = "Context requests of the range: how many, by how many users, their time on the worker, their success."
    return stat("Contexts", what, Sql(query), unit="short", columns=columns, size=(24, 4))


def _times() -> Panel:
    query = f"""
        SELECT $__timeGroupAlias(at,$__interval),
               percentile_cont(0.5) WITHIN GROUP (ORDER BY (metadata->>'seconds')::float) AS "p50",
               percentile_cont(0.95) WITHIN GROUP (ORDER BY (metadata->>'seconds')::float) AS "p95",
               max((metadata->>'seconds')::float) AS "Slowest"
        FROM audit
        WHERE {_QUERIES}
        GROUP BY 1 ORDER BY 1
    """
    what = "Time of the chosen context requests on the worker."
    return timeseries("Context times", what, Sql(query, series=True), unit="s", interval="10s")


def _events() -> Panel:
    query = f"""
        {_TYPES}
        SELECT "time", type AS metric, value
        FROM types
        CROSS JOIN LATERAL (
            SELECT $__timeGroupAlias(at,$__interval), count(*) AS value
            FROM audit
            WHERE type = types.type AND {_RECENT}
            GROUP BY 1
        ) AS recent
        ORDER BY 1, 2
    """
    what = "Events of the audit in each interval, by type."
    series = Sql(query, series=True)
    return timeseries("Events", what, series, unit="short", interval="10s", bars=True, stacked=True)


def _feed() -> Panel:
    query = f"""
        {_TYPES}
        SELECT at AS "At", types.type AS "Event", tenant_id AS "Tenant", user_id AS "User", agent_id AS "Agent",
               session_id AS "Session", result_count AS "Memories", (metadata->>'seconds')::float AS "Seconds"
        FROM types
        CROSS JOIN LATERAL (
            SELECT at, tenant_id, user_id, agent_id, session_id, result_count, metadata
            FROM audit
            WHERE type = types.type AND {_RECENT}
            ORDER BY at DESC
            LIMIT 50
        ) AS recent
        ORDER BY at DESC
        LIMIT 50
    """
    columns = (
        Column(name="At", unit="dateTimeAsIso", width=180),
        Column(name="User", link=USER_LINK),
        Column(name="Seconds", unit="s"),
    )
    what = "The last 50 events of the range, without any words. A click on a user leads to them."
    return table("Feed", what, Sql(query), columns=columns, size=(24, 12))
