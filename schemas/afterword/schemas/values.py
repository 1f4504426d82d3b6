"""The small constrained values that every message of the contract is made of."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from threading import RLock
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from pydantic import BaseModel as _BaseModel
from pydantic.config import JsonDict

from afterword.schemas.zones import with_clock

VERSION: Literal[1] = 1
"""The version of the contract. A reader refuses any other; new optional fields do not raise it."""

DEFAULT_TENANT = "default"
MAX_ID_LENGTH = 256
MAX_ID_BYTES = 512
"""The length of an id in UTF-8. A row of a PostgreSQL index holds 2,704 bytes, and our longest index has four ids."""

MAX_TEXT_BYTES = 64 * 1024
"""The length of a note, or of the question in a request, in UTF-8: some twenty pages."""

MAX_METADATA_BYTES = 16 * 1024
MAX_COUNT = 2**31 - 1
"""The largest number that every store counts to."""

MAX_CLOCK_AHEAD = timedelta(days=1)
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
"""The earliest time at which something may have happened. Every store can hold it, in every time zone."""

Scalar = str | int | float | bool | None
Metadata = dict[str, Scalar]
"""Flat JSON: what can be filtered on in a vector store."""


def encodable(text: str) -> str:
    """The text with a mark for each half of a surrogate pair, which has no UTF-8 form."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _check_scalar(value: Any) -> Any:
    fits = (
        value is None
        or (isinstance(value, str) and is_storable(value))
        or (isinstance(value, int) and -(2**63) <= value < 2**63)
        or (isinstance(value, float) and math.isfinite(value))
    )
    if not fits:
        raise ValueError("must be text, a finite number of 64 bits, true, false or null: metadata is flat")
    return value


def _check_storable(value: str) -> str:
    if not is_storable(value):
        raise ValueError("must be text without NUL and lone surrogates")
    return value


def is_storable(text: str) -> bool:
    """Whether every store can keep it: PostgreSQL keeps neither NUL nor half a surrogate pair."""
    return "\x00" not in text and (text.isascii() or text == text.encode("utf-8", "replace").decode())


def _check_size(metadata: Metadata) -> Metadata:
    if len(json.dumps(metadata, ensure_ascii=False).encode()) > MAX_METADATA_BYTES:
        raise ValueError(f"must be at most {MAX_METADATA_BYTES} bytes as JSON: it is copied onto memories")
    return metadata


GivenMetadata = Annotated[
    dict[Annotated[str, AfterValidator(_check_storable)], Annotated[Scalar, BeforeValidator(_check_scalar)]],
    AfterValidator(_check_size),
]
"""Metadata as it is taken in: what JSON and every store can hold as it is, in bounded size."""


def _check_wanted(value: Any) -> Any:
    if value is None:
        raise ValueError("must be text, a number, true or false: nothing equals null")
    return _check_scalar(value)


def _check_wanted_name(name: str) -> str:
    # A filter of Qdrant names the field by a path, in which these two quote.
    if '"' in name or "\\" in name:
        raise ValueError('must be a name without " and \\: metadata of such a name cannot be asked for')
    return _check_storable(name)


WantedMetadata = dict[
    Annotated[str, AfterValidator(_check_wanted_name)],
    Annotated[str | int | float | bool, BeforeValidator(_check_wanted)],
]
"""Metadata that a memory's own must equal."""


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

    # JSON of other languages may hold NaN and Infinity, which turn every sum into themselves.
    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=False, allow_inf_nan=False)


class LateModel(Model):
    """A model that is built when it is first used, and not when it is imported.

    An agent's process imports every command and uses few. Building them all took a tenth of the import's time.
    """

    model_config = ConfigDict(defer_build=True)

    # pydantic itself lets one thread build while another uses what is half built, up to version 2.13.
    _building: ClassVar[RLock] = RLock()

    @classmethod
    def model_rebuild(cls, *, _parent_namespace_depth: int = 2, **options: Any) -> bool | None:
        """As pydantic does it, one thread after the other."""
        with LateModel._building:
            # One more frame lies between pydantic and its caller.
            return super().model_rebuild(_parent_namespace_depth=_parent_namespace_depth + 1, **options)


