"""One user: what they have, did and got. Led to from the users."""

from __future__ import annotations

from ops.grafana.dashboard import Dashboard, Row
from ops.grafana.panels import Column, Panel, at_least, at_most, pie, stat, table, timeseries
from ops.grafana.queries import Sql
from ops.grafana.sql import as_time, days, mean
from ops.grafana.variables import tenant, user

_THEIRS = f"{tenant(all=False).matches('tenant_id')} AND {user(all=False).matches('user_id')}"


def one_user() -> Dashboard:
    return Dashboard(
        uid="afterword-user",
        title="Afterword · User",
        description="What one user has, did and got.",
        since="now-30d",
        refresh="",
        timezone="utc",
        variables=(tenant(all=False), user(all=False)),
        detail=True,
        rows=(
            Row("In all", (_known(), _did())),
            Row("By day", (_activity(), _learned(), _quality(), _tokens())),
            Row("Now", (_by_scope(), _by_kind(), _events())),
        ),
    )


def _known() -> Panel:
    query = f"""
        SELECT memories AS "Memories", characters AS "Characters", first_active_on::text AS "First active",
               last_active_on::text AS "Last active"
        FROM user_statistics
        WHERE {_THEIRS}
    """
    what = "Memories and their length as of the last snapshot; the UTC days of their first and last activity."
    return table("Known", what, Sql(query), unit="short", size=(10, 4))


def _did() -> Panel:
    query = f"""
        SELECT sum(conversations) AS "Conversations", sum(searches) AS "Contexts",
               {mean("search_seconds", "searches")} AS "Response time",
               {mean("successful_searches", "eligible_searches")} AS "Retrieval success",
               {mean("relevance_sum", "relevance_count")} AS "Relevance"
        FROM daily_statistics
        WHERE {_THEIRS} AND {days("day")}
    """
    columns = (
        Column(name="Response time", unit="s", limits=at_most(warning=0.1, bad=0.3)),
        Column(name="Retrieval success", unit="percentunit", limits=at_least(warning=0.9, bad=0.8)),
        Column(name="Relevance", unit="percentunit"),
    )
    what = "What they did in the range, and what came of it."
    return stat("In the range", what, Sql(query), unit="short", columns=columns, size=(14, 4))


def _by_day(columns: str) -> Sql:
    query = f"""
        SELECT {as_time("day")} AS "time", {columns}
        FROM daily_statistics
        WHERE {_THEIRS} AND {days("day")}
        GROUP BY day ORDER BY day
    """
    return Sql(query, series=True)


def _activity() -> Panel:
    query = _by_day('sum(conversations) AS "Conversations", sum(searches) AS "Contexts"')
    what = "Conversations taken in and contexts asked for, by UTC day."
    return timeseries("Activity", what, query, unit="short", interval="1d", bars=True)


def _learned() -> Panel:
    query = _by_day('sum(added) AS "Added", sum(deleted) AS "Deleted"')
    what = "Memories added and deleted, by UTC day."
    return timeseries("Memories added and deleted", what, query, unit="short", interval="1d", bars=True)


def _quality() -> Panel:
    success, relevance = mean("successful_searches", "eligible_searches"), mean("relevance_sum", "relevance_count")
    query = _by_day(f'{success} AS "Retrieval success", {relevance} AS "Relevance"')
    what = "Share of requests that needed memory and had some, and how relevant it was (0 to 1), by UTC day."
    return timeseries("Success and relevance", what, query, unit="percentunit", interval="1d", most=1)


def _tokens() -> Panel:
    query = f"""
        SELECT $__timeGroupAlias(at,'1d'), sum(prompt_tokens) AS "Prompt", sum(completion_tokens) AS "Completion"
        FROM llm_calls
        WHERE {_THEIRS} AND $__timeFilter(at)
        GROUP BY 1 ORDER BY 1
    """
    what = "Tokens of the calls to the LLM for their conversations, by UTC day."
    return timeseries("Tokens", what, Sql(query, series=True), unit="short", interval="1d", bars=True, stacked=True)


def _memories_by(column: str) -> Sql:
    return Sql(f"""
        SELECT {column} AS "What", count(*) AS "Memories"
        FROM memories
        WHERE {_THEIRS}
        GROUP BY {column} ORDER BY 2 DESC
    """)


def _by_scope() -> Panel:
    return pie("By scope", "Their memories now: of the user, of sessions.", _memories_by("scope"), unit="short")


def _by_kind() -> Panel:
    what = "Their memories now: facts that were extracted, excerpts kept verbatim, notes written by hand."
    return pie("By kind", what, _memories_by("kind"), unit="short")


def _events() -> Panel:
    query = f"""
        SELECT at AS "At", type AS "Event", agent_id AS "Agent", session_id AS "Session", result_count AS "Memories",
               (metadata->>'seconds')::float AS "Seconds"
        FROM audit
        WHERE {_THEIRS} AND $__timeFilter(at)
        ORDER BY at DESC
        LIMIT 100
    """
    what = "Their last 100 events of the range, without any words."
    columns = (Column(name="At", unit="dateTimeAsIso", width=180), Column(name="Seconds", unit="s"))
    return table("Events", what, Sql(query), columns=columns, size=(12, 8))
