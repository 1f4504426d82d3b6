"""Problem documents (RFC 9457): an error as JSON that names the field and the mend."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from afterword.gateway.callers import NotAllowed, NotKnown
from afterword.gateway.limits import OverLimit
from afterword.schemas.errors import (
    AfterwordError,
    CommandFailed,
    InvalidInput,
    MemoryUnavailable,
    UnsupportedVersion,
    described,
)
from afterword.schemas.values import encodable

logger = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
RETRY_SECONDS: Final = 1
"""For an answer that did not come: workers that were slow, or restarted, are asked again soon."""

_CODES: Final[Mapping[int, str]] = {
    400: "malformed",
    401: "not_known",
    403: "denied",
    404: "not_found",
    405: "not_allowed",
    408: "too_slow",
    413: "too_large",
    415: "malformed",
    422: "invalid",
    429: "too_many",
    500: "internal",
    501: "unsupported",
    503: "unavailable",
}
_OF_CODE: Final = {"invalid": 422, "denied": 403, "not_found": 404, "over_limit": 429, "unavailable": 503}
"""The status for the code of a command's error. An unknown one is a fault of ours: 500."""


class Problem(BaseModel):
    """A problem document. `code` is stable, `detail` is for people, `field` names what has to be mended."""

    type: str = Field("about:blank", examples=["about:blank"])
    title: str = Field(examples=["Unprocessable Entity"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["must be at least 1"])
    code: str = Field(examples=["invalid"])
    field: str | None = Field(None, examples=["limit"])


class Refused(AfterwordError):
    """A request that is answered with a problem of this status."""

    def __init__(self, status: int, detail: str, *, field: str | None = None, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.problem = problem(status, detail, field=field)
        self.retry_after = retry_after


def problem(status: int, detail: str, *, field: str | None = None) -> Problem:
    """A problem of this status.

    >>> problem(404, "there is no such memory").title
    'Not Found'
    """
    code = _CODES.get(status, "internal" if status >= 500 else "invalid")
    title = HTTPStatus(status).phrase
    # A field may have any name that JSON has: also one with half a character, which cannot be sent.
    told = None if field is None else encodable(field)
    return Problem(type="about:blank", title=title, status=status, detail=encodable(detail), code=code, field=told)


def problem_of(error: AfterwordError) -> Problem:
    """The problem that an error of ours is told as.

    >>> problem_of(InvalidInput("limit", "0", "must be at least 1")).field
    'limit'
    """
    match error:
        case Refused():
            return error.problem
        case InvalidInput():
            return problem(422, error.mend, field=error.field)
        case UnsupportedVersion():
            return problem(422, str(error), field="version")
        case OverLimit():
            return problem(429, str(error))
        case NotKnown():
            return problem(401, str(error))
        case NotAllowed():
            return problem(403, str(error))
        case MemoryUnavailable():
            # Without its own words, which may name the host of Redis.
            return problem(503, "the memory service does not answer now")
        case CommandFailed():
            told = str(error).removeprefix(f"{error.code}: ")
            return problem(_OF_CODE.get(error.code, 500), told, field=error.field)
    return problem(500, "something went wrong here")


def response_of(found: Problem, headers: Mapping[str, str] | None = None, *, retry_after: int | None = None) -> Any:
    """The response that tells a problem."""
    told = dict(headers or {})
    if found.status in (429, 503):
        told["Retry-After"] = str(retry_after or RETRY_SECONDS)
    if found.status == 401:
        told["WWW-Authenticate"] = "Bearer"
    body = found.model_dump(exclude_none=True)
    return JSONResponse(body, found.status, told, media_type=MEDIA_TYPE)


def tell_problems(app: FastAPI) -> None:
    """Let every error of this application be answered by a problem document."""
    app.add_exception_handler(AfterwordError, _on_ours)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)


async def _on_ours(_: Request, error: Exception) -> Any:
    assert isinstance(error, AfterwordError)
    retry_after = error.retry_after if isinstance(error, Refused | OverLimit | CommandFailed) else None
    found = problem_of(error)
    if found.status == 500:
        logger.error("a request failed: %s", type(error).__name__)
    return response_of(found, retry_after=retry_after)


async def _on_invalid(_: Request, error: Exception) -> Any:
    assert isinstance(error, RequestValidationError)
    return response_of(problem_of_validation(error))


def problem_of_validation(error: RequestValidationError) -> Problem:
    """The first of the problems that FastAPI found with a request."""
    found = error.errors()[0]
    # Where it stood (`body`, `query`) is no part of its name.
    field = ".".join(str(step) for step in found["loc"][1:]) or None
    match found["type"]:
        case "json_invalid":
            return problem(400, "the body must be JSON")
        case "missing":
            return problem(422, "is required", field=field or "body")
        case "extra_forbidden":
            return problem(422, "is no field of this request: check the spelling", field=field)
    mend = str(found["msg"]).removeprefix("Value error, ")
    return problem(422, f"{mend} (got {described(found.get('input'))})", field=field)


async def _on_http(_: Request, error: Exception) -> Any:
    assert isinstance(error, HTTPException)
    detail = {404: "there is nothing at this address", 405: "this address takes other methods"}
    headers = error.headers if error.status_code == 405 else None
    return response_of(problem(error.status_code, detail.get(error.status_code, str(error.detail))), headers)
