"""Asking the workers from an event loop."""

from __future__ import annotations

import time
from typing import Any, TypeVar

import redis
from pydantic import BaseModel

from afterword.producers.aio.links import AsyncLink, AsyncLinks, until
from afterword.producers.questions import GRACE_SECONDS, Question, asking, no_answer
from afterword.producers.redis_clock import RedisClock

A = TypeVar("A", bound=BaseModel)


class AsyncAsker:
    """The twin of `Asker`."""

    def __init__(self, links: AsyncLinks, clock: RedisClock) -> None:
        self._links = links
        self._clock = clock

    async def ask(self, question: Question[A], timeout: float) -> A:
        """The answer, waited for at most `timeout` seconds.

        Raises:
            CommandFailed: it is an error.
            MemoryUnavailable: no worker answered in time.
            redis.RedisError: Redis did not.
        """
        deadline = time.monotonic() + timeout
        async with self._links.borrow(await self._links.take(deadline)) as link:
            popped = await self._exchange(link, question, deadline)
        if popped is None:
            raise no_answer()
        return question.read(popped[1])

    async def _exchange(self, link: AsyncLink, question: Question[Any], deadline: float) -> Any:
        async with until(deadline):
            if not self._clock.known:
                await link.write([("TIME",)])
                self._clock.observe(await link.read("TIME"))
            seconds = deadline - time.monotonic()
            enqueue = question.due(self._clock.after(seconds)).enqueue(self._clock.after(0))
            await link.write(asking(enqueue, question.await_reply(seconds)))
            await link.read_transaction(enqueue)
            self._clock.observe(await link.read("TIME"))
        try:
            async with until(deadline + GRACE_SECONDS):
                return await link.read("BLPOP")
        except redis.TimeoutError:  # Redis took the question; the pop still pending is closed with its connection
            raise no_answer() from None
