"""Connections to Redis, each used by one caller at a time, and never waited for beyond a deadline.

Deadlines are seconds of `time.monotonic`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread
from typing import Any

import redis
from redis.connection import parse_url

from afterword.producers.addresses import CONNECT_SECONDS, IDLE_LINKS, Address
from afterword.producers.faults import of_command
from afterword.producers.transactions import RedisCommand, checked, transaction


class Link:
    """One connection. After any error it is of no more use: close it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def write(self, commands: Sequence[RedisCommand], deadline: float) -> None:
        """Send all of them in one write. Raises: redis.RedisError."""
        packed = b"".join(self._connection.pack_commands(commands))
        self._bound(deadline)
        self._connection.send_packed_command([packed], check_health=False)

    def read(self, command: str, deadline: float) -> Any:
        """The next reply, which is to `command`. Raises: redis.RedisError."""
        self._bound(deadline)
        return self._reply(command)

    def read_transaction(self, commands: Sequence[RedisCommand], deadline: float) -> None:
        """The replies to `transaction(commands)`. Raises: redis.RedisError, unless all of them had their effect."""
        self._bound(deadline)  # once: Redis sends these replies together
        for command in transaction(commands)[:-1]:
            self._reply(command[0])
        checked(commands, self._reply("EXEC"))

    @property
    def fresh(self) -> bool:
        """Nothing is left to read, and the server has not hung up."""
        try:
            return not self._connection.can_read(0)
        except (redis.RedisError, OSError):
            return False

    def close(self) -> None:
        """Hang up."""
        self._connection.disconnect()

    def _reply(self, command: str) -> Any:
        try:
            return self._connection.read_response()
        except redis.ResponseError as error:
            raise of_command(error, command) from None

    def _bound(self, deadline: float) -> None:
        # redis-py knows one timeout for the life of a connection; ours is what is left of this call.
        # Never 0, which would make the socket non-blocking.
        self._connection._sock.settimeout(max(deadline - time.monotonic(), 0.001))


class Links:
    """The connections of one client. Safe between threads, not across a fork: the child makes its own."""

    def __init__(self, url: str) -> None:
        self._address = Address(url, parse_url)
        self._idle: list[Link] = []  # append and pop are atomic

    @property
    def user(self) -> str:
        """The Redis user we are."""
        return self._address.user

    def idle(self) -> Link | None:
        """A connection that stands ready; None when none does."""
        while self._idle:
            try:
                link = self._idle.pop()
            except IndexError:  # another thread was faster
                return None
            if link.fresh:
                return link
            link.close()
        return None

    def connect(self, seconds: float = CONNECT_SECONDS) -> Link:
        """A new connection, made in this thread. Raises: redis.RedisError."""
        connection = self._address.connection(redis.Connection, seconds=seconds)
        try:
            connection.connect()
        except UnicodeError as error:  # a host name that cannot be looked up
            raise redis.ConnectionError(str(error)) from None
        return Link(connection)

    def take(self, deadline: float) -> Link:
        """A connection, made where none stands ready. Raises: redis.RedisError.

        It is made in a thread of its own, because looking a name up and shaking hands know no common deadline.
        """
        link = self.idle()
        if link is not None:
            return link
        attempt: Future[Link] = Future()
        try:
            Thread(target=self._fulfil, args=(attempt,), name="afterword-connect", daemon=True).start()
        except RuntimeError as error:  # no thread is to be had
            raise redis.ConnectionError(str(error)) from None
        try:
            return attempt.result(max(deadline - time.monotonic(), 0))
        except TimeoutError:
            if attempt.cancel():
                raise redis.TimeoutError("Timeout connecting to server") from None
            return attempt.result()  # it came at the last moment

    @contextmanager
    def borrow(self, link: Link) -> Iterator[Link]:
        """Use a connection; it stands ready again afterwards, unless anything went wrong."""
        try:
            yield link
        except BaseException:
            link.close()
            raise
        self.give(link)

    def give(self, link: Link) -> None:
        """This connection is ready for the next caller."""
        if len(self._idle) < IDLE_LINKS:
            self._idle.append(link)
        else:
            link.close()

    def close(self) -> None:
        """Hang up on all that stand ready."""
        while self._idle:
            self._idle.pop().close()

    def _fulfil(self, attempt: Future[Link]) -> None:
        try:
            link = self.connect()
        except redis.RedisError as error:
            if attempt.set_running_or_notify_cancel():
                attempt.set_exception(error)
            return
        if attempt.set_running_or_notify_cancel():
            attempt.set_result(link)
        else:
            self.give(link)  # nobody waits any more: it serves the next caller
