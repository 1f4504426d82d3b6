"""Errors as mem0's client reads them: JSON whose `detail` is the message, with a status for each of its exceptions.

It raises `ValidationError` for 400, `AuthenticationError` for 401 and 403, `MemoryNotFoundError` for 404,
`RateLimitError` for 429 and `NetworkError` for 503. The other members are those of our problem documents.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from afterword.gateway.limits import OverLimit
from afterword.gateway.problems import Problem, Refused, problem_of, problem_of_validation, response_of
from afterword.schemas.errors import AfterwordError


class Mem0Route(APIRoute):
    """A route whose errors are mem0's."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                return _told(problem_of_validation(error))
            except AfterwordError as error:
                found = problem_of(error)
                # A fault of ours is logged where all of them are.
                if found.status == 500:
                    raise
                return _told(found, error.retry_after if isinstance(error, Refused | OverLimit) else None)

        return answer


def _told(found: Problem, retry_after: int | None = None) -> Response:
    # mem0's API has no 422. Its field is told in the words as well, since clients show those alone.
    status = 400 if found.status == 422 else found.status
    detail = f"{found.field}: {found.detail}" if found.field else found.detail
    response: Response = response_of(
        found.model_copy(update={"status": status, "detail": detail}), retry_after=retry_after
    )
    # Its client reads `detail` of this type only.
    response.headers["content-type"] = "application/json"
    return response


def not_offered(what: str, instead: str = "") -> Refused:
    """The error for a call of mem0's that has no counterpart here."""
    return Refused(501, f"{what} is not offered by Afterword{f': {instead}' if instead else ''}")


def no_such_memory() -> Refused:
    """The error for a memory that is not there, or is somebody else's: nobody learns which."""
    return Refused(404, "there is no such memory")
