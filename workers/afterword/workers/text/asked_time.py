"""Times in texts: which time a question asks about, whether it asks for one, whether a text names one. Pure; English
and Chinese, whose words are in `en` and `zh`.

The most exact expression counts: "on 3 June last year" is a day. An ambiguous one means the past, since memories are
of the past: "in May" is the last May that has begun.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from afterword.workers.text import periods
from afterword.workers.text.en import asked_times as asked_in_english
from afterword.workers.text.en import phrases as english
from afterword.workers.text.periods import TimeSpan
from afterword.workers.text.zh import asked_times as asked_in_chinese
from afterword.workers.text.zh import phrases as chinese

_READ = 2_000  # characters: who pastes a page asks before or after it

_Meaning = Callable[[re.Match[str], datetime], TimeSpan | None]


def asked_time(question: str, now: datetime) -> TimeSpan | None:
    """The period that a question is about, with some tolerance on both sides; None when it names no time.

    `now` is by the asker's clock: "yesterday" is the day before on their calendar.
    """
    # Calendars are reckoned in UTC, as if the asker's clock showed it.
    shown = now.replace(tzinfo=UTC)
    for part in _ends(question):
        period = _named(part, shown)
        if period is not None:
            return TimeSpan(_instant(period.since, now), _instant(period.until, now))
    return None


def _instant(shown: datetime, now: datetime) -> datetime:
    """When the asker's clock shows this."""
    return shown.replace(tzinfo=now.tzinfo).astimezone(UTC)


def asks_when(question: str) -> bool:
    """Whether a question asks for a time: when something was, since when, how long ago."""
    return any(_ASKS_WHEN.search(asked_in_chinese.simplified(part.lower())) for part in _ends(question))


def tells_time(text: str) -> bool:
    """Whether a text names a day, a month, a year, or a time before or after now."""
    return _TELLS_TIME.search(text) is not None


def _ends(question: str) -> tuple[str, ...]:
    if len(question) <= 2 * _READ:
        return (question,)
    return question[:_READ], question[-_READ:]


def _named(question: str, now: datetime) -> TimeSpan | None:
    if not question.isascii() and chinese.HAN.search(question):
        return _first(_CHINESE, asked_in_chinese.simplified(question), now)
    text = question.lower()
    return _first(_ENGLISH, text, now) if asked_in_english.SIGN.search(text) else None


def _first(expressions: Sequence[tuple[re.Pattern[str], _Meaning]], text: str, now: datetime) -> TimeSpan | None:
    # The first pattern that means anything wins: patterns are sorted by exactness, not by their place in the text.
    for pattern, meaning in expressions:
        for match in pattern.finditer(text):
            period = meaning(match, now)
            if period is not None:
                return _bounded(text, match, period, now)
    return None


def _bounded(text: str, match: re.Match[str], period: TimeSpan, now: datetime) -> TimeSpan | None:
    """The period that "since", "after" or "before" makes of one. "Before" makes none, since it has no beginning."""
    # Twelve characters have room for "before the ", the longest of these.
    side = _SIDE_BEFORE.search(text, max(0, match.start() - 12), match.start()) or _SIDE_AFTER.match(text, match.end())
    word = (side or match)[0].split()[0]  # it may have been read as a part of the expression
    if word in _BEFORE:
        return None
    since = period.since if word in _SINCE else period.until if word in _AFTER else now
    return TimeSpan(since, now) if since < now else period


_SINCE = ("since", "以来", "至今")
_AFTER = ("after", "之后", "以后")
_BEFORE = ("before", "之前", "以前", "前")
_SIDE_BEFORE = re.compile(r"\b(?:since|after|before)\s(?:the\s)?$")
# 前 alone means before; 前天, 前年, 前后 and 前面 are other words.
_SIDE_AFTER = re.compile("以来|至今|之后|以后|之前|以前|前(?![天年后面])")


def _date(match: re.Match[str], _now: datetime) -> TimeSpan | None:
    period = periods.date(*(int(part) for part in match.groups()))
    return period.widened() if period else None


def _compiled(expressions: Sequence[tuple[str, _Meaning]]) -> tuple[tuple[re.Pattern[str], _Meaning], ...]:
    return tuple((re.compile(pattern), meaning) for pattern, meaning in expressions)


_ISO_DATE = (r"(?<!\d)((?:19|20)\d\d)[-/.](\d\d?)[-/.](\d\d?)(?!\d)", _date)
_ENGLISH = _compiled((_ISO_DATE, *asked_in_english.EXPRESSIONS))
_CHINESE = _compiled((_ISO_DATE, *asked_in_chinese.EXPRESSIONS))
_ASKS_WHEN = re.compile(f"{asked_in_english.ASKS_WHEN}|{asked_in_chinese.ASKS_WHEN}")
_TELLS_TIME = re.compile(f"{english.TELLS_TIME}|{chinese.TELLS_TIME}", re.IGNORECASE)
