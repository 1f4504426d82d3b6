"""The small constrained values that every message of the contract is made of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from pydantic import BaseModel as _BaseModel

VERSION: Literal[1] = 1
"""The version of the contract. A reader refuses any other; new optional fields do not raise it."""

DEFAULT_TENANT = "default"
MAX_ID_LENGTH = 256
MAX_CLOCK_AHEAD = timedelta(days=1)

Scalar = str | int | float | bool | None
Metadata = dict[str, Scalar]
"""Flat JSON: what can be filtered on in a vector store."""


class Scope(StrEnum):
    """Whose memory it is: the person's, the agent's (shared across its users), or one thread's."""

    USER = "user"
    AGENT = "agent"
    SESSION = "session"


class Kind(StrEnum):
    """How a memory came to be: extracted by the LLM, kept verbatim, or added by hand."""

    FACT = "fact"
    EXCERPT = "excerpt"
    NOTE = "note"


class Model(_BaseModel):
    """Frozen; unknown fields are ignored, so that older readers accept newer writers."""

    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=False)


def _check_id(value: str) -> str:
    if not 1 <= len(value) <= MAX_ID_LENGTH or not value.isprintable() or value.isspace():
        raise ValueError(f"must be 1 to {MAX_ID_LENGTH} printable characters")
    return value


def _as_id(value: Any) -> Any:
    # Platforms often hold ids as UUID objects or integers; their text form is unambiguous.
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return str(value) if type(value).__name__ == "UUID" else value


Id = Annotated[str, BeforeValidator(_as_id), AfterValidator(_check_id)]


def _refuse_numbers(value: Any) -> Any:
    if isinstance(value, int | float):
        raise ValueError("must be an ISO 8601 time with an offset, such as 2026-05-01T12:00:00Z")
    return value


def _check_time(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("must carry a time zone: use datetime.now(UTC) or an ISO time ending in Z")
    if value - datetime.now(UTC) > MAX_CLOCK_AHEAD:
        raise ValueError("must not be more than a day ahead of now: check the clock or the unit")
    return value.astimezone(UTC)


Time = Annotated[datetime, BeforeValidator(_refuse_numbers), AfterValidator(_check_time)]
"""An aware time, kept in UTC, at most a day ahead."""

Text = Annotated[str, Field(min_length=1)]
