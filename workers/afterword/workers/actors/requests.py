"""Requests: decoded, run, and answered once, with a result or an error. For the actors whose callers wait."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import redis
from pydantic import BaseModel

from afterword.schemas import AfterwordError, ErrorBody, InvalidInput, Reply, UnsupportedVersion
from afterword.schemas.context import DEADLINES_END_MS, Request
from afterword.schemas.values import MAX_ID_LENGTH, encodable
from afterword.schemas.wire import REPLY_PREFIX, REPLY_TTL_MS
from afterword.workers.actors.answer_times import AnswerTimes
from afterword.workers.broker import ServerClock
from afterword.workers.core.errors import Denied, LedgerRefused, LimitReached, NotFound, StoreUnavailable

logger = logging.getLogger(__name__)

_R = TypeVar("_R", bound=Request)
_SENDING = 0.005
"""Seconds that a reply needs to reach its caller."""

_LONGEST = 3_600.0
"""A caller may wait longer, but no wait of ours does: the system refuses waits of thousands of years."""
_FETCHING_MS = 1_000
"""How long a reply outlives its deadline: a caller whose time has just run out may still look."""


class Responder:
    """Decodes requests, drops those that nobody waits for any more, and replies to the rest. Thread-safe.

    >>> responder = Responder(broker.client, broker.clock)  # doctest: +SKIP
    >>> responder.answer(body, ContextRequest.parse, run)  # doctest: +SKIP
    'ok'
    """

    def __init__(self, client: redis.Redis, clock: ServerClock) -> None:
        self.times = AnswerTimes()
        """The times that answers need. Whoever answers requests that may be dropped early notes them here."""
        self._client = client
        self._clock = clock

    def answer(
        self, body: Any, parse: Callable[[Any], _R], run: Callable[[_R], BaseModel], *, asked_ms: int | None = None
    ) -> str:
        """Run a request and send its reply. Returns the outcome: `ok`, `expired`, or the code of the error.

        With `asked_ms`, when it was asked in Redis's time, it is also dropped if less time is left than answers need.
        Every failure is answered. An error that is not one of ours is then raised again.
        """
        if self._is_hopeless(body, asked_ms):
            return "expired"
        try:
            request = parse(body)
        except (InvalidInput, UnsupportedVersion) as error:
            self._refuse(body, error)
            return "invalid"
        if self._is_late(request):
            return "expired"
        reply = self._run(request, run)
        self._send(request, reply)
        return reply.error.code if reply.error else "ok"

    def seconds_left(self, request: Request) -> float | None:
        """Seconds until the caller stops waiting, less those to send the reply; None if it waits without a limit."""
        if request.deadline_ms is None:
            return None
        try:
            left = (request.deadline_ms - self._clock.now_ms()) / 1000 - _SENDING
        except redis.RedisError:
            return None
        return min(max(0.0, left), _LONGEST)

    def _is_late(self, request: Request) -> bool:
        """Whether the caller has stopped waiting. While Redis cannot tell the time, it may still wait."""
        if request.deadline_ms is None:
            return False
        try:
            return request.deadline_ms < self._clock.now_ms()
        except redis.RedisError:
            return False

    def _is_hopeless(self, body: Any, asked_ms: int | None) -> bool:
        """Whether the time left is less than an answer needs. This is asked before the request is read: under load most
        of the work would be for askers who are gone when the answer comes.

        A request that was made just now is always tried, however slow the last answers were. Its answer leaves out
        what takes too long; and if none were tried, nobody would see that answers have become quick again.
        """
        deadline_ms = body.get("deadline_ms") if isinstance(body, dict) else None
        # A number that the contract refuses may be too large to be divided: whoever sent it is told so.
        if asked_ms is None or not isinstance(deadline_ms, int) or not 0 <= deadline_ms < DEADLINES_END_MS:
            return False
        patience = (deadline_ms - asked_ms) / 1000
        try:
            left = (deadline_ms - self._clock.now_ms()) / 1000
        except redis.RedisError:
            return False
        return left < min(self.times.expected + _SENDING, patience / 2)

    def _run(self, request: _R, run: Callable[[_R], BaseModel]) -> Reply:
        try:
            result = run(request)
        except AfterwordError as error:
            return Reply(request_id=request.request_id, ok=False, error=error_body(error))
        # Whatever was raised, the caller is answered first; then it goes on to Dramatiq.
        except BaseException:
            internal = ErrorBody(code="internal", message="the worker failed; its log says why")
            self._send(request, Reply(request_id=request.request_id, ok=False, error=internal))
            raise
        return Reply(request_id=request.request_id, ok=True, result=result)

    def _send(self, request: Request, reply: Reply) -> None:
        """Send a reply. Redis removes it soon after its asker has stopped waiting."""
        left = self.seconds_left(request)
        ttl_ms = REPLY_TTL_MS if left is None else min(round(1000 * left) + _FETCHING_MS, REPLY_TTL_MS)
        self._push(request.reply_to, reply, ttl_ms)

    def _push(self, reply_to: str, reply: Reply, ttl_ms: int) -> None:
        """Push a reply to the list that its request names. Redis removes it when nobody takes it."""
        try:
            # In one transaction: a reply without a time to live would stay for ever.
            with self._client.pipeline(transaction=True) as pipe:
                pipe.rpush(reply_to, reply.model_dump_json(exclude_none=True).encode())
                pipe.pexpire(reply_to, ttl_ms)
                pipe.execute()
        except redis.RedisError as error:
            # Without Redis there is nobody to answer: the caller's own deadline ends its wait.
            logger.warning("a reply could not be sent: %s", type(error).__name__)

    def _refuse(self, body: Any, error: AfterwordError) -> None:
        """Answer a request that could not be read, if it says to whom."""
        if not isinstance(body, dict):
            return
        reply_to, request_id = body.get("reply_to"), body.get("request_id")
        # The request is not checked: without this it could make a worker write to any key, or to one without a name.
        if isinstance(reply_to, str) and reply_to.startswith(REPLY_PREFIX) and reply_to.isprintable():
            told = encodable(str(request_id))[:MAX_ID_LENGTH] if isinstance(request_id, str | int) else ""
            reply = Reply(request_id=told, ok=False, error=error_body(error))
            self._push(reply_to, reply, REPLY_TTL_MS)


def error_body(error: AfterwordError) -> ErrorBody:
    """The error as it is sent over the wire."""
    match error:
        case InvalidInput():
            # A field may have its name from the request, where half of a surrogate pair may stand.
            return ErrorBody(code="invalid", message=encodable(str(error)), field=encodable(error.field))
        case UnsupportedVersion():
            return ErrorBody(code="invalid", message=str(error), field="version")
        case LedgerRefused():
            return ErrorBody(code="invalid", message=str(error))
        case Denied():
            return ErrorBody(code="denied", message=str(error))
        case LimitReached():
            return ErrorBody(code="over_limit", message=str(error), retry_after=error.retry_after)
        case NotFound():
            return ErrorBody(code="not_found", message=str(error))
        case StoreUnavailable():
            return ErrorBody(code="unavailable", message=str(error))
        case _:
            return ErrorBody(code="unavailable", message=f"{type(error).__name__}: {error}")
