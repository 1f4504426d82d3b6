"""The lines of an asynchronous client to Redis: one for each event loop that uses it."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass

from afterword.producers.aio.asker import AsyncAsker
from afterword.producers.aio.links import AsyncLinks
from afterword.producers.aio.publisher import AsyncPublisher
from afterword.producers.delivery import Delivery
from afterword.producers.redis_clock import RedisClock
from afterword.producers.stats import Stats, total


@dataclass(frozen=True)
class Line:
    """Everything that belongs to one event loop: its connections, and what it has to deliver."""

    loop: weakref.ref[asyncio.AbstractEventLoop]
    delivery: Delivery
    publisher: AsyncPublisher
    asker: AsyncAsker

    @property
    def over(self) -> bool:
        """Whether its loop will never run again."""
        loop = self.loop()
        return loop is None or loop.is_closed()


class Lines:
    """Opens a line for each loop. Safe between threads: each line is used by its own loop alone."""

    def __init__(self, redis_url: str, *, open_delivery: Callable[[], Delivery], clock: Callable[[], float]) -> None:
        self._redis_url = redis_url
        self._open_delivery = open_delivery
        self._clock = clock
        self._lock = threading.Lock()
        self._lines: list[Line] = []
        self._ended: list[Delivery] = []

    def current(self) -> Line:
        """The line of the running loop. A new one takes over what waits on lines whose loops are over."""
        loop = asyncio.get_running_loop()
        for line in self._lines:
            if line.loop() is loop:
                return line
        with self._lock:
            delivery = self._taken_over() or self._open_delivery()
            links = AsyncLinks(self._redis_url)
            asker = AsyncAsker(links, RedisClock(self._clock))
            line = Line(weakref.ref(loop), delivery, AsyncPublisher(links, delivery), asker)
            self._lines = [*self._lines, line]
            return line

    def deliveries(self) -> list[Delivery]:
        """Of all lines there are and were."""
        with self._lock:
            return [*(line.delivery for line in self._lines), *self._ended]

    def stats(self) -> Stats:
        """Of all lines there are and were, added up."""
        return total([delivery.stats() for delivery in self.deliveries() or [self._open_delivery()]])

    def _taken_over(self) -> Delivery | None:
        over = [line.delivery for line in self._lines if line.over]
        self._lines = [line for line in self._lines if not line.over]
        if not over:
            return None
        first, *others = over
        for other in others:
            first.hold(other.outbox.take_all())
        self._ended += others
        return first
