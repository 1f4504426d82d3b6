"""Checks: whether every server and setting can do what Afterword promises. For doctor, readiness and start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from afterword.schemas import AfterwordError
from afterword.workers.components import Components
from afterword.workers.errors import Misconfigured
from afterword.workers.stores.ledger import database
from afterword.workers.stores.ledger.migrate import check_migrated

MINIMUM_REDIS = (6, 2)

Status = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Check:
    """What was found out about a component. `failed` needs mending before anything works, `warning` should be read."""

    component: str
    status: Status
    detail: str


def run(components: Components, checks: Sequence[Callable[[Components], Check]]) -> list[Check]:
    """Run checks; one that raises an error of ours has failed with its message."""
    return [_run(components, check) for check in checks]


def _run(components: Components, check: Callable[[Components], Check]) -> Check:
    try:
        return check(components)
    except AfterwordError as error:
        return Check(check.__name__.removeprefix("check_"), "failed", str(error))
    except redis.RedisError as error:
        return Check(check.__name__.removeprefix("check_"), "failed", f"{type(error).__name__}: {error}")


def check_redis(components: Components) -> Check:
    """Reachable, new enough, never evicting, and durable."""
    with _redis(components) as client:
        info: Any = client.info()
        policy = info.get("maxmemory_policy", "unknown")
        number = str(info["redis_version"])
        if tuple(int(part) for part in number.split(".")[:2]) < MINIMUM_REDIS:
            return Check("redis", "failed", f"version {number}: {'.'.join(map(str, MINIMUM_REDIS))} or later is needed")
        if policy != "noeviction":
            return Check(
                "redis", "failed", f"maxmemory-policy is {policy}: set it to noeviction, or events will be lost"
            )
        if not info.get("aof_enabled"):
            return Check("redis", "warning", f"version {number}, without AOF: set appendonly yes to survive a crash")
        return Check("redis", "ok", f"version {number}, AOF, noeviction")


def check_redis_answers(components: Components) -> Check:
    """Reachable."""
    with _redis(components) as client:
        client.ping()
    return Check("redis", "ok", "answers")


def check_postgres(components: Components) -> Check:
    """Reachable, new enough, and migrated."""
    number = components.database.version()
    if number < database.MINIMUM_VERSION:
        return Check("postgres", "failed", f"version {number // 10000}: 15 or later is needed")
    check_migrated(components.database)
    return Check("postgres", "ok", f"version {number // 10000}.{number % 10000}, migrated")


def check_vector_store(components: Components) -> Check:
    """Reachable, new enough, and built with this embedder."""
    components.prepare_store()
    return Check("vector_store", "ok", f"Qdrant {components.store.version()}, {components.embedder.identity}")


def check_payloads(components: Components) -> Check:
    """Points of ours, and all of them reached."""
    check_migrated(components.database)
    found = components.discovery.look()
    status: Status = "warning" if found.needs_mending else "ok"
    return Check("payloads", status, "\n".join(found.told))


def check_embedder(components: Components) -> Check:
    """Answers with vectors of its own size."""
    identity = components.embedder.identity
    vector = components.embedder.embed(["afterword doctor"])[0]
    if len(vector) != identity.dimensions:
        return Check("embedder", "failed", f"{identity} gave {len(vector)} dimensions")
    if identity.provider == "hashing":
        return Check("embedder", "warning", f"{identity}: words and n-grams only; set AFTERWORD_EMBEDDER for meaning")
    return Check("embedder", "ok", str(identity))


def check_llm(components: Components) -> Check:
    """Answers a tiny question with JSON."""
    llm = components.llm
    if llm is None:
        return Check("llm", "warning", "none: verbatim mode, excerpts are kept and no facts are extracted")
    completion = llm.complete_json([{"role": "user", "content": 'Answer with this JSON object: {"ok": true}'}])
    return Check("llm", "ok", f"{completion.model} answered with {completion.tokens.completion} tokens")


def check_tokenizer(components: Components) -> Check:
    """There, and able to count."""
    tokens = components.tokenizer.count("afterword doctor")
    return Check("tokenizer", "ok", f'{components.settings.tokenizer}: "afterword doctor" is {tokens} tokens')


def check_mem0(_components: Components) -> Check:
    """The version that extraction was built against."""
    installed = version("mem0ai")
    if not installed.startswith("2.2."):
        return Check("mem0", "failed", f"version {installed}: install mem0ai 2.2.x")
    return Check("mem0", "ok", f"version {installed}")


def check_switch(components: Components) -> Check:
    """The master switch."""
    if not components.settings.memory_enabled:
        return Check("memory", "warning", "switched off by AFTERWORD_MEMORY_ENABLED")
    return Check("memory", "ok", "switched on")


ALL = (
    check_redis,
    check_postgres,
    check_vector_store,
    check_payloads,
    check_embedder,
    check_llm,
    check_tokenizer,
    check_mem0,
    check_switch,
)
AT_START = (check_redis, check_postgres, check_vector_store)
READINESS = (check_redis_answers, check_postgres)


def require(components: Components) -> None:
    """Raises: Misconfigured, naming every component that a worker cannot start with."""
    failed = [check for check in run(components, AT_START) if check.status == "failed"]
    if failed:
        raise Misconfigured("; ".join(f"{check.component}: {check.detail}" for check in failed))


def _redis(components: Components) -> redis.Redis:
    return redis.Redis.from_url(
        components.settings.redis, socket_timeout=2, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0)
    )
