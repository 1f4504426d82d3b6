"""How long the work of a killed worker lies before another has done it, with leases and heartbeats at their defaults.

The worker is killed (SIGKILL) once it holds work. Each worker has a vector store of its own: that changes nothing here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, TypeVar

import redis
from sqlalchemy import select

from afterword.producers import MemoryClient
from afterword.schemas.values import DEFAULT_TENANT
from afterword.schemas.wire import NAMESPACE, Queue, messages_key
from afterword.workers.core.errors import Misconfigured
from afterword.workers.stores.ledger.extraction import subjects
from afterword.workers.stores.ledger.ingest.conversations import conversations
from ops.bench.findings import Comparison, Findings, Row
from ops.bench.samples import Samples
from ops.bench.servers import Place, Servers

_T = TypeVar("_T")

AIM_SECONDS = 10.0
LLM_SECONDS = 1.0
_HANGS = 600.0
_GIVE_UP = 60.0
_ALONE = 100
_BACKLOG = 1_000


def measure(place: Place, quick: bool) -> Findings:
    """Ingest and extraction; each with nothing else to do for the survivor, and with a backlog."""
    loaded: dict[str, Callable[[Servers], float]] = {
        "ingest, loaded": lambda servers: _ingest_loaded(servers, _BACKLOG),
        "extraction, loaded": lambda servers: _extraction(servers, held=16, backlog=_BACKLOG),
    }
    measured: dict[str, Callable[[Servers], float]] = {
        "ingest, idle": _ingest_idle,
        "extraction, idle": lambda servers: _extraction(
            servers, held=1, backlog=0, **({"lease": "1"} if quick else {})
        ),
        **({} if quick else loaded),
    }
    seconds = {}
    for name, of in measured.items():
        with place.servers(name.replace(", ", "-")) as servers:
            seconds[name] = of(servers)
    return Findings(
        [Row(f"{name}: from SIGKILL until done", 1, {"took": took}, "s") for name, took in seconds.items()],
        [Comparison(f"recovery of {name}", took, "s", AIM_SECONDS) for name, took in seconds.items()],
    )


def _ingest_idle(servers: Servers) -> float:
    """One message, which waits for a row that is locked until its worker has died; another worker stands by."""
    with ExitStack() as stack, ExitStack() as lock:
        subjects.lock(lock.enter_context(servers.database.transaction()), DEFAULT_TENANT, "user-0")
        worker = stack.enter_context(servers.worker("ingest", store="first"))
        _publish(servers, 1)
        held = _once(lambda: _held_events(servers))
        stack.enter_context(servers.worker("ingest", store="second"))
        worker.child.kill()
        killed = time.monotonic()
        lock.close()
        return _since(killed, lambda: held <= _events(servers, "stored"))


def _ingest_loaded(servers: Servers, count: int) -> float:
    """Two workers at a backlog; what the one held when it died, whatever the other does besides."""
    events = list(Samples().conversations(_ALONE + count, users=count))
    with MemoryClient(servers.redis_url) as client, servers.worker("ingest", store="first") as worker:
        client.publish_many(events[:_ALONE])
        [own] = _once(lambda: _holders(servers))
        with servers.worker("ingest", store="second"):
            client.publish_many(events[_ALONE:])
            _once(lambda: _held_events(servers, own))
            worker.child.kill()
            killed = time.monotonic()
            held = _once(lambda: _held_events(servers, own))
            return _since(killed, lambda: held <= _events(servers, "stored"))


def _extraction(servers: Servers, *, held: int, backlog: int, **settings: str) -> float:
    """The subjects that a worker held when it died in its calls to the LLM; another one works on the backlog."""
    with ExitStack() as stack:
        hanging, llm = (stack.enter_context(servers.llm(seconds)) for seconds in (_HANGS, LLM_SECONDS))
        stack.enter_context(servers.worker("scheduler", store="none"))
        _publish(servers, held + backlog)
        at_once = {"extract_after": "0", **settings}
        with servers.worker("ingest", store="excerpts", **at_once):
            servers.wait_for_status("stored", held + backlog)
        worker = stack.enter_context(servers.worker("extraction", store="first", llm_base_url=hanging.url, **at_once))
        begun = _once(lambda: found if len(found := _claimed(servers)) >= held else None)
        stack.enter_context(servers.worker("extraction", store="second", llm_base_url=llm.url, **at_once))
        if backlog:
            servers.wait_for_status("done", 1)
        worker.child.kill()
        return _since(time.monotonic(), lambda: begun <= _users(servers, "done"))


def _publish(servers: Servers, count: int) -> None:
    with MemoryClient(servers.redis_url) as client:
        client.publish_many(Samples().conversations(count, users=count))


def _holders(servers: Servers) -> list[bytes]:
    """The keys of what workers have taken from the queue of conversations, and not settled."""
    with redis.Redis.from_url(servers.redis_url, protocol=2) as client:
        return list(client.keys(f"{NAMESPACE}:__acks__.*.{Queue.CONVERSATIONS}"))


def _held_events(servers: Servers, *keys: bytes) -> set[str]:
    """The events in the messages that these workers hold, or any worker."""
    with redis.Redis.from_url(servers.redis_url, protocol=2) as client:
        ids: set[Any] = {each for key in keys or _holders(servers) for each in client.smembers(key)}
        bodies: Any = client.hmget(messages_key(Queue.CONVERSATIONS), list(ids)) if ids else []
    return {json.loads(body)["args"][0]["event_id"] for body in bodies if body}


def _events(servers: Servers, status: str) -> set[str]:
    with servers.database.transaction() as connection:
        query = select(conversations.c.event_id).where(conversations.c.status == status)
        return set(connection.execute(query).scalars())


def _users(servers: Servers, status: str) -> set[str]:
    with servers.database.transaction() as connection:
        query = select(conversations.c.user_id).where(conversations.c.status == status)
        return set(connection.execute(query).scalars())


def _claimed(servers: Servers) -> set[str]:
    """The users whose subjects a worker works on."""
    with servers.database.transaction() as connection:
        query = select(subjects.subjects.c.user_id).where(subjects.subjects.c.lease_until.is_not(None))
        return set(connection.execute(query).scalars())


def _once(look: Callable[[], _T | None]) -> _T:
    """The first result that is not None."""
    deadline = time.monotonic() + _GIVE_UP
    while not (found := look()):
        if time.monotonic() > deadline:
            raise Misconfigured(f"nothing found in {_GIVE_UP:.0f} s")
        time.sleep(0.02)
    return found


def _since(killed: float, done: Callable[[], bool]) -> float:
    _once(done)
    return time.monotonic() - killed
