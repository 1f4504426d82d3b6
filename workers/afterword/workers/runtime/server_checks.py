"""Checks of the servers: whether Redis, PostgreSQL and the vector store can be worked with, and the mend if not.

They change nothing: the write that Redis is asked for sets a key only where it exists, and it never does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, OutOfMemoryError
from redis.retry import Retry

from afterword.schemas.wire import NAMESPACE
from afterword.workers.core.errors import LedgerDenied, Misconfigured, NotMigrated, StoreUnavailable
from afterword.workers.runtime.health import Check, CheckStatus
from afterword.workers.runtime.wiring.house import House
from afterword.workers.stores.ledger import database, memories
from afterword.workers.stores.ledger.migrate import check_migrated
from afterword.workers.stores.vectors.port import CollectionState

MINIMUM_REDIS = (6, 2)

_NEVER_SET = f"{NAMESPACE}:never-set"
_WRITE_REFUSALS = {
    "MISCONF": "cannot write to its disk, and refuses every write: free the disk, and look into its log",
    "READONLY": "is a replica: set AFTERWORD_REDIS_URL to the primary",
    "NOREPLICAS": "has fewer replicas than min-replicas-to-write: bring them back, or lower it",
    "CLUSTERDOWN": "is a Redis Cluster that is down: Afterword needs a single Redis",
}


def check_redis(house: House) -> Check:
    """Reachable, new enough, one server, never evicting, writable, and durable."""
    with _redis(house) as client:
        info: Any = client.info()
        number = str(info["redis_version"])
        refusal = _unfit(info, number)
        if refusal:
            return Check("redis", "failed", refusal)
        well = Check("redis", "ok", f"version {number}, AOF, noeviction")
        if not info.get("aof_enabled"):
            well = Check("redis", "warning", f"version {number}, without AOF: set appendonly yes to survive a crash")
        return _after_a_write(client, well)


def check_redis_answers(house: House) -> Check:
    """Reachable and writable."""
    with _redis(house) as client:
        return _after_a_write(client, Check("redis", "ok", "answers"))


def check_postgres(house: House) -> Check:
    """Reachable, new enough, migrated and writable."""
    ledger = house.stores.database
    number = ledger.version()
    if number < database.MINIMUM_VERSION:
        return Check("postgres", "failed", f"version {number // 10000}: 15 or later is needed")
    check_migrated(ledger)
    refusal = ledger.refusal()
    if refusal:
        return Check("postgres", "failed", refusal, passing=True)
    return Check("postgres", "ok", f"version {number // 10000}.{number % 10000}, migrated")


def check_ledger(house: House) -> Check:
    """The same, with sessions of its own, and room on its disk: for a start and for `doctor`."""
    if house.stores.database.is_pooled_by_transaction():
        return Check(
            "postgres",
            "failed",
            "a pooler in transaction mode stands before PostgreSQL, where sessions lose their locks: set pool_mode = "
            "session in PgBouncer, or AFTERWORD_POSTGRES_URL to PostgreSQL itself",
        )
    refusal = house.stores.database.refusal(by_writing=True)
    return Check("postgres", "failed", refusal, passing=True) if refusal else check_postgres(house)


def check_vector_store(house: House) -> Check:
    """Reachable, new enough, and of this embedder. Makes no collection: that is for a worker's start."""
    state = house.stores.admin.check(house.models.embedder.identity)
    about = f"Qdrant {house.stores.vectors.version()}, {house.models.embedder.identity}"
    return Check("vector_store", "ok", about + _STATES[state])


_STATES = {
    CollectionState.READY: "",
    CollectionState.MISSING: "; the first worker that starts makes the collection",
    CollectionState.REPLACEABLE: "; the collection is empty and of another embedder: a worker's start makes it anew",
}


def prepare_vector_store(house: House) -> Check:
    """The same before a worker starts, with the collection made where it is missing."""
    house.collections.prepare()
    return check_vector_store(house)


