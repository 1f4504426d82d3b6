"""How long each query of the dashboards takes on a ledger with a million events, beside counting those events."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg

from ops.bench.busy_ledger import AGENTS, TENANTS, Size, fill
from ops.bench.findings import Comparison, Findings, Row, latency, quantile
from ops.bench.servers import Place
from ops.grafana.dashboard import Dashboard
from ops.grafana.every import dashboards, sql_queries
from ops.grafana.macros import Range

AIM_TIMES = 2.0
FULL = Size(users=2_500, days=90, events=1_000_000)
QUICK = Size()
_COUNTED = "SELECT count(*) FROM audit"
_ONE = {"tenant": TENANTS[0], "agent": AGENTS[0], "user": "user-2"}
_UNITS = {"m": 1 / 1440, "h": 1 / 24, "d": 1.0}


@dataclass(frozen=True, slots=True)
class Query:
    """A query as it is sent, of a dashboard and its panel, and what was chosen."""

    dashboard: str
    panel: str
    chosen: str
    text: str

    @property
    def name(self) -> str:
        return f"{self.dashboard.removeprefix('Afterword · ')}: {self.panel}, {self.chosen}"


def measure(place: Place, quick: bool) -> Findings:
    """Each query as its dashboard opens, and over the whole of what there is, for all and for one."""
    size, times = (QUICK, 2) if quick else (FULL, 7)
    with place.servers() as servers:
        fill(servers.postgres_url, size)
        with psycopg.connect(servers.postgres_url, autocommit=True) as connection:
            found = {query: _timed(connection, query.text, times) for query in _queries(size.days)}
            counted = _timed(connection, _COUNTED, times)
    slowest = sorted(found, key=lambda query: quantile(found[query], 0.5), reverse=True)[:10]
    rows = [_row(dashboard, found) for dashboard in dashboards()]
    rows += [latency(query.name, found[query]) for query in slowest]
    rows.append(latency("all events counted", counted))
    worst = quantile(found[slowest[0]], 0.5) / quantile(counted, 0.5)
    return Findings(
        [row for row in rows if row.n],
        [Comparison(f"slowest query / all of {size.events:,} events counted", worst, "times", AIM_TIMES)],
    )


def _row(dashboard: Dashboard, found: dict[Query, list[float]]) -> Row:
    """The medians of a dashboard's queries."""
    medians = [quantile(seconds, 0.5) for query, seconds in found.items() if query.dashboard == dashboard.title]
    figures = {"median": 1000 * quantile(medians, 0.5), "slowest": 1000 * max(medians)} if medians else {}
    return Row(f"queries of {dashboard.title.removeprefix('Afterword · ')}", len(medians), figures, "ms")


def _queries(days: int) -> Iterator[Query]:
    now = datetime.now(UTC)
    since = {dashboard.title: _opened(dashboard) for dashboard in dashboards()}
    details = {dashboard.title for dashboard in dashboards() if dashboard.detail}  # of one user, whatever is chosen
    for asked in sql_queries():
        for shown in (since[asked.dashboard], timedelta(days=days)):
            step = max(shown / 100, timedelta(minutes=1))
            everything = {"user": _ONE["user"]} if asked.dashboard in details else {}
            for told, chosen in (("all", everything), ("one", _ONE)):
                within = Range(now - shown, now, step, chosen)
                text = within.sql(asked.expression)
                yield Query(asked.dashboard, asked.panel, f"{told}, {shown.total_seconds() / 86400:.2g} days", text)


def _opened(dashboard: Dashboard) -> timedelta:
    """The range that it shows at first."""
    found = re.fullmatch(r"now-(\d+)([mhd])", dashboard.since)
    if found is None:
        raise ValueError(f"not a range: {dashboard.since}")
    return timedelta(days=int(found[1]) * _UNITS[found[2]])


def _timed(connection: psycopg.Connection[tuple[object, ...]], text: str, times: int) -> list[float]:
    seconds = []
    for _ in range(times + 1):  # pages are there from the second time on
        begun = time.perf_counter()
        connection.execute(text.encode()).fetchall()
        seconds.append(time.perf_counter() - begun)
    return seconds[1:]
