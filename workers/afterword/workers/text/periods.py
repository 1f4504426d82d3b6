"""Periods of the calendar: days, weeks, months, seasons, festivals. Pure; all times are as a clock shows them, with UTC
for their zone (`asked_time` knows whose clock it is).

The asker's clock is not always known, and people often tell on Tuesday what happened on Monday. So a period of the
calendar is `widened` before memories are compared with it.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

DAY: Final = timedelta(days=1)
YEARS: Final = range(1900, 2100)
"""Numbers outside are not read as years: 1066 is history, 3000 a number."""

_TIME_ZONES = timedelta(hours=12)
_SLACK = 0.1  # of a period's length

SPRING, SUMMER, AUTUMN, WINTER = 3, 6, 9, 12
"""Seasons by the month they begin in, as in the northern hemisphere."""

# First days of the lunar year from 2015, and of the eighth full moon, as month * 100 + day.
# fmt: off
_LUNAR_NEW_YEARS = dict(enumerate((
    219, 208, 128, 216, 205, 125, 212, 201, 122, 210, 129, 217, 206, 126, 213, 203, 123, 211, 131, 219, 208,
), 2015))
_FULL_MOONS = dict(enumerate((
    927, 915, 1004, 924, 913, 1001, 921, 910, 929, 917, 1006, 925, 915, 1003, 922, 912,
), 2015))
# fmt: on


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """From `since`, until just before `until`."""

    since: datetime
    until: datetime

    def __contains__(self, at: datetime) -> bool:
        return self.since <= at < self.until

    @property
    def length(self) -> timedelta:
        return self.until - self.since

    def widened(self) -> TimeSpan:
        """With half a day on each side, or a tenth of its length, whichever is more."""
        slack = max(_TIME_ZONES, self.length * _SLACK)
        return TimeSpan(self.since - slack, self.until + slack)


def closeness(period: TimeSpan, at: datetime) -> float:
    """1 within the period; outside halved with each length of the period that lies between."""
    if at in period:
        return 1.0
    distance = period.since - at if at < period.since else at - period.until
    return float(0.5 ** min(distance / max(period.length, timedelta(seconds=1)), 1000.0))


def day(at: datetime, away: int = 0) -> TimeSpan:
    """The day of a moment, or one so many days away from it."""
    start = _midnight(at) + away * DAY
    return TimeSpan(start, start + DAY)


def days(at: datetime, first: int, count: int) -> TimeSpan:
    """So many days, the first of them so many days away from a moment."""
    start = _midnight(at) + first * DAY
    return TimeSpan(start, start + count * DAY)


def week(at: datetime, away: int = 0) -> TimeSpan:
    """The week of a moment, from Monday, or one so many weeks away."""
    return days(at, 7 * away - at.weekday(), 7)


def weekend(at: datetime, away: int = 0) -> TimeSpan:
    """The Friday evening, Saturday and Sunday of a week; see `week`."""
    monday = week(at, away).since
    return TimeSpan(monday + 4 * DAY + timedelta(hours=18), monday + 7 * DAY)


def month(year: int, number: int) -> TimeSpan:
    """A month; numbers beyond 1 to 12 are those of the years before and after."""
    first = datetime(year + (number - 1) // 12, (number - 1) % 12 + 1, 1, tzinfo=UTC)
    return TimeSpan(first, first + monthrange(first.year, first.month)[1] * DAY)


def year(number: int) -> TimeSpan:
    return TimeSpan(datetime(number, 1, 1, tzinfo=UTC), datetime(number + 1, 1, 1, tzinfo=UTC))


def season(year: int, first_month: int) -> TimeSpan:
    """A season of the year it begins in: the winter of 2024 ends in February 2025."""
    return TimeSpan(month(year, first_month).since, month(year, first_month + 2).until)


def date(year: int, month: int, day: int) -> TimeSpan | None:
    """A day by its numbers, if there is such a day."""
    if year not in YEARS or not 1 <= month <= 12 or not 1 <= day <= monthrange(year, month)[1]:
        return None
    start = datetime(year, month, day, tzinfo=UTC)
    return TimeSpan(start, start + DAY)


def festival(year: int, name: str) -> TimeSpan:
    """The days that a festival is about, in a year.

    Raises: KeyError, for a name that is not one of `FESTIVALS`.
    """
    first, count = FESTIVALS[name]
    if name == "easter":
        start = _easter(year)
    else:
        # Outside of the tables, a date near the middle of the possible ones stands in.
        moved = {"lunar new year": _LUNAR_NEW_YEARS, "moon": _FULL_MOONS}.get(name, {}).get(year, first)
        start = datetime(year, moved // 100, moved % 100, tzinfo=UTC)
    # From the eve on: `count` includes it.
    return days(start, -1, count)


FESTIVALS: Final = {
    "new year": (101, 3),
    "valentine": (214, 3),
    "lunar new year": (205, 16),
    "easter": (405, 4),
    "labour": (501, 6),
    "moon": (920, 4),
    "national": (1001, 8),
    "halloween": (1031, 3),
    "thanksgiving": (1125, 5),
    "christmas": (1224, 5),
}
"""When a festival begins, where it is not computed or looked up, and how many days it takes, its eve included."""


def _midnight(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _easter(year: int) -> datetime:
    """Easter Sunday of the Gregorian calendar, by Gauss's rule."""
    century, in_cycle = year // 100, year % 19
    shift = (15 + century - century // 4 - (8 * century + 13) // 25) % 30
    full_moon = (19 * in_cycle + shift) % 30
    full_moon -= 1 if full_moon == 29 or (full_moon == 28 and in_cycle > 10) else 0
    after = (2 * (year % 4) + 4 * (year % 7) + 6 * full_moon + (4 + century - century // 4) % 7) % 7
    return datetime(year, 3, 22, tzinfo=UTC) + timedelta(days=full_moon + after)
