"""How many contexts are answered in time when more are asked for than a worker can give.

The embedder is a server that takes a fixed time, and each question is a new one: so the worker's threads bound its
capacity, not the machine. Requests come at even intervals, whether those before them are answered or not, and no asker
backs off: as from many agents that know nothing of each other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import redis

from afterword.producers import MemoryClient
from afterword.producers.aio.asker import AsyncAsker
from afterword.producers.aio.links import AsyncLinks
from afterword.producers.calls import checked_call
from afterword.producers.server_time import ServerTime
from afterword.schemas import ContextReply, ContextRequest
from afterword.schemas.errors import AfterwordError
from afterword.schemas.wire import Queue
from ops.bench.asking import questions
from ops.bench.findings import Comparison, Findings, Row
from ops.bench.samples import Samples
from ops.bench.servers import Place

AIM_KEPT = 0.9
_TIMEOUT = 0.5
_LOADS = (2, 5)
_THREADS = 4
_AT_ONCE = 2 * _THREADS


@dataclass(frozen=True, slots=True)
class Size:
    """How long each load lasts, how much longer before it counts, and how long the embedder takes; in seconds."""

    seconds: float
    before: float
    embedding: float


FULL = Size(seconds=8.0, before=3.0, embedding=0.05)
QUICK = Size(seconds=0.5, before=0.1, embedding=0.05)


def measure(place: Place, quick: bool) -> Findings:
    """Capacity first: as many requests under way as keep all threads at work. Then more than that."""
    size = QUICK if quick else FULL
    with ExitStack() as stack:
        servers = stack.enter_context(place.servers())
        url = stack.enter_context(servers.embeddings(size.embedding))
        embedder = {"embedder": "openai", "embedder_base_url": url, "embedder_dimensions": "64"}
        with MemoryClient(servers.redis_url) as client:
            client.publish_many(Samples().conversations(20, users=1))
        with servers.worker("ingest", store="memories", **embedder):
            servers.wait_for_status("stored", 20)
        stack.enter_context(servers.worker("context", store="memories", threads=str(_THREADS), **embedder))
        capacity = asyncio.run(_capacity(servers.redis_url, size))
        found = {load: asyncio.run(_in_time(servers.redis_url, load * capacity, load, size)) for load in _LOADS}
    rows = [Row("capacity", int(capacity * size.seconds), {"rate": capacity}, "contexts/s")]
    rows += [
        Row(
            f"at {load} times the capacity", offered, {"in time": rate, "offered": offered / size.seconds}, "contexts/s"
        )
        for load, (offered, rate) in found.items()
    ]
    return Findings(
        rows,
        [
            Comparison(
                f"in time at {load} times the capacity / capacity", rate / capacity, "of 1", AIM_KEPT, at_most=False
            )
            for load, (_, rate) in found.items()
        ],
    )


class _Asking:
    """Asks on connections of its own."""

    def __init__(self, redis_url: str, seed: int) -> None:
        self._links = AsyncLinks(redis_url)
        self._asker = AsyncAsker(self._links, ServerTime(time.monotonic))
        self._questions: Iterator[str] = questions(seed)

    async def answered(self, timeout: float) -> bool:
        """Whether a whole answer came in time."""
        fields = {"user_id": "user-0", "query": next(self._questions)}
        call = checked_call(Queue.CONTEXT, ContextRequest, ContextReply, fields)
        try:
            return not (await self._asker.ask(call, timeout)).degraded
        except (AfterwordError, redis.RedisError):
            return False

    async def close(self) -> None:
        await self._links.close()


async def _capacity(redis_url: str, size: Size) -> float:
    """Whole answers a second with all threads at work, and few that wait."""
    asking = _Asking(redis_url, seed=1)
    begun = time.monotonic()
    counted_from, end = begun + size.before, begun + size.before + size.seconds
    done = 0

    async def ask_on() -> None:
        nonlocal done
        while time.monotonic() < end:
            whole = await asking.answered(10)
            done += whole and counted_from <= time.monotonic() < end

    await asyncio.gather(*(ask_on() for _ in range(_AT_ONCE)))
    await asking.close()
    return max(done, 1) / size.seconds


async def _in_time(redis_url: str, rate: float, seed: int, size: Size) -> tuple[int, float]:
    """How many were asked for, and how many a second of these were answered in time."""
    asking = _Asking(redis_url, seed)
    begun = time.monotonic()
    asked = list[tuple[float, asyncio.Task[bool]]]()
    while (elapsed := time.monotonic() - begun) < size.before + size.seconds:
        while len(asked) < elapsed * rate:
            asked.append((elapsed, asyncio.create_task(asking.answered(_TIMEOUT))))
        await asyncio.sleep(1 / rate)
    answers = await asyncio.gather(*(task for _, task in asked))
    await asking.close()
    counted = [whole for (at, _), whole in zip(asked, answers, strict=True) if at >= size.before]
    return max(len(counted), 1), sum(counted) / size.seconds
