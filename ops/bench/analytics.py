"""How long figures on request take with a million events in the ledger, and what keeping them ready costs.

Beside them: counting a month's events of the tenant when it is asked, which is what they save.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import text

from afterword.workers.services.analytics.figures import Figures
from afterword.workers.stores.ledger.analytics import rollups, snapshots
from afterword.workers.stores.ledger.analytics.statistics import day_of
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.upkeep import milestones
from ops.bench.findings import Comparison, Findings, Row, latency, quantile
from ops.bench.servers import Place

AIM_SHARE = 0.5
_EVENTS_AT_ONCE = 50_000
_USERS = 5_000
_TENANT = "default"

# Three of four events are queries; users, agents and times are spread so that the same come again in every run.
_EVENTS = text(
    """
    INSERT INTO audit (at, tenant_id, user_id, agent_id, type, result_count, metadata)
    SELECT clock_timestamp() - ((n * 7919.0) % :events) / :events * interval '90 days',
           :tenant, 'user-' || (n * 31 % :users), 'agent-' || (n % 20),
           CASE WHEN n % 4 = 0 THEN 'memory_save' ELSE 'memory_query' END, n % 12,
           CASE WHEN n % 4 = 0
                THEN jsonb_build_object('kind', 'excerpt', 'messages', 6, 'seconds', 0.01, 'success', true)
                ELSE jsonb_build_object('seconds', 0.001 * (n % 20), 'relevance', (n % 10) / 10.0,
                                        'degraded', jsonb_build_array(), 'eligible', true,
                                        'successful', n % 12 > 0, 'query_length', 40) END
    FROM generate_series(CAST(:first AS bigint), :last) AS n
    """
)
_MEMORIES = text(
    """
    INSERT INTO memories (id, tenant_id, user_id, agent_id, scope, kind, source, embedding_model, language, text_length,
                          occurred_at, created_at)
    SELECT gen_random_uuid(), :tenant, 'user-' || (n * 31 % :users), 'agent-' || (n % 20), 'user',
           CASE WHEN n % 3 = 0 THEN 'fact' ELSE 'excerpt' END, 'conversation', 'hashing/words',
           CASE WHEN n % 5 = 0 THEN 'zh' ELSE 'en' END, 20 + n % 900, clock_timestamp(), clock_timestamp()
    FROM generate_series(CAST(:first AS bigint), :last) AS n
    """
)
_DAILY = text(
    """
    INSERT INTO daily_statistics (tenant_id, user_id, day, agent_id, active, added, searches, eligible_searches,
                                  successful_searches, search_seconds, relevance_sum, relevance_count)
    SELECT tenant_id, user_id, (at AT TIME ZONE 'UTC')::date AS day, agent_id, true,
           COALESCE(sum(result_count) FILTER (WHERE type = 'memory_save'), 0),
           count(*) FILTER (WHERE type = 'memory_query'),
           count(*) FILTER (WHERE type = 'memory_query'),
           count(*) FILTER (WHERE (metadata->>'successful')::boolean),
           COALESCE(sum((metadata->>'seconds')::float8) FILTER (WHERE type = 'memory_query'), 0),
           COALESCE(sum((metadata->>'relevance')::float8), 0), count(metadata->>'relevance')
    FROM audit GROUP BY tenant_id, user_id, day, agent_id
    """
)
_COUNTED = text(
    """
    SELECT count(*), count(*) FILTER (WHERE (metadata->>'successful')::boolean)
    FROM audit WHERE tenant_id = :tenant AND at >= clock_timestamp() - interval '30 days'
    """
)
_SEEN = text(
    """
    INSERT INTO user_statistics (tenant_id, user_id, first_active_on, last_active_on)
    SELECT tenant_id, user_id, min(day), max(day) FROM daily_statistics GROUP BY tenant_id, user_id
    """
)


def measure(place: Place, quick: bool) -> Findings:
    """Fill the tables as a tenant of 5,000 users does in 90 days, roll up, then ask."""
    events, asked = (1_000, 2) if quick else (1_000_000, 200)
    with place.servers() as servers:
        database = servers.database
        _fill(database, events)
        kept = _roll_up(database)
        answers = Figures(database=database, enabled=True)
        overview = _timed(asked, lambda _: answers.overview(_TENANT, days=30))
        year = _timed(asked, lambda _: answers.overview(_TENANT, days=366))
        counted = _timed(max(asked // 20, 1), lambda _: _count(database))
        user = _timed(asked, lambda number: answers.user(_TENANT, f"user-{number * 17 % _USERS}", days=30))
    rows = [
        latency("overview of 30 days", overview),
        latency("overview of a year", year),
        latency("one user", user),
        latency("the events of 30 days counted", counted),
        *(Row(name, 1, {"once": seconds}, "s") for name, seconds in kept.items()),
    ]
    told = {"overview of 30 days": overview, "overview of a year": year, "one user": user}
    bare = quantile(counted, 0.5)
    return Findings(
        rows,
        [
            Comparison(f"{name}, {events:,} events, p95 / counted", quantile(seconds, 0.95) / bare, "times", AIM_SHARE)
            for name, seconds in told.items()
        ],
    )


def _count(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(_COUNTED, {"tenant": _TENANT}).one()


def _fill(database: Database, events: int) -> None:
    for statement, count in ((_EVENTS, events), (_MEMORIES, events // 3)):
        for first in range(0, count, _EVENTS_AT_ONCE):
            given = {"tenant": _TENANT, "users": _USERS, "first": first, "events": events}
            last = min(first + _EVENTS_AT_ONCE, count) - 1
            with database.transaction() as connection:
                connection.execute(statement, {**given, "last": last})
    with database.transaction() as connection:
        # Once in a benchmark, not in production: there they are counted as things happen.
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(_DAILY)
        connection.execute(_SEEN)
    with database.session() as connection:
        connection.execute(text("ANALYZE"))


def _roll_up(database: Database) -> dict[str, float]:
    """Roll up as a snapshot does; how many seconds each part takes."""
    with database.transaction() as connection:
        now = milestones.now(connection)
        rollups.roll_up_hours(connection, now.replace(year=now.year - 1, day=1))
    begun = time.perf_counter()
    with database.transaction() as connection:
        rollups.roll_up_storage(connection)
    storage = time.perf_counter()
    with database.transaction() as connection:
        rollups.roll_up_hours(connection, now)
    hours = time.perf_counter()
    with database.transaction() as connection:
        rollups.roll_up_content(connection, day_of(now))
        snapshots.write(connection, now, None)
        milestones.reach(connection, snapshots.SNAPSHOT, now)
    return {
        "snapshot: memories of each user": storage - begun,
        "snapshot: the last hours": hours - storage,
        "snapshot: content and figures": time.perf_counter() - hours,
    }


def _timed(times: int, ask: Callable[[int], object]) -> list[float]:
    ask(0)  # plans and pages are there from the second time on
    found = []
    for number in range(times):
        begun = time.perf_counter()
        ask(number)
        found.append(time.perf_counter() - begun)
    return found
