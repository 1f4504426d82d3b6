"""Every query of the dashboards on a real PostgreSQL, as the role that Grafana has, with what happened in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from ops.bench.busy_ledger import AGENTS, TENANTS, Size, fill
from ops.grafana.every import Asked, dashboards, sql_queries
from ops.grafana.macros import Range
from ops.grafana.panels import Panel
from ops.grafana.queries import Sql
from tests.conftest import unavailable
from tests.support.grafana_role import provision
from tests.support.ledgers import fresh_ledger

Connection = psycopg.Connection[dict[str, object]]

SIZE = Size()
EVERYTHING: dict[str, str] = {}
ONE = {"tenant": TENANTS[0], "agent": AGENTS[0], "user": "user-2"}
NOBODY = {"tenant": "nobody", "agent": "nobody", "user": "nobody"}


def panels(*kinds: str) -> list[Any]:
    """Panels of these kinds, or of all, with their SQL queries."""
    return [
        pytest.param(panel, query, id=f"{dashboard.title}: {panel.title}")
        for dashboard in dashboards()
        for panel in dashboard.panels
        for query in panel.queries
        if isinstance(query, Sql) and (not kinds or panel.kind in kinds)
    ]


every_panel = pytest.mark.parametrize(("panel", "query"), panels())
every_query = pytest.mark.parametrize(
    "asked", sql_queries(), ids=[f"{asked.dashboard}: {asked.panel}" for asked in sql_queries()]
)


@pytest.fixture(scope="module")
def busy_ledger(ledger_template: str) -> Iterator[str]:
    """A ledger in which much has happened, with the role."""
    if shutil.which("psql") is None:
        unavailable("no psql on PATH")
    with fresh_ledger(ledger_template) as url:
        fill(url, SIZE)
        provision(url, "a password")
        yield url
    with psycopg.connect(ledger_template, autocommit=True) as admin:
        admin.execute("DROP ROLE grafana")


@pytest.fixture(scope="module")
def grafana(busy_ledger: str) -> Iterator[Connection]:
    with psycopg.connect(busy_ledger, user="grafana", autocommit=True, row_factory=dict_row) as connection:
        yield connection


def of(chosen: dict[str, str], days: int = 7) -> Range:
    now = datetime.now(UTC)
    return Range(now - timedelta(days=days), now, chosen=chosen)


def rows(grafana: Connection, text: str, within: Range) -> list[dict[str, object]]:
    return grafana.execute(within.sql(text).encode()).fetchall()


def of_panel(grafana: Connection, dashboard: str, panel: str, within: Range) -> list[dict[str, object]]:
    (asked,) = [each for each in sql_queries() if each[:2] == (f"Afterword · {dashboard}", panel)]
    return rows(grafana, asked.expression, within)


@every_query
def test_it_finds_something_for_one(grafana: Connection, asked: Asked) -> None:
    assert rows(grafana, asked.expression, of(ONE))


@every_query
def test_it_finds_something_for_all(grafana: Connection, asked: Asked) -> None:
    chosen = ONE if asked.dashboard == "Afterword · User" else EVERYTHING
    assert rows(grafana, asked.expression, of(chosen))


@every_panel
def test_it_finds_nothing_for_nobody(grafana: Connection, panel: Panel, query: Sql) -> None:
    found = rows(grafana, query.text, of(NOBODY))
    assert not any(value for row in found for value in row.values()), panel.title


@every_panel
def test_the_columns_it_dresses_are_there(grafana: Connection, panel: Panel, query: Sql) -> None:
    names = set(rows(grafana, query.text, of(ONE))[0])
    assert {override["matcher"]["options"] for override in panel.overrides} <= names


@pytest.mark.parametrize(("panel", "query"), panels("timeseries"))
def test_a_series_has_times_in_order_and_numbers(grafana: Connection, panel: Panel, query: Sql) -> None:
    found = rows(grafana, query.text, of(ONE))
    assert query.series
    times = [row["time"] for row in found]
    assert times == sorted(times, key=lambda at: at if isinstance(at, datetime) else float(str(at)))
    assert all(not isinstance(at, datetime) or at.tzinfo for at in times)
    named = {"time", "metric"}
    assert all(float(str(value)) >= 0 for row in found for name, value in row.items() if name not in named), panel.title


@pytest.mark.parametrize(("panel", "query"), panels("piechart", "barchart", "bargauge"))
def test_what_is_drawn_row_by_row_has_a_name_and_a_number(grafana: Connection, panel: Panel, query: Sql) -> None:
    assert not query.series, panel.title
    for row in rows(grafana, query.text, of(ONE)):
        name, number = row.values()
        assert isinstance(name, str)
        assert float(str(number)) > 0


# What they say


def test_all_is_the_sum_of_the_tenants(grafana: Connection) -> None:
    (together,) = of_panel(grafana, "Overview", "Memories and users", of(EVERYTHING))
    (alone,) = of_panel(grafana, "Overview", "Memories and users", of(ONE))
    assert together["Memories"] == 2 * int(str(alone["Memories"]))


def test_figures_are_those_at_the_end_of_the_range(grafana: Connection) -> None:
    now = datetime.now(UTC)
    past = Range(now - timedelta(days=5), now - timedelta(days=3))
    (then,) = of_panel(grafana, "Overview", "Memories and users", past)
    (since,) = of_panel(grafana, "Overview", "Memories and users", of(EVERYTHING))
    assert int(str(then["Memories"])) < int(str(since["Memories"]))


def test_shares_and_averages_are_of_sums(grafana: Connection) -> None:
    (found,) = of_panel(grafana, "Overview", "Response and success", of(EVERYTHING))
    assert found["Response time"] == pytest.approx(0.04)
    assert found["Save time"] == pytest.approx(0.5)
    assert found["Retrieval success"] == pytest.approx(0.75)


def test_growth_is_from_the_first_snapshot_of_the_range_to_the_last(grafana: Connection) -> None:
    (found,) = of_panel(grafana, "Overview", "Growth", of(EVERYTHING, days=1))
    last = SIZE.days * 288 + 100
    first = last - 287
    assert found["Memories"] == pytest.approx((last - first) / first, rel=0.01)
    assert found["Users"] == 0


def test_the_users_who_were_active_last_come_first_with_what_they_did(grafana: Connection) -> None:
    found = of_panel(grafana, "Users", "Users", of({"tenant": TENANTS[0]}))
    days = [str(row["Last active"]) for row in found]
    assert days == sorted(days, reverse=True)
    assert len(found) == SIZE.users
    for row in found:
        assert int(str(row["Conversations"])) * 5 == row["Contexts"]
        assert row["Success"] == pytest.approx(0.75)


def test_one_user_of_two_tenants_is_told_apart(grafana: Connection) -> None:
    both = of_panel(grafana, "Users", "Users", of({"user": "user-2"}))
    assert {row["Tenant"] for row in both} == set(TENANTS)
    assert [row["Tenant"] for row in of_panel(grafana, "Users", "Users", of(ONE))] == [TENANTS[0]]


def test_typing_finds_users(grafana: Connection) -> None:
    (asked, *_) = [each for each in sql_queries() if each.panel == "variable user"]
    now = datetime.now(UTC)
    found = rows(grafana, asked.expression, Range(now, now, chosen={"tenant": TENANTS[0]}, typed="user-1%"))
    assert {row["user_id"] for row in found} == {"user-1", "user-10", "user-11", "user-12"}


def test_content_is_of_the_last_day_of_the_range(grafana: Connection) -> None:
    now = datetime.now(UTC)
    past = Range(now - timedelta(days=5), now - timedelta(days=3))
    for within in (past, of(EVERYTHING)):
        scopes = of_panel(grafana, "Content", "By scope", within)
        a_kind = 10 * len(TENANTS) * 3 * 3 * 4  # tenants, languages, agents (or none), lengths
        assert [(row["Scope"], row["Memories"]) for row in scopes] == [
            ("user", 3 * a_kind),
            ("agent", a_kind),
            ("session", a_kind),
        ]


def test_an_agent_is_told_apart(grafana: Connection) -> None:
    found = of_panel(grafana, "Content", "By agent", of({"agent": AGENTS[1]}))
    assert [row["Agent"] for row in found] == [AGENTS[1]]


def test_the_feed_has_the_last_events_of_all_types(grafana: Connection) -> None:
    found = of_panel(grafana, "Real-time", "Feed", of(EVERYTHING))
    times = [row["At"] for row in found]
    assert times == sorted(times, key=str, reverse=True)
    assert {row["Event"] for row in found} >= {"conversation_received", "memory_query", "memory_save"}


def test_the_feed_reads_six_hours_however_long_the_range(grafana: Connection) -> None:
    found = of_panel(grafana, "Real-time", "Events", of(EVERYTHING, days=9))
    happened = sum(int(str(row["value"])) for row in found)
    assert happened == pytest.approx(SIZE.events / SIZE.days / 4, abs=2)


def test_it_sees_one_users_events(grafana: Connection) -> None:
    chosen = {"tenant": TENANTS[1], "user": "user-3"}
    assert {row["User"] for row in of_panel(grafana, "Real-time", "Feed", of(chosen))} <= {"user-3"}
    assert of_panel(grafana, "User", "Events", of(chosen))
