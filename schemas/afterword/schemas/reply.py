"""The envelope of every reply: an answer or an error, never silence."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import model_validator

from afterword.schemas.errors import CommandFailed
from afterword.schemas.values import VERSION, Model


class ErrorBody(Model):
    """`code` is stable (`invalid`, `denied`, `not_found`, `over_limit`, `unavailable`, `internal`); `message` is for
    people. Over a limit `retry_after` says in how many seconds there is room again.
    """

    code: Literal["invalid", "denied", "not_found", "over_limit", "unavailable", "internal"]
    message: str
    field: str | None = None
    retry_after: int | None = None


class Reply(Model):
    """The message that is pushed to `reply_to`: it holds `result` when ok, `error` otherwise."""

    version: Literal[1] = VERSION
    request_id: str
    ok: bool
    result: Any = None
    error: ErrorBody | None = None

    @model_validator(mode="after")
    def _answer_or_error(self) -> Self:
        if self.ok == (self.error is not None):
            raise ValueError("a reply is ok, or holds an error")
        return self

    def unwrap(self) -> Any:
        """The result. Raises: CommandFailed when the reply is an error."""
        if self.error is not None:
            error = self.error
            raise CommandFailed(error.code, error.message, error.field, retry_after=error.retry_after)
        return self.result
