"""Clients that hold up whoever waits for them: `python -m ops.bench.slow_clients HOST PORT COUNT`.

Every other one sends its body a byte a second; the rest ask for something large and never read the answer. One that is
cut off comes again. It prints a line once all of them are connected.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CONNECTED = "connected"
_PAUSE = 1.0
_SMALL_BUFFER = 4096
_SENT_AT_ONCE = 50
"""Connections that are opened side by side, so that the listener refuses none."""

_NEVER_READ = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
_BYTE_BY_BYTE = (
    b"POST /api/v1/context HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 100000\r\n\r\n"
)


class SlowClients:
    """So many of them, from `stay` on."""

    def __init__(self, host: str, port: int, count: int) -> None:
        self._address = (host, port)
        self._missing = count
        self._opening = asyncio.Semaphore(_SENT_AT_ONCE)
        self._count = count

    async def stay(self) -> None:
        """Stay until the process ends."""
        await asyncio.gather(*(self._again(number % 2 == 0) for number in range(self._count)))

    async def _again(self, writes: bool) -> None:
        first = True
        while True:
            with suppress(OSError):
                async with self._connection() as connection:
                    await self._begin(connection, _BYTE_BY_BYTE if writes else _NEVER_READ, first)
                    first = False
                    while True:
                        await asyncio.sleep(_PAUSE)
                        if writes:
                            await asyncio.get_running_loop().sock_sendall(connection, b" ")
            await asyncio.sleep(_PAUSE)

    async def _begin(self, connection: socket.socket, request: bytes, first: bool) -> None:
        loop = asyncio.get_running_loop()
        async with self._opening:
            await loop.sock_connect(connection, self._address)
            await loop.sock_sendall(connection, request)
        if first:
            self._missing -= 1
            if not self._missing:
                print(CONNECTED, flush=True)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[socket.socket]:
        with socket.socket() as connection:
            # Else the system would take the answer in, and the server would be rid of it.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
            connection.setblocking(False)
            yield connection


if __name__ == "__main__":
    asyncio.run(SlowClients(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])).stay())
