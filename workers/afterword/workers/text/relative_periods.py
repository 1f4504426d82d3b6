"""Periods as they are spoken of, counted from now: "two weeks ago", "last May", "from March to June". Pure; times
are as in `periods`, and those of the calendar are widened (see there).

A `year` is the one that was named. A `step` is how many away was said: -1 is the last one, 0 this one, 1 the next. Both
are None where nothing was said: then the past is meant, since memories are of it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from afterword.workers.text import periods
from afterword.workers.text.periods import DAY, TimeSpan

_LONGEST_AGO = timedelta(days=365 * 120)
_COUNTED_DAYS = 7  # so many days ago is a day that somebody counted; more is about then
_LEAP_DAYS_APART = 8  # years, at most
_RECENT = timedelta(days=30)
_UNITS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": DAY,
    "night": DAY,
    "week": 7 * DAY,
    "fortnight": 14 * DAY,
    "month": timedelta(days=30.44),
    "year": timedelta(days=365.25),
    "decade": timedelta(days=3652.5),
}

_Part = TypeVar("_Part", int, str)


def ago(count: int, unit: str, now: datetime) -> TimeSpan | None:
    """Around so long ago; the longer ago, the vaguer. A count of 0 is a half. None for what nobody remembers."""
    span, length = _UNITS[unit], _UNITS[unit] * (count or 0.5)
    if length > _LONGEST_AGO:
        return None
    if unit in ("day", "night") and 0 < count <= _COUNTED_DAYS:
        return periods.day(now, -count).widened()
    vague = span * (count / 8 if count > 4 else 0.5 if count else 0.2)
    return TimeSpan(now - length - vague, now - length + vague)


def lasting(count: int, unit: str, now: datetime) -> TimeSpan | None:
    """The time since so long ago; see `ago`."""
    length = _UNITS[unit] * (count or 0.5)
    return None if length > _LONGEST_AGO else TimeSpan(now - length * 1.1, now)


def recent(now: datetime) -> TimeSpan:
    return TimeSpan(now - _RECENT, now)


def stepped(unit: str, step: int, now: datetime) -> TimeSpan:
    """A week, weekend, month or year, so many away from the present one."""
    match unit:
        case "week":
            period = periods.week(now, step)
        case "weekend":
            period = periods.weekend(now, step)
        case "month":
            period = periods.month(now.year, now.month + step)
        case _:
            period = periods.year(now.year + step)
    return period.widened()


def latest_weekend(now: datetime) -> TimeSpan:
    """The last that has begun, or begins today."""
    return stepped("weekend", 0 if now.weekday() >= 5 else -1, now)


def weekday(number: int, now: datetime, step: int | None = None) -> TimeSpan:
    """The last such day, 0 for Monday. Today may be it, unless the last (-1) or the next (1) was said."""
    back = (now.weekday() - number) % 7
    if step == -1:
        # On a Monday, "last Monday" is a week ago.
        back = back or 7
    elif step == 1:
        back -= 7
    return periods.day(now, -back).widened()


def date(month: int, day: int, now: datetime, year: int | None) -> TimeSpan | None:
    """A day of a month; None when there is no such day."""
    if year is not None:
        period = periods.date(year, month, day)
    else:
        near = (periods.date(now.year - back, month, day) for back in range(_LEAP_DAYS_APART + 1))
        period = next((each for each in near if each and each.since <= now), None)
    return period.widened() if period else None


def of_year(
    make: Callable[[int, _Part], TimeSpan], part: _Part, now: datetime, *, year: int | None, step: int | None
) -> TimeSpan | None:
    """A part of the year, which `make` makes of a year: of the one that was named, else the last that has begun, or as
    the step says. None for a year that is not understood.
    """
    if year is not None:
        return make(year, part).widened() if year in periods.YEARS else None
    # Two years back: in January last year's winter still lasts, and the last one that has ended began the year
    # before.
    newest_first = (make(now.year + away, part) for away in (1, 0, -1, -2))
    match step:
        case -1:
            found = next(each for each in newest_first if each.until <= now)
        case 0:
            found = min(newest_first, key=lambda each: (now not in each, each.since.year != now.year))
        case 1:
            oldest_first = (make(now.year + away, part) for away in (0, 1, 2))
            found = next(each for each in oldest_first if each.since > now)
        case _:
            found = next(each for each in newest_first if each.since <= now)
    return found.widened()


def through(first: tuple[int, int | None], last: tuple[int, int | None], now: datetime) -> TimeSpan | None:
    """From a month until the end of another, each as its number and its year, if that was said. None for what would end
    before it begins, and for a year that is not understood.
    """
    (from_number, from_year), (to_number, to_year) = first, last
    if to_year is None:
        year = now.year if from_year is None else from_year + (to_number < from_number)
        # Without any year, the range is the last one whose final month has begun.
        to_year = year - (from_year is None and periods.month(year, to_number).since > now)
    if from_year is None:
        from_year = to_year - (from_number > to_number)
    if from_year not in periods.YEARS or to_year not in periods.YEARS:
        return None
    since, until = periods.month(from_year, from_number).since, periods.month(to_year, to_number).until
    return TimeSpan(since, until).widened() if since < until else None
