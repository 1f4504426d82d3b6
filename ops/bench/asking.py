"""Questions, and how long each has to wait for its answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from itertools import islice

from afterword.producers import AsyncMemoryClient, ClientSettings, MemoryClient
from ops.bench.samples import Samples

AGENT = "agent-1"
SESSION = "session-2"
_AT_ONCE = 16


def questions(seed: int) -> Iterator[str]:
    """Those of a seed, the same in every run. What was asked before may be cached: each series has its own."""
    samples = Samples(seed)
    while True:
        yield samples.sentence(10)


def asked(counted: int) -> int:
    """How many are asked for so many to be counted: the first ones are not."""
    return counted + counted // 10


def timed(ask: Callable[[str], object], seed: int, count: int) -> list[float]:
    """Seconds of each question, one after the other."""
    waited = []
    for query in islice(questions(seed), asked(count)):
        begun = time.perf_counter()
        ask(query)
        waited.append(time.perf_counter() - begun)
    return waited[-count:]


def contexts(redis_url: str, user: str, seed: int, count: int) -> list[float]:
    """Seconds of each context over the queue, one after the other. Raises: RuntimeError, for a degraded one."""
    with MemoryClient(redis_url, settings=ClientSettings(on_unavailable="raise")) as client:

        def ask(query: str) -> None:
            context = client.context(user, agent_id=AGENT, session_id=SESSION, query=query, timeout=10)
            if context.degraded:
                raise RuntimeError(f"a degraded context: {context.degraded}")

        return timed(ask, seed, count)


async def rate(redis_url: str, user: str, seed: int, count: int) -> float:
    """Contexts a second with several under way at a time."""
    unasked = list(islice(questions(seed), count))
    settings = ClientSettings(on_unavailable="raise")
    async with AsyncMemoryClient(redis_url, settings=settings) as client:

        async def ask_some() -> None:
            while unasked:
                await client.context(user, agent_id=AGENT, session_id=SESSION, query=unasked.pop(), timeout=10)

        begun = time.perf_counter()
        await asyncio.gather(*(ask_some() for _ in range(_AT_ONCE)))
        return count / (time.perf_counter() - begun)
