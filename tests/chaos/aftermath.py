"""The traces that a run leaves in Redis, in logs, and of its workers. Each check returns what is wrong, in words."""

from __future__ import annotations

import re
import time

import redis

from afterword.schemas.wire import Queue, bell_key
from tests.chaos.city import City

_ENTRY = re.compile(r"^(?=\d{4}-\d\d-\d\dT)", re.MULTILINE)
_FOREIGN = "Received message for undefined actor"
_READY_SECONDS = 30.0
"""Workers that were just started have to import everything."""


def left_in_redis(city: City) -> list[str]:
    """The hostile messages that Redis still holds, also in keys that it would forget by itself."""
    ids, found = {each.redis_id for each in city.hostile.sent}, []
    with redis.Redis.from_url(city.redis.url) as client:
        for key in client.scan_iter(_type="hash", count=1000):
            found += [(key, each[:50]) for each in client.hkeys(key) if each in ids]
        tokens = {queue.value: client.llen(bell_key(queue)) for queue in Queue}
    loud = {queue: number for queue, number in tokens.items() if number > 1}
    left = [f"{len(found)} hostile messages are still in Redis: {found[:5]}"] if found else []
    return [*left, *([f"bells hold many tokens: {loud}"] if loud else [])]


def not_ready(city: City) -> list[str]:
    """Workers that do not come to say that they are ready."""
    deadline = time.monotonic() + _READY_SECONDS
    waiting = [slot.worker for slot in city.slots]
    while waiting := [worker for worker in waiting if worker.probe("/readyz")[0] != 200]:
        if time.monotonic() > deadline:
            return [f"{worker.role} is not ready: {worker.probe('/readyz')[1]}" for worker in waiting]
        time.sleep(0.2)
    return []


def ended(city: City) -> list[str]:
    """Workers that ended although nobody ended them."""
    return [f"{each.role} ended by itself:\n{each.log.read_text()[-1500:]}" for each in city.ended_by_themselves()]


def logged_wrongly(city: City) -> list[str]:
    """An outage is a warning, and a refused message a line; nothing of them may be a surprise."""
    return [
        f"{worker.role} logged an error:\n{surprises[0][:3000]}"
        for worker in city.deployment.workers
        if (surprises := _surprises(worker.log.read_text()))
    ]


def _surprises(log: str) -> list[str]:
    """The entries of a log with a traceback, which is told by its frames; but for Dramatiq's about a foreign actor."""
    entries = _ENTRY.split(log)
    return [each for each in entries if ('File "' in each or "Traceback" in each) and _FOREIGN not in each]
