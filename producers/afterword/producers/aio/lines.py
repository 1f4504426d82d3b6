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
from afterword.producers.publish_state import PublishState
from afterword.producers.server_time import ServerTime
from afterword.producers.stats import Stats, total


@dataclass(frozen=True)
class LoopLine:
    """Everything that belongs to one event loop: its connections, and what it has to deliver."""

    # Weak, so that a client keeps no event loop alive.
    loop: weakref.ref[asyncio.AbstractEventLoop]
    state: PublishState
    publisher: AsyncPublisher
    asker: AsyncAsker

    @property
    def over(self) -> bool:
        """Whether its loop will never run again."""
        loop = self.loop()
        return loop is None or loop.is_closed()


class Lines:
    """Opens a line for each loop. Safe between threads: each line is used by its own loop alone."""

    def __init__(self, redis_url: str, *, open_state: Callable[[], PublishState], clock: Callable[[], float]) -> None:
        self._redis_url = redis_url
        self._open_state = open_state
        self._clock = clock
        self._lock = threading.Lock()
        self._lines: list[LoopLine] = []
        self._free: list[PublishState] = []

    def current(self) -> LoopLine:
        """The line of the running loop. A new one takes over what waits on lines whose loops are over."""
        loop = asyncio.get_running_loop()
        for line in self._lines:
            if line.loop() is loop:
                return line
        with self._lock:
            state = self._taken_over() or self._open_state()
            links = AsyncLinks(self._redis_url)
            asker = AsyncAsker(links, ServerTime(self._clock))
            line = LoopLine(weakref.ref(loop), state, AsyncPublisher(links, state), asker)
            # Replaced, never changed: `current` reads the list without the lock.
            self._lines = [*self._lines, line]
            return line

    def states(self) -> list[PublishState]:
        """The states of all lines, past ones included."""
        with self._lock:
            return [*(line.state for line in self._lines), *self._free]

    def stats(self) -> Stats:
        """The stats of all lines, past ones included, added up."""
        return total([state.stats() for state in self.states() or [self._open_state()]])

    def _taken_over(self) -> PublishState | None:
        """A state whose loop is over, with everything that waits in others of those.

        The others stay at hand, with their counts: so there are never more states than loops that ran at once.
        """
        self._free += [line.state for line in self._lines if line.over]
        self._lines = [line for line in self._lines if not line.over]
        if not self._free:
            return None
        state = self._free.pop()
        for other in self._free:
            state.hold(other.outbox.take_all())
        return state
