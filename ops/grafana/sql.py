"""Pieces of SQL that panels share. Days are UTC days."""

from __future__ import annotations

FROM = "$__timeFrom()::timestamptz"
TO = "$__timeTo()::timestamptz"


def day_of(time: str) -> str:
    """The UTC day of a timestamptz."""
    return f"({time} AT TIME ZONE 'UTC')::date"


def days(column: str) -> str:
    """A condition: the day is one of the range, its first and last included."""
    return f"{column} BETWEEN {day_of(FROM)} AND {day_of(TO)}"


def as_time(day: str) -> str:
    """The beginning of a UTC day, as a point of a series."""
    return f"{day}::timestamp AT TIME ZONE 'UTC'"


def mean(total: str, count: str) -> str:
    """An average, or a share of sums; NULL of nothing."""
    return f"sum({total})::float / nullif(sum({count}), 0)"
