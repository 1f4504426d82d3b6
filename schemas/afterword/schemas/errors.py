"""The errors of Afterword, one small tree.

AfterwordError
├── InvalidInput          what the caller gave breaks the contract (also a ValueError); once named InvalidEvent
├── UnsupportedVersion    written by a newer contract than this one reads
├── MemoryUnavailable     no answer in time, or no Redis
├── CommandFailed         a memory command was answered with an error
└── workers add their own in afterword.workers.core.errors
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from afterword.schemas.printable import printable

_SHOWN = 80


def shortened(value: object, limit: int = _SHOWN) -> str:
    """`repr` of a value, cut to `limit` characters, so that an error never repeats a whole transcript."""
    text = _repr(value)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


def described(value: object) -> str:
    """The type and size of a value, never its content: the text of a message has no business in a log."""
    match value:
        case None | bool() | int() | float():
            return _repr(value)
        case str():
            return f"a text of {len(value)} characters"
        case list() | tuple():
            return f"a list of {len(value)}"
        case dict():
            return f"an object of {len(value)} fields"
    return type(value).__name__


def _repr(value: object) -> str:
    try:
        return repr(value)
    except ValueError:
        # Python writes no number of more than 4,300 digits.
        return f"a {type(value).__name__} too long to be shown"


class AfterwordError(Exception):
    """Base of everything Afterword raises on purpose."""


class InvalidInput(AfterwordError, ValueError):
    """The caller's data breaks the contract: an event, a request, a setting, a URL or a cursor.

    The message names the field, what it got, and the mend.

    >>> raise InvalidInput("limit", "0", "must be at least 1")
    Traceback (most recent call last):
    afterword.schemas.errors.InvalidInput: limit: must be at least 1 (got 0)
    """

    def __init__(self, field: str, got: str, mend: str) -> None:
        # A field may have any name that JSON has: with half a character, which no reply could be sent with, or with one
        # that steers a terminal.
        field, got, mend = (printable(text) for text in (field, got, mend))
        super().__init__(f"{field}: {mend} (got {got})")
        self.field = field
        self.got = got
        self.mend = mend

    @classmethod
    def from_validation(cls, error: ValidationError) -> InvalidInput:
        """The first problem that pydantic found, as one sentence: the field, the mend, the type of the value."""
        problem: Any = error.errors(include_url=False)[0]
        field = ".".join(str(step) for step in problem["loc"]) or "event"
        if problem["type"] == "missing":
            return cls(field, "nothing", "is required")
        # pydantic puts these words before the message of a validator of ours.
        return cls(field, described(problem["input"]), problem["msg"].removeprefix("Value error, "))

    @classmethod
    def unreadable(cls, field: str, error: Exception) -> InvalidInput:
        """A value of somebody else's class raised an error when it was looked at, as an unbound proxy does."""
        return cls(field, type(error).__name__, "must hold values that can be read: one of them raised an error")


InvalidEvent = InvalidInput
"""An older name of the same class, so that `except InvalidEvent` still catches all that it did."""


class UnsupportedVersion(AfterwordError):
    """The message was written by a newer contract; upgrade the side that reads it."""

    def __init__(self, got: object, supported: int) -> None:
        super().__init__(
            f"version: this Afterword reads contract version {supported}, got {described(got)}; upgrade the workers"
        )


class MemoryUnavailable(AfterwordError):
    """The memory service did not answer in time, or Redis cannot be reached."""


class CommandFailed(AfterwordError):
    """A memory command was answered with an error; `code` is stable, the message is for people.

    `retry_after` is in how many seconds there is room again, when the code is `over_limit`.
    """

    def __init__(self, code: str, message: str, field: str | None = None, *, retry_after: int | None = None) -> None:
        super().__init__(printable(f"{code}: {message}"))
        self.code = code
        self.field = field
        self.retry_after = retry_after
