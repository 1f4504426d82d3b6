"""Times that a question names in English. Pure. Patterns are for text in lower case."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from afterword.workers.text import periods, relative_periods
from afterword.workers.text.periods import TimeSpan

_STEPS = {"last": -1, "past": -1, "previous": -1, "this": 0, "current": 0, "next": 1, "coming": 1}
_DAYS = {"before": -2, "yesterday": -1, "last": -1, "tomorrow": 1, "after": 2}
"""How far away from today, by the first word; those that are missing are today."""
_WEEKDAYS = {"mon": 0, "tue": 1, "wed": 2, "thu": 3, "fri": 4, "sat": 5, "sun": 6}
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_SEASONS = {
    "spring": periods.SPRING,
    "summer": periods.SUMMER,
    "autumn": periods.AUTUMN,
    "fall": periods.AUTUMN,
    "winter": periods.WINTER,
}
_FESTIVALS = {
    "christmas": "christmas",
    "xmas": "christmas",
    "new": "new year",
    "easter": "easter",
    "halloween": "halloween",
    "thanksgiving": "thanksgiving",
    "valentine": "valentine",
    "lunar": "lunar new year",
    "chinese": "lunar new year",
    "spring": "lunar new year",
    "mid": "moon",
}
"""By the first word of their names."""
_NUMERALS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMBERS = {word: number for number, word in enumerate(_NUMERALS, start=1)}
_NUMBERS |= {"half": 0, "a": 1, "an": 1, "couple": 2, "few": 3, "several": 4}

_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_SURE_MONTH = r"\b(?P<month>january|february|july|september|october|november|december)(?P<step>)(?P<year>)\b"
"""April, May, June and August are also people and words."""
_YEAR = r"(?:,?\s(?:of\s|in\s)?(?P<year>(?:19|20)\d\d(?!\d)|(?:last|this|next)\syear\b))"
_FROM_MONTH = rf"(?:between|from)\s{_MONTH}{_YEAR}?".replace("<month>", "<month0>").replace("<year>", "<year0>")
_COUNT = (
    rf"(?P<count>\d{{1,4}}|an?\scouple(?:\sof)?|an?\sfew|an?|{'|'.join(_NUMERALS)}"
    r"|couple(?:\sof)?|few|several|half\san?)"
)
_UNIT = r"(?P<unit>minute|hour|day|night|week|fortnight|month|year|decade)s?\b"
_STEP = r"(?P<step>last|past|previous|this|current|next|coming)"
_LEAD = rf"\b(?:{_STEP}|in|of|on|at|over|during|since|until|by|before|after|around|from|early|late|mid)[\s-](?:the\s)?"
_WEEKDAY = r"(?P<weekday>mon|tues|wednes|thurs|fri|satur|sun)day"
_SEASON = r"(?P<season>spring|summer|autumn|fall|winter)"
_FESTIVAL = (
    r"(?P<festival>christmas|xmas|new\syear'?s|easter|halloween|thanksgiving|valentine|lunar\snew\syear"
    r"|chinese\snew\syear|spring\sfestival|mid-autumn)"
)


def _day(match: re.Match[str], now: datetime) -> TimeSpan:
    return periods.day(now, _DAYS.get(match["day"].split()[0], 0)).widened()


def _date(match: re.Match[str], now: datetime) -> TimeSpan | None:
    return relative_periods.date(_month_number(match["month"]), int(match["day"]), now, _year(match["year"], now))


def _ago(match: re.Match[str], now: datetime) -> TimeSpan | None:
    return relative_periods.ago(_count(match["count"]), match["unit"], now)


def _lasting(match: re.Match[str], now: datetime) -> TimeSpan | None:
    return relative_periods.lasting(_count(match["count"] or "one"), match["unit"], now)


def _weekday(match: re.Match[str], now: datetime) -> TimeSpan:
    return relative_periods.weekday(_WEEKDAYS[match["weekday"][:3]], now, _step(match))


def _stepped(match: re.Match[str], now: datetime) -> TimeSpan:
    return relative_periods.stepped(match["unit"], _STEPS[match["step"]], now)


def _before_last(match: re.Match[str], now: datetime) -> TimeSpan:
    return relative_periods.stepped(match["unit"], -2, now)


def _weekend(_match: re.Match[str], now: datetime) -> TimeSpan:
    return relative_periods.latest_weekend(now)


def _festival(match: re.Match[str], now: datetime) -> TimeSpan | None:
    name = _FESTIVALS[re.split(r"\W", match["festival"])[0]]
    return relative_periods.of_year(periods.festival, name, now, year=_year(match["year"], now), step=_step(match))


def _through(match: re.Match[str], now: datetime) -> TimeSpan | None:
    first = _month_number(match["month0"]), _year(match["year0"], now)
    return relative_periods.through(first, (_month_number(match["month"]), _year(match["year"], now)), now)


def _month(match: re.Match[str], now: datetime) -> TimeSpan | None:
    number = _month_number(match["month"])
    return relative_periods.of_year(periods.month, number, now, year=_year(match["year"], now), step=_step(match))


def _season(match: re.Match[str], now: datetime) -> TimeSpan | None:
    first_month = _SEASONS[match["season"]]
    return relative_periods.of_year(periods.season, first_month, now, year=_year(match["year"], now), step=_step(match))


def _calendar_year(match: re.Match[str], _now: datetime) -> TimeSpan:
    return periods.year(int(match["year"])).widened()


def _recently(_match: re.Match[str], now: datetime) -> TimeSpan:
    return relative_periods.recent(now)


def _count(text: str) -> int:
    words = text.split()
    word = words[1] if len(words) > 1 and words[1] in ("couple", "few") else words[0]
    return int(word) if word.isdecimal() else _NUMBERS[word]


def _month_number(name: str) -> int:
    return _MONTHS[name[:3]]


def _year(text: str | None, now: datetime) -> int | None:
    """The year in words such as "2024" or "last year"."""
    if not text:
        return None
    return int(text) if text.isdecimal() else now.year + _STEPS[text.split()[0]]


def _step(match: re.Match[str]) -> int | None:
    return _STEPS.get(match["step"])


EXPRESSIONS: Final = (
    (rf"\b(?P<day>\d\d?)(?:st|nd|rd|th)?(?:\sof)?\s{_MONTH}{_YEAR}?", _date),
    # Not "May 10:30": that is an hour.
    (rf"\b{_MONTH}\s(?:the\s)?(?P<day>\d\d?)(?:st|nd|rd|th)?\b(?!:){_YEAR}?", _date),
    (r"\bday\s(?P<day>before\syesterday|after\stomorrow)\b", _day),
    (r"\b(?P<day>yesterday|tomorrow|today|tonight|last\snight|this\s(?:morning|afternoon|evening))\b", _day),
    (rf"\b{_COUNT}\s{_UNIT}\s(?:ago|earlier|back)\b", _ago),
    (rf"\b(?:in|over|during|for|within)\sthe\s(?:last|past)\s(?:{_COUNT}\s)?{_UNIT}(?!\sof\b)", _lasting),
    # "The last two weeks of June" are counted from June, not from now.
    (rf"\b(?:last|past)\s{_COUNT}\s{_UNIT}(?!\sof\b)", _lasting),
    # Not "every Monday", nor "Monday mornings": these are habits, not days.
    (rf"(?<!every\s)\b(?:{_STEP}\s)?{_WEEKDAY}\b(?!\s(?:morning|afternoon|evening|night)s\b)", _weekday),
    (r"\b(?P<unit>week|weekend|month|year)\sbefore\slast\b", _before_last),
    (rf"\b{_STEP}\s(?P<unit>weekend)\b", _stepped),
    (r"\b(?:at|on|over|during)\sthe\sweekend\b", _weekend),
    (rf"\b(?:{_STEP}\s)?{_FESTIVAL}\b(?:'s)?(?:\s(?:eve|day))?{_YEAR}?", _festival),
    (rf"\b{_STEP}\s(?P<unit>week)\b(?!\sof\b)", _stepped),
    (rf"\b{_FROM_MONTH}\s(?:and|to|until|till|through)\s{_MONTH}{_YEAR}?", _through),
    (rf"{_LEAD}(?:early\s|late\s|mid[\s-])?{_MONTH}{_YEAR}?", _month),
    (rf"\b(?P<step>){_MONTH}{_YEAR}", _month),
    (_SURE_MONTH, _month),
    (rf"\b{_STEP}\s(?P<unit>month)\b", _stepped),
    (rf"{_LEAD}{_SEASON}\b{_YEAR}?", _season),
    (rf"\b(?P<step>){_SEASON}{_YEAR}", _season),
    (rf"\b{_STEP}\s(?P<unit>year)\b", _stepped),
    (
        # Before such nouns a number counts things, as in "in 2000 words".
        r"\b(?:in|of|during|since|from|until|by|before|after|around|year)\s(?P<year>(?:19|20)\d\d)\b(?![:.,]\d)"
        r"(?!\s(?:words|people|dollars|euros|steps|calories|kcal|pages|miles|meters|tokens|lines|years)\b)",
        _calendar_year,
    ),
    (r"\b(?:recently|lately)\b", _recently),
)
"""Patterns, each with what a match means now, the most exact first."""

SIGN: Final = re.compile(
    r"\b(?:last|past|previous|this|current|next|coming|ago|earlier|back|today|tonight|yesterday|tomorrow|recent|lately"
    r"|(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)(?:[a-z]{2,6})?\b|\w{3,6}day|christmas|xmas|easter"
    r"|hallow|thanks|valentine|lunar|chinese|spring|summer|autumn|fall|winter|mid|new|weekend)|(?:19|20)\d\d",
)
"""A question without any of these is read no further: most name no time, and one search is cheaper than all."""

ASKS_WHEN: Final = (
    r"\bwhen(?:'?s|'d|\s(?:is|was|were|did|do|does|will|has|have|had|am|are|can|could|should|would|exactly))\b"
    r"|\b(?:since|until|till|and|or)\swhen\b|\bwhen\s*\?|\b(?:remember|recall|remind\sme|tell\sme|know|say|said|mention(?:ed)?)\swhen\b"
    r"|\bhow\s(?:long|recently|many\s(?:days|weeks|months|years)\sago)\b"
    r"|\b(?:what|which)(?:'s|\sis|\swas)?\s(?:the\s)?(?:exact\s)?(?:day|date|time|year|month|week|weekday|season)\b"
)
