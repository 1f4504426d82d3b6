"""The line of a client to Redis, which clients of other tenants may share."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import redis
from pydantic import BaseModel

from afterword.producers.asker import Asker
from afterword.producers.backoff import Backoff
from afterword.producers.calls import Call
from afterword.producers.context import Context, away, unanswered, unavailable
from afterword.producers.links import Links
from afterword.producers.process import in_child
from afterword.producers.publisher import Publisher
from afterword.producers.respite import Respite, paused
from afterword.producers.server_time import ServerTime
from afterword.producers.settings import ClientSettings
from afterword.schemas.context import ContextReply
from afterword.schemas.errors import AfterwordError

A = TypeVar("A", bound=BaseModel)


class SharedLine:
    """Connections, the outbox with its thread, and the respite. Safe between threads and across forks.

    Nothing is connected before it is needed. Raises: InvalidInput, when the URL is not one of Redis's.
    """

    publisher: Publisher

    def __init__(self, redis_url: str, settings: ClientSettings, clock: Callable[[], float]) -> None:
        self._redis_url = redis_url
        self._settings = settings
        self._clock = clock
        self._open()
        # A forked child shares its parent's sockets and has none of its threads: it opens its own.
        in_child(self, SharedLine._open)

    def _open(self) -> None:
        links = Links(self._redis_url)
        self.publisher = Publisher(links, self._settings)
        self._asker = Asker(links, ServerTime(self._clock))
        self._respite = Respite(backoff=Backoff(longest=self._settings.pause_seconds))

    def recall(self, call: Call[ContextReply], timeout: float) -> Context:
        """The context asked for; without an answer, an empty one or an error, as the settings say."""
        started = time.monotonic()
        # A prompt does not wait for a Redis that failed a moment ago: the background thread tries it.
        if not self.publisher.available:
            return unanswered(away(), self._settings.on_unavailable)
        if not self._respite.may_ask(timeout):
            return unanswered(paused(), self._settings.on_unavailable)
        try:
            reply = self._asker.ask(call, timeout)
        except (AfterwordError, redis.RedisError) as error:
            self._respite.note_failure(error, started)
            # A ResponseError is an answer of Redis: publishing goes on.
            if isinstance(error, redis.ConnectionError | redis.TimeoutError):
                self.publisher.note_failure(error)
            return unanswered(error, self._settings.on_unavailable)
        self._respite.note_answer()
        return Context.of(reply, (time.monotonic() - started) * 1000)

    def ask(self, call: Call[A], timeout: float) -> A:
        """The answer to a command. Raises: CommandFailed, MemoryUnavailable."""
        try:
            # Without the respite: whoever gives a command waits for its answer, no prompt is held up.
            return self._asker.ask(call, timeout)
        except redis.RedisError as error:
            raise unavailable(error) from error