def check_vector_store_answers(house: House) -> Check:
    """Reachable."""
    return Check("vector_store", "ok", f"Qdrant {house.stores.vectors.version()}")


def check_payloads(house: House) -> Check:
    """All points of the collection are Afterword's, and can be recalled; and what the ledger knows is there."""
    check_migrated(house.stores.database)
    there = house.stores.admin.check(house.models.embedder.identity) is not CollectionState.MISSING
    found = house.collections.discovery.look() if there else None
    if not (found and found.points) and _ledger_holds_memories(house):
        return Check(
            "payloads",
            "failed",
            f"the ledger knows memories, and the collection {house.settings.collection} has none: restore it from a "
            "snapshot, or mend AFTERWORD_COLLECTION, AFTERWORD_QDRANT_URL or AFTERWORD_EDGE_PATH if they name another",
        )
    status: CheckStatus = "warning" if found and found.needs_mending else "ok"
    return Check("payloads", status, "\n".join(found.lines) if found else "no points yet")


def _ledger_holds_memories(house: House) -> bool:
    with house.stores.database.transaction() as connection:
        return memories.are_there(connection)


def failure_of(component: str, error: Exception, house: House) -> Check:
    """What an error of a check says: it passes by itself if a server is away or starts, else somebody must mend it."""
    if isinstance(error, redis.RedisError):
        return _redis_failure(component, error, house.settings.redis)
    away = isinstance(error, StoreUnavailable) and not isinstance(error, LedgerDenied)
    # A ledger is migrated beside the workers' start.
    passing = away or isinstance(error, NotMigrated) or not isinstance(error, Misconfigured | StoreUnavailable)
    return Check(component, "failed", str(error), passing=passing)


def _redis_failure(component: str, error: redis.RedisError, url: str) -> Check:
    user = unquote(urlsplit(url).username or "default")
    if isinstance(error, NoPermissionError):
        mend = f"user {user!r} may not do what workers do: set AFTERWORD_REDIS_URL to the workers' user"
        return Check(component, "failed", f"{mend}, not a producer's ({error})")
    if isinstance(error, AuthenticationError) or "NOAUTH" in str(error):
        return Check(component, "failed", f"the password of user {user!r} is refused: mend AFTERWORD_REDIS_URL")
    passing = isinstance(error, redis.ConnectionError | redis.TimeoutError)
    return Check(component, "failed", f"{type(error).__name__}: {error}", passing=passing)


def _unfit(info: Any, number: str) -> str | None:
    """Why this server will never do, as it is set up."""
    if tuple(int(part) for part in number.split(".")[:2]) < MINIMUM_REDIS:
        return f"version {number}: {'.'.join(map(str, MINIMUM_REDIS))} or later is needed"
    if info.get("cluster_enabled") or info.get("redis_mode") == "cluster":
        return "it is a Redis Cluster, which spreads a queue's keys: set AFTERWORD_REDIS_URL to a single Redis"
    policy = info.get("maxmemory_policy", "unknown")
    if policy != "noeviction":
        return f"maxmemory-policy is {policy}: set it to noeviction, or events will be lost"
    if info.get("aof_enabled") and info.get("aof_last_write_status", "ok") != "ok":
        return "it " + _WRITE_REFUSALS["MISCONF"]
    return None


def _after_a_write(client: redis.Redis, well: Check) -> Check:
    """`well`, unless Redis refuses a write. One that is full still lets workers make room."""
    try:
        client.set(_NEVER_SET, "", xx=True)
    except OutOfMemoryError:
        full = "it is full: clients keep events back until workers have made room, or maxmemory is raised"
        return Check("redis", "warning", full)
    except redis.ResponseError as error:
        for code, mend in _WRITE_REFUSALS.items():
            # redis-py takes the code away where it has a class for it.
            if str(error).startswith(code) or type(error).__name__.upper().startswith(code):
                return Check("redis", "failed", f"it {mend} ({error})")
        raise
    return well


@contextmanager
def _redis(house: House) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(
        house.settings.redis, socket_timeout=2, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0)
    ) as client:
        yield client
