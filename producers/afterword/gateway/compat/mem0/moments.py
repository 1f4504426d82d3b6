"""Times as mem0's client writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter

from afterword.schemas import InvalidInput
from afterword.schemas.errors import described
from afterword.schemas.values import Moment

_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)
_MILLISECONDS_FROM = 10**11
"""Seconds since 1970 reach this in the year 5138, milliseconds did in 1973."""


def read_moment(given: Any, field: str) -> datetime:
    """A time: ISO 8601, a day, or seconds (or milliseconds) since 1970. Without an offset it is in UTC.

    >>> read_moment("2026-05-01", "filters.created_at").isoformat()
    '2026-05-01T00:00:00+00:00'

    Raises: InvalidInput.
    """
    try:
        return _MOMENT.validate_python(_aware(given))
    except (ValueError, TypeError, OverflowError, OSError):
        mend = "must be an ISO 8601 time, a day such as 2026-05-01, or seconds since 1970"
        raise InvalidInput(field, described(given), mend) from None


def _aware(given: Any) -> datetime:
    if isinstance(given, int | float) and not isinstance(given, bool):
        return datetime.fromtimestamp(given / 1000 if abs(given) >= _MILLISECONDS_FROM else given, UTC)
    if isinstance(given, str) and given.strip().isdecimal() and len(given.strip()) > len("20260501"):
        return _aware(int(given))
    moment = datetime.fromisoformat(given)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
