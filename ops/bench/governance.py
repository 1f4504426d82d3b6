"""Erasing a user of 10,000 memories among many others, letting old memories and audit rows go, and the door's limits.

All of it runs in this process over real servers and Qdrant Edge, as the scheduler and the gateway do it. Beside
retention stands what it cannot do without: the same number of rows, and of points, removed by their ids alone.
`--points N` chooses among how many memories.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import redis.asyncio
from sqlalchemy import text

from afterword.gateway.callers import Caller
from afterword.gateway.limits import DoorLimits
from afterword.gateway.metrics import GatewayMetrics
from afterword.gateway.settings import GatewaySettings
from afterword.schemas.erasures import EraseUser
from afterword.schemas.keys import CallerRole
from afterword.schemas.limits import LimitedKind
from afterword.schemas.policies import PolicyEffect, PolicyRules, PolicyRun, RunPolicies, SetPolicy
from afterword.schemas.wire import new_reply_key
from afterword.workers.runtime.settings import Settings
from afterword.workers.runtime.wiring.house import House
from afterword.workers.stores.ledger import erasures
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.vectors.queries import Filter
from ops.bench.filling import OURS, TENANT, Filling, user_with
from ops.bench.findings import Comparison, Findings, Row, latency, quantile
from ops.bench.servers import Place, Servers

AIM_RETENTION = 0.2
"""Without one for the audit: one `DELETE` picks no rows by policies, and holds up every writer while it runs."""
_BATCH = 500
_LOOK_SECONDS = 0.02
_LIMITS = {"publishes.user": 10**6, "publishes.account": 10**6, "publishes.tenant": 10**6}


@dataclass(frozen=True, slots=True)
class Size:
    """Memories in all, those of the user who is erased (and of one whose go by their ids alone), rows of the audit, and
    how often the door is asked."""

    points: int
    own: int
    audit: int
    asked: int


FULL = Size(points=200_000, own=10_000, audit=1_000_000, asked=2_000)
QUICK = Size(points=1_200, own=100, audit=2_000, asked=20)

_MEMORIES = """
    COPY memories (id, tenant_id, user_id, session_id, scope, kind, source, embedding_model, language, text_length,
                   event_id, occurred_at, created_at, importance) FROM STDIN
"""
# Half of it is another tenant's, to be removed by one statement.
_AUDIT = """
    INSERT INTO audit (at, tenant_id, user_id, type, result_count, metadata)
    SELECT now() - interval '500 days', CASE WHEN n %% 2 = 0 THEN %(tenant)s ELSE 'bare' END,
           'other-' || n %% 1000, 'memory_add', 1, '{"scope": "user", "kind": "fact"}'
    FROM generate_series(1, %(rows)s) AS n
"""
_AUDIT_OF_USER = """
    INSERT INTO audit (tenant_id, user_id, type, memory_id, metadata)
    SELECT tenant_id, user_id, 'memory_add', id::text, '{"scope": "user"}' FROM memories WHERE user_id = %(user)s
