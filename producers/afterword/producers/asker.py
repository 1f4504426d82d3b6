"""Asking the workers and waiting for their reply."""

from __future__ import annotations

import time
from typing import Any, TypeVar

import redis
from pydantic import BaseModel

from afterword.producers.links import Link, Links
from afterword.producers.questions import GRACE_SECONDS, Question, asking, no_answer
from afterword.producers.redis_clock import RedisClock

A = TypeVar("A", bound=BaseModel)


class Asker:
    """Asks one question at a time on a connection of its own, in one round trip and the workers' time."""

    def __init__(self, links: Links, clock: RedisClock) -> None:
        self._links = links
        self._clock = clock

    def ask(self, question: Question[A], timeout: float) -> A:
        """The answer, waited for at most `timeout` seconds.

        Raises:
            CommandFailed: it is an error.
            MemoryUnavailable: no worker answered in time.
            redis.RedisError: Redis did not.
        """
        deadline = time.monotonic() + timeout
        with self._links.borrow(self._links.take(deadline)) as link:
            popped = self._exchange(link, question, deadline)
        if popped is None:
            raise no_answer()
        return question.read(popped[1])

    def _exchange(self, link: Link, question: Question[Any], deadline: float) -> Any:
        if not self._clock.known:
            link.write([("TIME",)], deadline)
            self._clock.observe(link.read("TIME", deadline))
        seconds = deadline - time.monotonic()
        enqueue = question.due(self._clock.after(seconds)).enqueue(self._clock.after(0))
        link.write(asking(enqueue, question.await_reply(seconds)), deadline)
        link.read_transaction(enqueue, deadline)
        self._clock.observe(link.read("TIME", deadline))
        try:
            return link.read("BLPOP", deadline + GRACE_SECONDS)
        except redis.TimeoutError:  # Redis took the question; the pop still pending is closed with its connection
            raise no_answer() from None
