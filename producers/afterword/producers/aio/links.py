"""Connections to Redis on one event loop, each used by one caller at a time.

Deadlines are seconds of `time.monotonic`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import redis
from redis.asyncio import Connection
from redis.asyncio.connection import parse_url

from afterword.producers.addresses import CONNECT_SECONDS, IDLE_LINKS, Address
from afterword.producers.faults import of_command
from afterword.producers.transactions import RedisCommand, checked, transaction


@asynccontextmanager
async def until(deadline: float) -> AsyncIterator[None]:
    """Do this before the deadline. Raises: redis.TimeoutError, at it."""
    try:
        async with asyncio.timeout(max(deadline - time.monotonic(), 0)):
            yield
    except TimeoutError:
        raise redis.TimeoutError("Timeout waiting for server") from None


class AsyncLink:
    """One connection. After any error it is of no more use: close it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def write(self, commands: Sequence[RedisCommand]) -> None:
        """Send all of them in one write. Raises: redis.RedisError."""
        packed = b"".join(self._connection.pack_commands(commands))
        await self._connection.send_packed_command([packed], check_health=False)

    async def read(self, command: str) -> Any:
        """The next reply, which is to `command`. Raises: redis.RedisError."""
        try:
            return await self._connection.read_response()
        except redis.ResponseError as error:
            raise of_command(error, command) from None

    async def read_transaction(self, commands: Sequence[RedisCommand]) -> None:
        """The replies to `transaction(commands)`. Raises: redis.RedisError, unless all of them had their effect."""
        for command in transaction(commands)[:-1]:
            await self.read(command[0])
        checked(commands, await self.read("EXEC"))

    @property
    def fresh(self) -> bool:
        """The server has not hung up."""
        # redis-py tells this only by a coroutine whose name depends on its version.
        reader = self._connection._reader
        return bool(reader and reader.exception() is None and not reader.at_eof())

    async def close(self) -> None:
        """Hang up."""
        # Without waiting for the other end, which may be what hangs.
        await self._connection.disconnect(nowait=True)


class AsyncLinks:
    """The connections of one client on one event loop."""

    def __init__(self, url: str) -> None:
        self._address = Address(url, parse_url)
        self._idle: list[AsyncLink] = []

    async def idle(self) -> AsyncLink | None:
        """A connection that stands ready; None when none does."""
        while self._idle:
            link = self._idle.pop()
            if link.fresh:
                return link
            await link.close()
        return None

    async def connect(self) -> AsyncLink:
        """A new connection. Raises: redis.RedisError."""
        # `until` bounds the handshake as a whole; redis-py's own timeout would bound each step.
        connection = self._address.connection(Connection, seconds=None)
        try:
            async with until(time.monotonic() + CONNECT_SECONDS):
                await connection.connect()
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return AsyncLink(connection)

    async def take(self, deadline: float) -> AsyncLink:
        """A connection, made where none stands ready. Raises: redis.RedisError."""
        async with until(deadline):
            return await self.idle() or await self.connect()

    @asynccontextmanager
    async def borrow(self, link: AsyncLink) -> AsyncIterator[AsyncLink]:
        """Use a connection; it stands ready again afterwards, unless anything went wrong."""
        try:
            yield link
        except BaseException:
            await link.close()
            raise
        if len(self._idle) < IDLE_LINKS:
            self._idle.append(link)
        else:
            await link.close()

    async def close(self) -> None:
        """Hang up on all that stand ready."""
        while self._idle:
            await self._idle.pop().close()
