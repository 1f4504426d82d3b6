"""Guards around the application: bounds on bodies and on requests at once, callers who hang up, and faults."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from afterword.gateway.problems import Problem, problem, response_of

logger = logging.getLogger(__name__)

PROBES: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""They answer however many requests are in work: a gateway that is busy must not be taken for a dead one."""


class _Unread(Exception):
    """A caller does not read what it is sent."""


class Crowd:
    """Tells whoever comes past the bound to come again: a queue in memory would answer them all too late.

    A place is held by work, not by a caller who does not read: a part of an answer that is not taken within `seconds`
    ends the answer.
    """

    def __init__(self, app: ASGIApp, *, most: int, seconds: float) -> None:
        self._app = app
        self._most = most
        self._seconds = seconds
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        if self._inside >= self._most:
            await response_of(problem(503, "too many requests are in work"))(scope, receive, send)
            return
        self._inside += 1
        try:
            await self._app(scope, receive, self._bounded(send))
        except _Unread:
            logger.info("an answer was not read in time")
        finally:
            self._inside -= 1

    def _bounded(self, send: Send) -> Send:
        async def bounded(message: Message) -> None:
            try:
                async with asyncio.timeout(self._seconds):
                    await send(message)
            except TimeoutError:
                raise _Unread from None

        return bounded


class Departures:
    """Ends the work on a request whose caller has hung up. What was sent to the workers has its effect all the same."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visit = _Watched(receive, send)
        working = asyncio.current_task()
        assert working is not None
        if not has_body(scope):
            # Nobody reads a body that is not there: the watch begins at once.
            await visit.receive()
        visit.watch(working)
        try:
            await self._app(scope, visit.receive, visit.send)
        except asyncio.CancelledError:
            # Cancelled by somebody else, such as a server that stops.
            if not visit.departed or working.uncancel():
                raise
            logger.debug("the caller has hung up")
        finally:
            visit.stop()


class _Watched:
    """The two ends of a request; once its body has come, somebody listens for the caller to hang up."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._first: Message | None = None
        self._has_all = False
        self._answered = False
        self._gone = asyncio.Event()
        self._working: asyncio.Task[object] | None = None
        self._watching: asyncio.Task[None] | None = None
        self.departed = False

    async def receive(self) -> Message:
        """The next part of the body; once it has come, word that the caller is gone."""
        if self._first is not None and self._working is not None:
            message, self._first = self._first, None
            return message
        if self._has_all:
            await self._gone.wait()
            return {"type": "http.disconnect"}
        message = await self._receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            self._has_all = True
            if self._working is None:
                # Before the work: kept for whoever asks for the body after all.
                self._first = message
            else:
                self.watch(self._working)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            # What uvicorn tells from here on is no departure.
            self._answered = True
        await self._send(message)

    def watch(self, working: asyncio.Task[object]) -> None:
        """From now on, or from the end of the body, a caller who hangs up ends this task."""
        self._working = working
        if self._has_all and self._watching is None:
            self._watching = asyncio.get_running_loop().create_task(self._listen(working))

    def stop(self) -> None:
        if self._watching is not None:
            self._watching.cancel()

    async def _listen(self, working: asyncio.Task[object]) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone.set()
        if not self._answered:
            self.departed = True
            working.cancel()


def has_body(scope: Scope) -> bool:
    """Whether a request says that it brings a body."""
    return any(name in (b"transfer-encoding", b"content-length") and value != b"0" for name, value in scope["headers"])


class BodyBounds:
    """Refuses a body that is too large, or does not come: nobody holds memory, or a place, for long."""

    def __init__(
        self, app: ASGIApp, *, most_bytes: int, seconds: float, is_batch: Callable[[str], bool], batch_bytes: int
    ) -> None:
        """`is_batch` tells of a path whether bodies may be of `batch_bytes` there, and take `seconds` for each part."""
        self._app = app
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._is_batch = is_batch
        self._batch_bytes = batch_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_batch = self._is_batch(scope["path"])
        most = self._batch_bytes if is_batch else self._most_bytes
        if _told_length(scope) > most:
            await response_of(_too_large(most))(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._seconds
        came, has_all = 0, False

        async def bounded() -> Message:
            nonlocal came, has_all
            # Once the body is there, what comes is word of a caller who hangs up: that may take as long as it takes.
            if has_all:
                return await receive()
            try:
                async with asyncio.timeout_at(loop.time() + self._seconds if is_batch else deadline):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, "the body did not come in time") from None
            has_all = not message.get("more_body", False)
            came += len(message.get("body", b""))
            if came > most:
                raise HTTPException(413, _too_large(most).detail)
            return message

        await self._app(scope, bounded, send)


def _told_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


def _too_large(most: int) -> Problem:
    return problem(413, f"the body must be at most {most} bytes")


class Faults:
    """Answers a request that failed for a reason that nobody expected. Its words may repeat what somebody sent: the log
    tells where it was raised, the caller that it was.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            if scope["type"] != "http" or begun:
                raise
            logger.error("a request failed: %s", type(error).__name__, exc_info=error)
            await response_of(problem(500, "something went wrong here"))(scope, receive, send)
