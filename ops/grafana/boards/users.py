"""Users: how many there are and come, who they are; a name leads to the user."""

from __future__ import annotations

from ops.grafana.dashboard import Dashboard, Row
from ops.grafana.panels import Column, Panel, at_least, bar_chart, bar_gauge, stat, table, timeseries
from ops.grafana.queries import Sql
from ops.grafana.sql import FROM, TO, as_time, day_of, days, mean
from ops.grafana.variables import tenant, user

USER_LINK = (
    "Show this user",
    "/d/afterword-user?var-tenant=${__data.fields.Tenant:percentencode}"
    "&var-user=${__data.fields.User:percentencode}&${__url_time_range}",
)

_TENANT = f"tenant_id = {tenant().chosen}"
_IN_TENANT = tenant().matches("tenant_id")
_ONE_OF = f"{_IN_TENANT} AND {user().matches('user_id')}"


def users() -> Dashboard:
    return Dashboard(
        uid="afterword-users",
        title="Afterword · Users",
        description="How many users there are and come, and who they are. A name leads to the user.",
        since="now-30d",
        refresh="5m",
        timezone="utc",
        variables=(tenant(), user()),
        rows=(
            Row("How many", (_totals(), _new(), _activity(), _new_by_day())),
            Row("Who", (_table(), _most_active(), _most_memories(), _by_memories())),
        ),
    )


def _totals() -> Panel:
    query = f"""
        SELECT users AS "With memories", active_day AS "Active today", active_week AS "Active in 7 days",
               active_month AS "Active in 30 days", memories::float / nullif(users, 0) AS "Memories a user"
        FROM snapshots
        WHERE {_TENANT} AND slot <= {TO}
        ORDER BY slot DESC
        LIMIT 1
    """
    what = "From the last snapshot of the range. Active: published or asked; today is the UTC day."
    return stat("Users at the end of the range", what, Sql(query), unit="short", size=(18, 4))


def _new() -> Panel:
    query = f"""
        SELECT count(*) AS "New users" FROM user_statistics WHERE {_IN_TENANT} AND {days("first_active_on")}
    """
    return stat("New", "Users who were active for the first time in the range.", Sql(query), unit="short", size=(6, 4))


def _activity() -> Panel:
    day = day_of("slot")
    query = f"""
        SELECT {as_time(day)} AS "time", max(active_day) AS "Day", max(active_week) AS "7 days",
               max(active_month) AS "30 days"
        FROM snapshots
        WHERE {_TENANT} AND slot BETWEEN {FROM} AND {TO}
        GROUP BY {day} ORDER BY {day}
    """
    what = "Distinct users who were active on a UTC day, in the 7 and the 30 days up to it."
    return timeseries("Active users", what, Sql(query, series=True), unit="short", interval="1d")


def _new_by_day() -> Panel:
    query = f"""
        SELECT {as_time("first_active_on")} AS "time", count(*) AS "New users"
        FROM user_statistics
        WHERE {_IN_TENANT} AND {days("first_active_on")}
        GROUP BY 1 ORDER BY 1
    """
    what = "Users by the UTC day of their first activity."
    return timeseries("New users", what, Sql(query, series=True), unit="short", interval="1d", bars=True)


def _table() -> Panel:
    query = f"""
        SELECT seen.user_id AS "User", seen.tenant_id AS "Tenant", seen.last_active_on::text AS "Last active",
               seen.first_active_on::text AS "First active", seen.memories AS "Memories",
               did.conversations AS "Conversations", did.added AS "Added", did.searches AS "Contexts",
               did.success AS "Success", did.seconds AS "Response time", did.relevance AS "Relevance"
        FROM (
            SELECT * FROM user_statistics
            WHERE {_ONE_OF} AND last_active_on IS NOT NULL
            ORDER BY last_active_on DESC
            LIMIT 100
        ) AS seen
        CROSS JOIN LATERAL (
            SELECT sum(conversations) AS conversations, sum(added) AS added, sum(searches) AS searches,
                   {mean("successful_searches", "eligible_searches")} AS success,
                   {mean("search_seconds", "searches")} AS seconds,
                   {mean("relevance_sum", "relevance_count")} AS relevance
            FROM daily_statistics
            WHERE tenant_id = seen.tenant_id AND user_id = seen.user_id AND {days("day")}
        ) AS did
        ORDER BY seen.last_active_on DESC, seen.user_id
    """
    what = (
        "The 100 users who were active last, with what they did in the range; memories are as of the last snapshot. "
        "A click on a name leads to the user; the variable above finds the others."
    )
    columns = (
        Column(name="User", link=USER_LINK, width=220),
        Column(name="Success", unit="percentunit", limits=at_least(warning=0.9, bad=0.8)),
        Column(name="Response time", unit="s"),
        Column(name="Relevance", unit="percentunit"),
    )
    return table("Users", what, Sql(query), columns=columns, unit="short", size=(24, 12))


def _most_active() -> Panel:
    query = f"""
        SELECT user_id AS "User", sum(conversations + searches) AS "Conversations and contexts"
        FROM daily_statistics
        WHERE {_ONE_OF} AND user_id <> ''
          AND day BETWEEN greatest({day_of(FROM)}, {day_of(TO)} - 6) AND {day_of(TO)}
        GROUP BY tenant_id, user_id
        ORDER BY 2 DESC, 1
        LIMIT 10
    """
    what = "The ten users with most conversations and contexts in the last 7 UTC days of the range."
    return bar_gauge("Most active", what, Sql(query), unit="short", size=(8, 9))


def _most_memories() -> Panel:
    query = f"""
        SELECT user_id AS "User", memories AS "Memories"
        FROM user_statistics
        WHERE {_ONE_OF}
        ORDER BY memories DESC, user_id
        LIMIT 10
    """
    what = "The ten users with most memories, as of the last snapshot."
    return bar_gauge("Most memories", what, Sql(query), unit="short", size=(8, 9))


def _by_memories() -> Panel:
    query = f"""
        SELECT (ARRAY['none', '1–9', '10–99', '100–999', '1,000–9,999', '10,000 and more'])[size] AS "Memories",
               count(*) AS "Users"
        FROM (
            SELECT width_bucket(memories, ARRAY[1, 10, 100, 1000, 10000]) + 1 AS size
            FROM user_statistics WHERE {_IN_TENANT}
        ) AS sized
        GROUP BY size ORDER BY size
    """
    what = "How many users have how many memories, as of the last snapshot."
    return bar_chart("Users by memories", what, Sql(query), unit="short", size=(8, 9))
