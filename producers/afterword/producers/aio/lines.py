"""The lines of an asynchronous client to Redis: one for each event loop that uses it."""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import redis
from pydantic import BaseModel

from afterword.producers.aio.asker import AsyncAsker
from afterword.producers.aio.links import AsyncLinks
from afterword.producers.aio.publisher import AsyncPublisher
from afterword.producers.backoff import Backoff
from afterword.producers.calls import Call
from afterword.producers.context import Context, away, unanswered, unavailable
from afterword.producers.farewell import send_rest
from afterword.producers.links import Links
from afterword.producers.process import at_exit, in_child
from afterword.producers.publish_state import PublishState
from afterword.producers.respite import Respite, paused
from afterword.producers.server_time import ServerTime
from afterword.producers.settings import ClientSettings
from afterword.producers.stats import Stats, total
from afterword.schemas.context import ContextReply
from afterword.schemas.errors import AfterwordError

A = TypeVar("A", bound=BaseModel)


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
    """Opens a line for each loop, which clients of other tenants may share.

    Safe between threads, since each line is used by its own loop alone, and across forks.

    Raises:
        InvalidInput: the URL is not one of Redis's.
    """

    def __init__(self, redis_url: str, settings: ClientSettings, clock: Callable[[], float]) -> None:
        self._redis_url = redis_url
        self._settings = settings
        self._clock = clock
        # Also refuses a malformed URL now, and not at the first call.
        self._user = Links(redis_url).user
        self._open()
        # A forked child shares its parent's sockets: it opens its own.
        in_child(self, Lines._open)

    def _open(self) -> None:
        self._lock = threading.Lock()
        self._lines: list[LoopLine] = []
        self._free: list[PublishState] = []
        self._respite = Respite(backoff=Backoff(longest=self._settings.pause_seconds))
        # Here, so that a forked child registers as well: what a parent registered acts in the parent only.
        at_exit(self, Lines._exit)

    def _exit(self) -> None:
        deadline = time.monotonic() + self._settings.exit_seconds
        for state in self.states():
            # No event loop runs any more: blocking sockets send what is left.
            send_rest(Links(self._redis_url), state, max(deadline - time.monotonic(), 0))

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

    async def recall(self, call: Call[ContextReply], timeout: float) -> Context:
        """The context asked for; without an answer, an empty one or an error, as the settings say."""
        started = time.monotonic()
        line = self.current()
        # A prompt does not wait for a Redis that failed a moment ago: the background task tries it.
        if line.state.failing:
            return unanswered(away(), self._settings.on_unavailable)
        if not self._respite.may_ask(timeout):
            return unanswered(paused(), self._settings.on_unavailable)
        try:
            reply = await line.asker.ask(call, timeout)
        except (AfterwordError, redis.RedisError) as error:
            self._respite.note_failure(error, started)
            if isinstance(error, redis.ConnectionError | redis.TimeoutError):
                line.publisher.note_failure(error)
            return unanswered(error, self._settings.on_unavailable)
        self._respite.note_answer()
        return Context.of(reply, (time.monotonic() - started) * 1000)

    async def ask(self, call: Call[A], timeout: float) -> A:
        """The answer to a command. Raises: CommandFailed, MemoryUnavailable."""
        try:
            return await self.current().asker.ask(call, timeout)
        except redis.RedisError as error:
            raise unavailable(error) from error

    def states(self) -> list[PublishState]:
        """The states of all lines, past ones included."""
        with self._lock:
            return [*(line.state for line in self._lines), *self._free]

    def stats(self) -> Stats:
        """The stats of all lines, past ones included, added up."""
        return total([state.stats() for state in self.states() or [self._open_state()]])

    def _open_state(self) -> PublishState:
        return PublishState(self._settings, user=self._user)

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
