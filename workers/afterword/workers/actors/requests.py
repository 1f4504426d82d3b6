"""What the actors that answer have in common: a request is answered once, with a result or an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import redis
from pydantic import BaseModel

from afterword.schemas import AfterwordError, ErrorBody, InvalidInput, Reply, UnsupportedVersion
from afterword.schemas.context import Request
from afterword.schemas.wire import REPLY_PREFIX
from afterword.workers.actors.replies import Replies
from afterword.workers.broker.clock import RedisClock
from afterword.workers.core.errors import Denied, NotFound, StoreUnavailable

_R = TypeVar("_R", bound=Request)
_SENDING = 0.005


class Answering:
    """Decodes requests, drops those that nobody waits for any more, and answers the rest."""

    def __init__(self, replies: Replies, clock: RedisClock) -> None:
        self._replies = replies
        self._clock = clock

    def answer(self, body: Any, parse: Callable[[Any], _R], run: Callable[[_R], BaseModel]) -> str:
        """Run a request and send its reply. Returns the outcome: `ok`, `expired`, or the code of the error.

        Whatever goes wrong is answered; what is not one of our errors is raised after that.
        """
        try:
            request = parse(body)
        except (InvalidInput, UnsupportedVersion) as error:
            self._refuse(body, error)
            return "invalid"
        if self._is_late(request):
            return "expired"
        reply = self._run(request, run)
        self._replies.send(request.reply_to, reply)
        return reply.error.code if reply.error else "ok"

    def seconds_left(self, request: Request) -> float | None:
        """How long the asker still waits, less what sending the reply takes; None: as long as it takes."""
        if request.deadline_ms is None:
            return None
        try:
            return max(0.0, (request.deadline_ms - self._clock.now_ms()) / 1000 - _SENDING)
        except redis.RedisError:
            return None

    def _is_late(self, request: Request) -> bool:
        """Whether nobody waits any more; when Redis cannot tell the time, somebody may."""
        if request.deadline_ms is None:
            return False
        try:
            return request.deadline_ms < self._clock.now_ms()
        except redis.RedisError:
            return False

    def _run(self, request: _R, run: Callable[[_R], BaseModel]) -> Reply:
        try:
            result = run(request)
        except AfterwordError as error:
            return Reply(request_id=request.request_id, ok=False, error=error_body(error))
        except BaseException:
            internal = ErrorBody(code="internal", message="the worker failed; its log says why")
            self._replies.send(request.reply_to, Reply(request_id=request.request_id, ok=False, error=internal))
            raise
        return Reply(request_id=request.request_id, ok=True, result=result)

    def _refuse(self, body: Any, error: AfterwordError) -> None:
        """Answer a request that could not be read, where it can be read who asks."""
        if not isinstance(body, dict):
            return
        reply_to, request_id = body.get("reply_to"), body.get("request_id")
        if isinstance(reply_to, str) and reply_to.startswith(REPLY_PREFIX):
            self._replies.send(reply_to, Reply(request_id=str(request_id or ""), ok=False, error=error_body(error)))


def error_body(error: AfterwordError) -> ErrorBody:
    """An error as the wire tells it."""
    match error:
        case InvalidInput():
            return ErrorBody(code="invalid", message=str(error), field=error.field)
        case UnsupportedVersion():
            return ErrorBody(code="invalid", message=str(error), field="version")
        case Denied():
            return ErrorBody(code="denied", message=str(error))
        case NotFound():
            return ErrorBody(code="not_found", message=str(error))
        case StoreUnavailable():
            return ErrorBody(code="unavailable", message=str(error))
        case _:
            return ErrorBody(code="unavailable", message=f"{type(error).__name__}: {error}")
