"""Whether a text tells a date, however it spells it. Pure.

A date is written `2026-05-15`, `2026-05`, `2026-W20` or `2026`. The year may stand anywhere in the text: "from
December 11 to December 14, 2026" tells both days. Months are read in English, German, Spanish, Chinese and Japanese.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

_MONTHS = (
    "january|jan|januar|enero|ene",
    "february|feb|februar|febrero",
    "march|mar|märz|marzo",
    "april|apr|abril|abr",
    "may|mai|mayo",
    "june|jun|juni|junio",
    "july|jul|juli|julio",
    "august|aug|agosto|ago",
    "september|sept|sep|septiembre",
    "october|oct|oktober|okt|octubre",
    "november|nov|noviembre",
    "december|dec|dezember|dez|diciembre|dic",
)
_ORDINAL = r"(?:st|nd|rd|th|\.|º)?"
_TO = r"\s?(?:-|–|—|~|to|and|bis|und|al|y|至|到|〜|から)\s?"


def tells(form: str, text: str) -> bool:
    """Whether the text, normalised as `terms.normalised` does, tells this date.

    Raises: ValueError, for a date in none of the four forms.
    """
    year, _, rest = form.partition("-")
    if not re.fullmatch(r"\d{4}", year):
        raise ValueError(f"not a date: {form!r}")
    if not rest:
        return _has(rf"(?<!\d){year}(?!\d)", text)
    if rest.startswith("W"):
        return _tells_week(int(year), int(rest[1:]), text)
    if re.fullmatch(r"\d\d", rest):
        return _tells_month(int(year), int(rest), text)
    return _tells_day(date.fromisoformat(form), text)


def _tells_day(day: date, text: str) -> bool:
    return _tells_year(day.year, text) and any(_has(pattern, text) for pattern in _spellings(day))


def _tells_month(year: int, month: int, text: str) -> bool:
    spelled = (
        rf"\b(?:{_MONTHS[month - 1]})\b",
        rf"{year}[-/.]0?{month}(?!\d)",
        rf"[./-]\s?0?{month}[./-]\s?{year}",
        rf"(?<!\d)0?{month}月",
    )
    return _tells_year(year, text) and any(_has(pattern, text) for pattern in spelled)


def _tells_week(year: int, week: int, text: str) -> bool:
    monday = date.fromisocalendar(year, week, 1)
    if any(_tells_day(monday + timedelta(days=number), text) for number in range(7)):
        return True
    named = rf"(?:\bw|\bkw\s?|\b(?:week|woche|semana)\s|第\s?)0?{week}(?!\d)"
    return _tells_year(year, text) and _has(named, text)


def _tells_year(year: int, text: str) -> bool:
    return _has(rf"(?<!\d){year}(?!\d)", text)


def _spellings(day: date) -> Iterator[str]:
    year, month, number = day.year, rf"\b(?:{_MONTHS[day.month - 1]})\b", rf"0?{day.day}"
    yield rf"{year}(?P<mark>[-/.])0?{day.month}(?P=mark){number}(?!\d)"
    yield rf"(?<!\d){number}(?P<mark>[-/.])\s?0?{day.month}(?P=mark)\s?{year}"
    yield rf"(?<!\d)0?{day.month}/{number}/{year}"
    yield rf"(?<!\d)0?{day.month}月\s?{number}(?!\d)"
    yield rf"(?<!\d)0?{day.month}月\s?\d{{1,2}}[日号]?{_TO}{number}(?!\d)"
    yield rf"{month}\.?,? (?:the )?{number}(?!\d)"
    yield rf"{month}\.?,? \d{{1,2}}{_ORDINAL}{_TO}{number}(?!\d)"
    yield rf"(?<!\d){number}{_ORDINAL}(?: day)?(?: of| de)? {month}"
    yield rf"(?<!\d){number}{_ORDINAL}{_TO}\d{{1,2}}{_ORDINAL}(?: of| de)? {month}"


def _has(pattern: str, text: str) -> bool:
    return re.search(pattern, text) is not None