"""
_DELETE = text("DELETE FROM memories WHERE id = ANY(CAST(:ids AS uuid[]))")


def measure(place: Place, quick: bool) -> Findings:
    """Fill, erase, let go, and count at the door."""
    size = QUICK if quick else FULL
    if place.points is not None:
        size = Size(points=place.points, own=size.own, audit=size.audit, asked=size.asked)
    with place.servers() as servers:
        filling = Filling(servers.folder, (size.own, size.own + 1), beside_mem0=False)
        filling.up_to(size.points)
        _fill_ledger(servers.postgres_url, filling, size)
        with _house(servers) as house:
            erased = _erase(house, user_with(size.own))
            scanned = _timed(lambda: sum(1 for _ in house.stores.admin.scan(Filter())))
            bare = _remove_by_id(house, filling, user_with(size.own + 1))
            kept = _retain(house, PolicyRules(keep_days={"all": 30}), PolicyEffect.RETENTION)
            rows = _retain(house, PolicyRules(audit_days=30), PolicyEffect.AUDIT)
            bare_rows = _delete_rows(servers.database)
        limited, pings = asyncio.run(_at_the_door(servers.redis_url, size.asked))
    total = sum(erased.values())
    among = f"of {size.own:,} memories among {size.points:,}"
    return Findings(
        [
            Row(f"erasing a user {among}", 1, {"all": total}, "s"),
            Row("  its steps", 1, {step: max(seconds, _LOOK_SECONDS) for step, seconds in erased.items()}, "s"),
            Row("reading all that is left once", 1, {"all": scanned}, "s"),
            Row("retention: memories, ledger and Edge", kept[0], {"rate": kept[1]}, "a second"),
            Row("the same by their ids alone", bare[0], {"rate": bare[1]}, "a second"),
            Row("retention: rows of the audit", rows[0], {"rate": rows[1]}, "a second"),
            Row("one DELETE of as many", bare_rows[0], {"rate": bare_rows[1]}, "a second"),
            latency("three limits at the door", limited),
            latency("a bare PING", pings),
        ],
        [
            Comparison(f"erasing a user {among} / reading all once", total / scanned, "times"),
            Comparison(
                "retention of memories / by their ids alone", kept[1] / bare[1], "of 1", AIM_RETENTION, at_most=False
            ),
            Comparison("retention of the audit / one DELETE", rows[1] / bare_rows[1], "of 1"),
            Comparison("three limits / a bare PING, p50", quantile(limited, 0.5) / quantile(pings, 0.5), "times"),
        ],
    )


@contextmanager
def _house(servers: Servers) -> Iterator[House]:
    settings = Settings(
        postgres_url=servers.postgres_url,
        redis_url=servers.redis_url,
        edge_path=servers.folder / OURS,
        embedder="hashing",
        llm="none",
    )
    with closing(House(settings)) as house:
        house.collections.prepare()
        yield house


def _fill_ledger(url: str, filling: Filling, size: Size) -> None:
    with psycopg.connect(url) as connection:
        with connection.cursor().copy(_MEMORIES) as copy:
            for each in filling.of_users():
                whose = (each.id, each.tenant_id, each.user_id, each.session_id, each.scope, each.kind)
                told = ("conversation", "hashing", each.language, len(each.text), each.event_id)
                copy.write_row((*whose, *told, each.occurred_at, each.created_at, each.importance))
        connection.execute(_AUDIT, {"tenant": TENANT, "rows": size.audit})
        connection.execute(_AUDIT_OF_USER, {"user": user_with(size.own)})
        connection.execute("ANALYZE")


def _erase(house: House, user: str) -> dict[str, float]:
    """Seconds of each step. Raises: RuntimeError, when something of the user is left."""
    asked = house.governance.desk.erase(EraseUser(reply_to=new_reply_key(), user_id=user))
    erasing = house.governance.erasing(house.stores.open_broker())
    with _watched(house.stores.database, asked.erasure_id) as steps:
        erasing.carry_on()
    with house.stores.database.transaction() as connection:
        done = erasures.find(connection, asked.erasure_id)
    if done is None or done.receipt is None or not done.receipt["residue"]["clean"]:
        raise RuntimeError("something of the user is left, or the erasure did not end")
    return dict(steps)


@contextmanager
def _watched(database: Database, erasure_id: str) -> Iterator[dict[str, float]]:
    """How long an erasure is at each step, told by looking at its row."""
    spent: dict[str, float] = defaultdict(float)
    over = threading.Event()

    def look() -> None:
        at = time.perf_counter()
        while not over.wait(_LOOK_SECONDS):
            with database.transaction() as connection:
                found = erasures.find(connection, erasure_id)
            now = time.perf_counter()
            if found is not None:
                spent[found.step] += now - at
            at = now

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield spent
    finally:
        over.set()
        looking.join()


def _remove_by_id(house: House, filling: Filling, user: str) -> tuple[int, float]:
    """How many memories of a user, and how many a second, when only rows and points go."""
    ids = [each.id for each in filling.of_users() if each.user_id == user]

    def remove() -> None:
        for start in range(0, len(ids), _BATCH):
            some = ids[start : start + _BATCH]
            with house.stores.database.transaction() as connection:
                connection.execute(_DELETE, {"ids": some})
                house.stores.admin.delete(some)

    return len(ids), len(ids) / _timed(remove)


def _retain(house: House, rules: PolicyRules, effect: PolicyEffect) -> tuple[int, float]:
    """How many things a policy takes, and how many a second."""
    commands = house.commands.commands(house.stores.open_broker())
    commands.run(SetPolicy(reply_to=new_reply_key(), rules=rules), None)
    taken = 0
    begun = time.perf_counter()
    more = True
    while more:
        run: Any = commands.run(RunPolicies(reply_to=new_reply_key(), dry_run=False), None)
        assert isinstance(run, PolicyRun)
        taken += sum(each.count for each in run.counts if each.effect is effect)
        more = run.more
    return taken, taken / (time.perf_counter() - begun)


def _delete_rows(database: Database) -> tuple[int, float]:
    deleted = 0

    def delete() -> None:
        nonlocal deleted
        with database.transaction() as connection:
            deleted = connection.execute(text("DELETE FROM audit WHERE tenant_id = 'bare'")).rowcount

    seconds = _timed(delete)
    return deleted, deleted / seconds


async def _at_the_door(redis_url: str, asked: int) -> tuple[list[float], list[float]]:
    """Seconds that three limits take of a request, and those of a `PING`."""
    settings = GatewaySettings(redis_url=redis_url, insecure_dev=True, limits=_LIMITS)
    limits = DoorLimits(settings, redis_url, GatewayMetrics())
    caller = Caller(tenant_id=TENANT, account="svc", roles=frozenset({CallerRole.AGENT}))
    client = redis.asyncio.Redis.from_url(redis_url)
    counted: list[float] = []
    pinged: list[float] = []
    for number in range(asked):
        begun = time.perf_counter()
        await limits.admit(LimitedKind.PUBLISHES, caller, {"user_id": f"user-{number % 50}"})
        between = time.perf_counter()
        await client.ping()
        counted.append(between - begun)
        pinged.append(time.perf_counter() - between)
    await client.aclose()
    await limits.close()
    return counted, pinged


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
