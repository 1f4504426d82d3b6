"""Time zones: by which clock somebody speaks. One is named as IANA does ("Asia/Shanghai") or by its offset ("+08:00").

A time keeps the offset that its speaker gave it: 2026-03-05T07:30+08:00 is said on the fifth of March, though it is
still the fourth in UTC. Two times are equal when they are the same instant, whatever their offsets.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator

MAX_OFFSET = timedelta(hours=14)
"""No clock on earth is further from UTC. PostgreSQL refuses offsets of 16 hours and more."""

_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?([0-5]\d))?")
_NAME = re.compile(r"[A-Za-z][\w+-]*(?:/[A-Za-z][\w+-]*){0,2}", re.ASCII)


def zone_of(name: str | None) -> tzinfo | None:
    """The zone of this name or offset; None when there is none.

    >>> zone_of("+05:30").utcoffset(None)
    datetime.timedelta(seconds=19800)
    """
    if name in ("UTC", "Z"):
        return UTC
    if name is None or len(name) > 64:
        return None
    if found := _OFFSET.fullmatch(name):
        sign, hours, minutes = found.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
        return timezone(-offset if sign == "-" else offset) if offset <= MAX_OFFSET else None
    return _named(name) if _NAME.fullmatch(name) else None


def with_clock(time: datetime) -> datetime:
    """The time with a fixed offset of whole minutes, as every store and RFC 3339 can tell it. An offset that no clock
    on earth has becomes UTC.

    Raises: OverflowError, at the ends of the calendar.
    """
    offset = timedelta(minutes=round((time.utcoffset() or timedelta(0)).total_seconds() / 60))
    return time.astimezone(timezone(offset) if abs(offset) <= MAX_OFFSET else UTC)


def in_zone(time: datetime, zone: tzinfo | None) -> datetime:
    """A time given in UTC, moved to the clock of a zone. A time with another offset keeps it."""
    return time if zone is None or time.utcoffset() else with_clock(time.astimezone(zone))


def _named(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, not a zone's file, a folder
        return None


def _as_name(value: Any) -> Any:
    return str(value) if isinstance(value, tzinfo) else value


def _check_zone(name: str) -> str:
    # A host without a database of time zones cannot judge: the workers do.
    if zone_of(name) is None and not (_NAME.fullmatch(name) and _named("Etc/UTC") is None):
        raise ValueError('must be the IANA name of a time zone, such as "Asia/Shanghai", or an offset such as "+08:00"')
    return name


TimeZone = Annotated[str, BeforeValidator(_as_name), AfterValidator(_check_zone)]
"""The name or the offset of a time zone."""
