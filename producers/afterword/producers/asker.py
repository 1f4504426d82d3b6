"""Asking the workers and waiting for their reply."""

from __future__ import annotations

import time
from typing import Any, TypeVar

import redis
from pydantic import BaseModel

from afterword.producers.calls import GRACE_SECONDS, Call, no_answer, round_trip
from afterword.producers.links import Link, Links
from afterword.producers.server_time import ServerTime

A = TypeVar("A", bound=BaseModel)


class Asker:
    """Makes one call at a time on a connection of its own: one round trip, and the time that the workers take."""

    def __init__(self, links: Links, clock: ServerTime) -> None:
        self._links = links
        self._clock = clock

    def ask(self, call: Call[A], timeout: float) -> A:
        """The answer, waited for at most `timeout` seconds.

        Raises:
            CommandFailed: the answer is an error.
            MemoryUnavailable: no worker answered in time.
            redis.RedisError: Redis did not answer, or refused.
        """
        deadline = time.monotonic() + timeout
        with self._links.borrow(self._links.take(deadline)) as link:
            popped = self._exchange(link, call, deadline)
        if popped is None:
            raise no_answer()
        return call.read(popped[1])

    def _exchange(self, link: Link, call: Call[Any], deadline: float) -> Any:
        # On a client's first call only: later calls read the time beside their own reply.
        if not self._clock.known:
            link.write([("TIME",)], deadline)
            self._clock.observe(link.read("TIME", deadline))
        # Read once: the workers' deadline and the wait in Redis must end together.
        seconds = deadline - time.monotonic()
        enqueue = call.due(self._clock.after(seconds)).enqueue(self._clock.after(0))
        link.write(round_trip(enqueue, call.await_reply(seconds)), deadline)
        link.read_transaction(enqueue, deadline)
        self._clock.observe(link.read("TIME", deadline))
        try:
            return link.read("BLPOP", deadline + GRACE_SECONDS)
        except redis.TimeoutError:  # Redis took the call; the pop still pending is closed with its connection
            raise no_answer() from None
