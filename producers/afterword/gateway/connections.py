"""Connections: bounds on what comes before and between bodies, which the server itself lets grow without end."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD_BYTES: Final = 64 * 1024
"""Of a request line with its headers: four times the longest token that is taken. The last part that came is on top."""

MOST_FRAMES: Final = 8
"""Bytes around each byte of a body that comes in chunks: one of a byte has 5, and its size may have leading zeros."""


class BoundedConnection(HttpToolsProtocol):
    """A connection that is ended when a head grows too large, or does not come in time.

    Nobody is asked yet who they are when a head comes. So anybody could make the gateway keep headers until its memory
    ends, and connections that say nothing until it can take no more of them.
    """

    def __init__(self, *args: Any, seconds: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._seconds = seconds
        self._came = self._body = 0
        self._has_body = True
        self._ending: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._has_come()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._came += len(data)
        super().data_received(data)
        # Headers, trailers, and what stands between the chunks of a body.
        if self._came > MOST_HEAD_BYTES + MOST_FRAMES * self._body and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._came = self._body = 0
        self._has_body = False
        self._await_head()

    def on_headers_complete(self) -> None:
        self._has_come()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._has_body = True
        self._has_come()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # Answered already, such as with 401: the rest of the body is nobody's to read, and ends the connection if late.
        if not self._has_body:
            self._await_head()

    def _await_head(self) -> None:
        if self._ending is None:
            self._ending = self.loop.call_later(self._seconds, self.transport.close)

    def _has_come(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None


def bounded(seconds: float) -> type[asyncio.Protocol]:
    """The connections of a server, each with so many seconds for a head."""
    return cast(type[asyncio.Protocol], partial(BoundedConnection, seconds=seconds))