def _check_id(value: str) -> str:
    if not 1 <= len(value) <= MAX_ID_LENGTH or not value.isprintable() or value.isspace():
        raise ValueError(f"must be 1 to {MAX_ID_LENGTH} printable characters")
    if not value.isascii() and len(value.encode("utf-8", "replace")) > MAX_ID_BYTES:
        raise ValueError(f"must be at most {MAX_ID_BYTES} bytes in UTF-8: shorten it, or give a hash of it")
    return value


def _as_id(value: Any) -> Any:
    # Platforms often hold ids as UUID objects or integers; their text form is unambiguous.
    if isinstance(value, int) and not isinstance(value, bool):
        # One of more digits than an id may have is left to be refused: Python does not write any number of them.
        return str(value) if abs(value) < 10**MAX_ID_LENGTH else value
    return str(value) if type(value).__name__ == "UUID" else value


_ID_SCHEMA: JsonDict = {"minLength": 1, "maxLength": MAX_ID_LENGTH}
Id = Annotated[str, BeforeValidator(_as_id), AfterValidator(_check_id), Field(json_schema_extra=_ID_SCHEMA)]


_NUMBER = re.compile(r"\s*[+-]?[\d.]+\s*")


def _refuse_numbers(value: Any) -> Any:
    # A number in a string is a number too: pydantic would guess its unit.
    if isinstance(value, int | float) or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        raise ValueError("must be an ISO 8601 time with an offset, such as 2026-05-01T12:00:00Z")
    return value


def _check_moment(value: datetime) -> datetime:
    if value.utcoffset() is None:
        raise ValueError("must carry a time zone: use datetime.now(UTC) or an ISO time ending in Z")
    try:
        # Only tried: near the ends of the calendar a time may have no form in UTC.
        value.astimezone(UTC)
        return with_clock(value)
    except OverflowError:
        raise ValueError("must be a time of the years 1 to 9999 in UTC") from None


def _check_sane(value: datetime) -> datetime:
    if value < EARLIEST:
        raise ValueError(f"must not be before the year {EARLIEST.year}: check the unit")
    if value - datetime.now(UTC) > MAX_CLOCK_AHEAD:
        raise ValueError("must not be more than a day ahead of now: check the clock or the unit")
    return value


Moment = Annotated[datetime, BeforeValidator(_refuse_numbers), AfterValidator(_check_moment)]
"""An aware time; it keeps its offset."""

Time = Annotated[Moment, AfterValidator(_check_sane)]
"""An aware time that every store can hold, at most a day ahead of now; it keeps its offset."""


def _cut_to_size(text: str) -> str:
    """The text; the beginning and the end of one that is too long, since the question stands in one of the two."""
    text = encodable(text)
    encoded = text.encode()
    if len(encoded) <= MAX_TEXT_BYTES:
        return text
    # Four bytes less for each half: the mark between them takes five.
    half = MAX_TEXT_BYTES // 2 - 4
    return f"{encoded[:half].decode(errors='ignore')}\n…\n{encoded[-half:].decode(errors='ignore')}"


Query = Annotated[str, AfterValidator(_cut_to_size)]
"""A question's words. Each half of a surrogate pair, which has no UTF-8 form, is marked; what is too long is cut."""


def _check_text_size(text: str) -> str:
    if len(text.encode("utf-8", "replace")) > MAX_TEXT_BYTES:
        raise ValueError(f"must be at most {MAX_TEXT_BYTES} bytes in UTF-8: add a long text in pieces")
    return text


Text = Annotated[str, Field(min_length=1), AfterValidator(_check_storable), AfterValidator(_check_text_size)]
