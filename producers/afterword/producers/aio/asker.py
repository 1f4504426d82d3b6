"""Asking the workers from an event loop."""

from __future__ import annotations

import time
from typing import Any, TypeVar

import redis
from pydantic import BaseModel

from afterword.producers.aio.links import AsyncLink, AsyncLinks, until
from afterword.producers.calls import GRACE_SECONDS, Call, no_answer, round_trip
from afterword.producers.server_time import ServerTime

A = TypeVar("A", bound=BaseModel)


class AsyncAsker:
    """The twin of `Asker`."""

    def __init__(self, links: AsyncLinks, clock: ServerTime) -> None:
        self._links = links
        self._clock = clock

    async def ask(self, call: Call[A], timeout: float) -> A:
        """The answer, waited for at most `timeout` seconds.

        Raises:
            CommandFailed: the answer is an error.
            MemoryUnavailable: no worker answered in time.
            redis.RedisError: Redis did not answer, or refused.
        """
        deadline = time.monotonic() + timeout
        async with self._links.borrow(await self._links.take(deadline)) as link:
            popped = await self._exchange(link, call, deadline)
        if popped is None:
            raise no_answer()
        return call.read(popped[1])

    async def _exchange(self, link: AsyncLink, call: Call[Any], deadline: float) -> Any:
        async with until(deadline):
            # On a client's first call only: later calls read the time beside their own reply.
            if not self._clock.known:
                await link.write([("TIME",)])
                self._clock.observe(await link.read("TIME"))
            # Read once: the workers' deadline and the wait in Redis must end together.
            seconds = deadline - time.monotonic()
            enqueue = call.due(self._clock.after(seconds)).enqueue(self._clock.after(0))
            await link.write(round_trip(enqueue, call.await_reply(seconds)))
            await link.read_transaction(enqueue)
            self._clock.observe(await link.read("TIME"))
        try:
            async with until(deadline + GRACE_SECONDS):
                return await link.read("BLPOP")
        except redis.TimeoutError:  # Redis took the call; the pop still pending is closed with its connection
            raise no_answer() from None
