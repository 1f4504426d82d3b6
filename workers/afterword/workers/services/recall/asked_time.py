"""The time a question asks about, and whether it asks for one. Pure; English and Chinese.

The most exact expression counts: "on 3 June last year" is a day. What is ambiguous is taken for the past, since
memories are of it: "in May" is the last May that has begun.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from afterword.workers.services import periods
from afterword.workers.services.periods import DAY, Period, closeness

__all__ = ["Period", "asked_time", "asks_when", "closeness"]

_READ = 2_000  # characters: who pastes a page asks before or after it
_FEW = 3
_LONGEST_AGO = timedelta(days=365 * 120)
_RECENT = timedelta(days=30)

_Reading = Callable[[re.Match[str], datetime], Period | None]


def asked_time(question: str, now: datetime) -> Period | None:
    """The period that a question is about, with some tolerance on both sides; None when it names no time."""
    at = now.astimezone(UTC)
    for part in _parts(question):
        chinese = not part.isascii() and _HAN.search(part)
        text = part.translate(_SIMPLER) if chinese else part.lower()
        found = _first(_CHINESE if chinese else _ENGLISH, text, at) if chinese or _ENGLISH_SIGN.search(text) else None
        if found is not None:
            return found
    return None


def asks_when(question: str) -> bool:
    """Whether a question asks for a time: when something was, since when, how long ago."""
    return any(_ASKS_WHEN.search(part.lower().translate(_SIMPLER)) for part in _parts(question))


def _parts(question: str) -> tuple[str, ...]:
    if len(question) <= 2 * _READ:
        return (question,)
    return question[:_READ], question[-_READ:]


def _first(readings: Sequence[tuple[re.Pattern[str], _Reading]], text: str, now: datetime) -> Period | None:
    for pattern, reading in readings:
        for match in pattern.finditer(text):
            period = reading(match, now)
            if period is not None:
                return _bounded(text, match, period, now)
    return None


def _bounded(text: str, match: re.Match[str], period: Period, now: datetime) -> Period | None:
    """Since, after and before a period are other periods; what was before it has no beginning, so it is none."""
    side = _SIDE_BEFORE.search(text, max(0, match.start() - 12), match.start()) or _SIDE_AFTER.match(text, match.end())
    # The word may have been read as a part of the expression.
    word = side[0].split()[0] if side else match[0].split()[0]
    if word in _BEFORE:
        return None
    since = period.until if word in _AFTER else period.since
    return Period(since, now) if (word in _AFTER or word in _SINCE) and since < now else period


_SIDE_BEFORE = re.compile(r"\b(?:since|after|before)\s(?:the\s)?$")
_SIDE_AFTER = re.compile("以来|至今|之后|以后|之前|以前|前(?![天年后面])")
_SINCE = ("since", "以来", "至今")
_AFTER = ("after", "之后", "以后")
_BEFORE = ("before", "之前", "以前", "前")


# What the words say

_STEPS = {"last": -1, "past": -1, "previous": -1, "this": 0, "current": 0, "next": 1, "coming": 1}
_MONTHS = dict(
    zip(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], range(1, 13), strict=True)
)
_WEEKDAYS = {"mon": 0, "tue": 1, "wed": 2, "thu": 3, "fri": 4, "sat": 5, "sun": 6}
_NUMBERS = dict(
    zip(
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"],
        range(1, 13),
        strict=True,
    )
)
_NUMBERS |= {"a": 1, "an": 1, "couple": 2, "few": _FEW, "several": 4, "half": 0}
_SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12, "春": 3, "夏": 6, "秋": 9, "冬": 12}
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
_CHINESE_UNITS = dict(
    zip(
        "分小钟天日周星礼月年",
        ["minute", "hour", "hour", "day", "day", "week", "week", "week", "month", "year"],
        strict=True,
    )
)
_CHINESE_STEPS = {"上上": -2, "上": -1, "这": 0, "本": 0, "今": 0, "下": 1, "下下": 2}
_CHINESE_YEARS = {"大前": -3, "前": -2, "去": -1, "今": 0, "明": 1}
_CHINESE_WEEKDAYS = dict(zip("一二三四五六日天", (0, 1, 2, 3, 4, 5, 6, 6), strict=True))
_DIGITS = dict(zip("零一二三四五六七八九", range(10), strict=True)) | {"〇": 0, "两": 2, "几": _FEW, "数": _FEW}
_FESTIVAL_WORDS = {
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
    "圣": "christmas",
    "平": "christmas",
    "元": "new year",
    "春": "lunar new year",
    "过": "lunar new year",
    "中": "moon",
    "国": "national",
    "十": "national",
    "五": "labour",
    "劳": "labour",
    "情": "valentine",
    "万": "halloween",
    "感": "thanksgiving",
}


def _number(word: str) -> int:
    """Of digits, an English word or a Chinese number below a hundred."""
    if word.isdecimal():
        return int(word)
    if word in _NUMBERS:
        return _NUMBERS[word]
    tens, ten, ones = word.rpartition("十")
    if not ten:
        return _DIGITS.get(word[-1], _FEW)
    return 10 * _DIGITS.get(tens, 1) + _DIGITS.get(ones, 0)


def _ago(count: int, unit: str, now: datetime) -> Period | None:
    """Around so long ago; the longer ago, the vaguer. 0 is a half."""
    span, length = _UNITS[unit], _UNITS[unit] * (count or 0.5)
    if length > _LONGEST_AGO:
        return None
    if unit in ("day", "night") and count and count <= _FEW + 4:
        return periods.day(now, -count).widened()
    vague = span * (count / 8 if count > 4 else 0.5 if count else 0.2)
    return Period(now - length - vague, now - length + vague)


def _lasting(count: int, unit: str, now: datetime) -> Period | None:
    """The time since so long ago."""
    length = _UNITS[unit] * (count or 0.5)
    return None if length > _LONGEST_AGO else Period(now - length * 1.1, now)


def _of_year(make: Callable[[int], Period], now: datetime, *, year: int | None, step: int | None) -> Period | None:
    """A part of the year: of the year that is named, else the one before (-1), around (0) or after (1) this moment, or
    the last that has begun.
    """
    if year is not None:
        return make(year).widened() if year in periods.YEARS else None
    near = [make(now.year + away) for away in (-2, -1, 0, 1)]
    if step == 0:
        found = min(near[1:], key=lambda period: (now not in period, period.since.year != now.year))
    elif step == 1:
        found = next(period for period in (*near, make(now.year + 2)) if period.since > now)
    elif step == -1:
        found = [period for period in near if period.until <= now][-1]
    else:
        found = [period for period in near if period.since <= now][-1]
    return found.widened()


def _day_of_year(number: int, day: int, now: datetime, year: int | None) -> Period | None:
    """The day of a month; without a year, the last that has begun."""
    years = [year] if year is not None else [now.year, now.year - 1, now.year - 4]
    found = (periods.date(each, number, day) for each in years)
    period = next((each for each in found if each and (year is not None or each.since <= now)), None)
    return period.widened() if period else None


# English

_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_YEAR = r"(?:,?\s(?:of\s|in\s)?(?P<year>(?:19|20)\d\d(?!\d)|(?:last|this|next)\syear\b))"
_COUNT = (
    r"(?P<count>\d{1,4}|an?\scouple(?:\sof)?|an?\sfew|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    r"|couple(?:\sof)?|few|several|half\san?)"
)
_UNIT = r"(?P<unit>minute|hour|day|night|week|fortnight|month|year|decade)s?\b"
_STEP = r"(?P<step>last|past|previous|this|current|next|coming)"
_LEAD = rf"\b(?:{_STEP}|in|of|on|at|over|during|since|until|by|before|after|around|from|early|late|mid)[\s-](?:the\s)?"
_WEEKDAY = r"(?P<weekday>mon|tues|wednes|thurs|fri|satur|sun)day"
_FESTIVAL = (
    r"(?P<festival>christmas|xmas|new\syear'?s|easter|halloween|thanksgiving|valentine|lunar\snew\syear"
    r"|chinese\snew\syear|spring\sfestival|mid-autumn)"
)
_FROM_MONTH = rf"(?:between|from)\s{_MONTH}{_YEAR}?".replace("<month>", "<month0>").replace("<year>", "<year0>")
_SURE_MONTH = r"\b(?P<month>january|february|july|september|october|november|december)(?P<step>)(?P<year>)\b"
"""April, May, June and August are also people and words."""

_ENGLISH_SIGN = re.compile(
    r"\b(?:last|past|previous|this|current|next|coming|ago|earlier|back|today|tonight|yesterday|tomorrow|recent|lately"
    r"|(?:jan|feb|mar|apr|may|june?|july?|aug|sep|oct|nov|dec)(?:[a-z]{2,6})?\b|\w{3,6}day|christmas|xmas|easter"
    r"|hallow|thanks|valentine|lunar|chinese|spring|summer|autumn|fall|winter|mid|new|weekend)|(?:19|20)\d\d",
)


def _english_year(text: str | None, now: datetime) -> int | None:
    """2024, or last year."""
    if not text:
        return None
    return int(text) if text.isdecimal() else now.year + _STEPS[text.split()[0]]


def _step(match: re.Match[str]) -> int | None:
    return _STEPS.get(match["step"] or "")


def _iso(match: re.Match[str], _now: datetime) -> Period | None:
    period = periods.date(*(int(part) for part in match.groups()))
    return period.widened() if period else None


def _english_day(match: re.Match[str], now: datetime) -> Period:
    words = match[0].split()
    if "before" in words or "after" in words:
        away = -2 if "before" in words else 2
    else:
        away = {"yesterday": -1, "last": -1, "tomorrow": 1}.get(words[0], 0)
    return periods.day(now, away).widened()


def _english_date(match: re.Match[str], now: datetime) -> Period | None:
    number = _MONTHS[match["month"][:3]]
    return _day_of_year(number, int(match["day"]), now, _english_year(match["year"], now))


def _english_count(match: re.Match[str]) -> int:
    words = (match["count"] or "one").split()
    return _number(words[1] if len(words) > 1 and words[1] in ("couple", "few") else words[0])


def _english_ago(match: re.Match[str], now: datetime) -> Period | None:
    return _ago(_english_count(match), match["unit"], now)


def _english_lasting(match: re.Match[str], now: datetime) -> Period | None:
    return _lasting(_english_count(match), match["unit"], now)


def _english_weekday(match: re.Match[str], now: datetime) -> Period:
    back, step = (now.weekday() - _WEEKDAYS[match["weekday"][:3]]) % 7, _step(match)
    if step == -1:
        back = back or 7
    elif step == 1:
        back -= 7
    return periods.day(now, -back).widened()


def _english_unit(match: re.Match[str], now: datetime) -> Period:
    return _stepped(match["unit"], _STEPS[match["step"]], now)


def _before_last(match: re.Match[str], now: datetime) -> Period:
    return _stepped(match["unit"], -2, now)


def _stepped(unit: str, step: int, now: datetime) -> Period:
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


def _latest_weekend(_match: re.Match[str], now: datetime) -> Period:
    return _stepped("weekend", 0 if now.weekday() >= 5 else -1, now)


def _english_month(match: re.Match[str], now: datetime) -> Period | None:
    return _month(_MONTHS[match["month"][:3]], now, _english_year(match["year"], now), _step(match))


def _english_season(match: re.Match[str], now: datetime) -> Period | None:
    return _season(_SEASONS[match["season"]], now, _english_year(match["year"], now), _step(match))


def _english_festival(match: re.Match[str], now: datetime) -> Period | None:
    name = _FESTIVAL_WORDS[re.split(r"\W", match["festival"])[0]]
    return _festival(name, now, _english_year(match["year"], now), _step(match))


def _month(number: int, now: datetime, year: int | None, step: int | None) -> Period | None:
    return _of_year(lambda year: periods.month(year, number), now, year=year, step=step)


def _through(first: tuple[int, int | None], last: tuple[int, int | None], now: datetime) -> Period | None:
    """From a month until the end of another, each with its year, if that was said."""
    (from_number, from_year), (to_number, to_year) = first, last
    if to_year is None:
        year = now.year if from_year is None else from_year + (to_number < from_number)
        to_year = year - (from_year is None and periods.month(year, to_number).since > now)
    if from_year is None:
        from_year = to_year - (from_number > to_number)
    if from_year not in periods.YEARS or to_year not in periods.YEARS:
        return None
    since, until = periods.month(from_year, from_number).since, periods.month(to_year, to_number).until
    return Period(since, until).widened() if since < until else None


def _english_through(match: re.Match[str], now: datetime) -> Period | None:
    first = _MONTHS[match["month0"][:3]], _english_year(match["year0"], now)
    return _through(first, (_MONTHS[match["month"][:3]], _english_year(match["year"], now)), now)


def _season(first_month: int, now: datetime, year: int | None, step: int | None) -> Period | None:
    return _of_year(lambda year: periods.season(year, first_month), now, year=year, step=step)


def _festival(name: str, now: datetime, year: int | None, step: int | None) -> Period | None:
    return _of_year(lambda year: periods.festival(name, year), now, year=year, step=step)


def _calendar_year(match: re.Match[str], _now: datetime) -> Period:
    return periods.year(int(match["year"])).widened()


def _recently(_match: re.Match[str], now: datetime) -> Period:
    return Period(now - _RECENT, now)


def _compiled(*readings: tuple[str, _Reading]) -> tuple[tuple[re.Pattern[str], _Reading], ...]:
    return tuple((re.compile(pattern), reading) for pattern, reading in readings)


_ISO_DATE = (r"(?<!\d)((?:19|20)\d\d)[-/.](\d\d?)[-/.](\d\d?)(?!\d)", _iso)

# The most exact first.
_ENGLISH: Final = _compiled(
    _ISO_DATE,
    (rf"\b(?P<day>\d\d?)(?:st|nd|rd|th)?(?:\sof)?\s{_MONTH}{_YEAR}?", _english_date),
    (rf"\b{_MONTH}\s(?:the\s)?(?P<day>\d\d?)(?:st|nd|rd|th)?\b(?!:){_YEAR}?", _english_date),
    (r"\bday\s(?:before\syesterday|after\stomorrow)\b", _english_day),
    (r"\b(?:yesterday|tomorrow|today|tonight|last\snight|this\s(?:morning|afternoon|evening))\b", _english_day),
    (rf"\b{_COUNT}\s{_UNIT}\s(?:ago|earlier|back)\b", _english_ago),
    (rf"\b(?:in|over|during|for|within)\sthe\s(?:last|past)\s(?:{_COUNT}\s)?{_UNIT}(?!\sof\b)", _english_lasting),
    (rf"\b(?:last|past)\s{_COUNT}\s{_UNIT}(?!\sof\b)", _english_lasting),
    (
        rf"(?<!every\s)\b(?:{_STEP}\s)?{_WEEKDAY}\b(?!\s(?:morning|afternoon|evening|night)s\b)",
        _english_weekday,
    ),
    (r"\b(?P<unit>week|weekend|month|year)\sbefore\slast\b", _before_last),
    (rf"\b{_STEP}\s(?P<unit>weekend)\b", _english_unit),
    (r"\b(?:at|on|over|during)\sthe\sweekend\b", _latest_weekend),
    (rf"\b(?:{_STEP}\s)?{_FESTIVAL}\b(?:'s)?(?:\s(?:eve|day))?{_YEAR}?", _english_festival),
    (rf"\b{_STEP}\s(?P<unit>week)\b(?!\sof\b)", _english_unit),
    (rf"\b{_FROM_MONTH}\s(?:and|to|until|till|through)\s{_MONTH}{_YEAR}?", _english_through),
    (rf"{_LEAD}(?:early\s|late\s|mid[\s-])?{_MONTH}{_YEAR}?", _english_month),
    (rf"\b(?P<step>){_MONTH}{_YEAR}", _english_month),
    (_SURE_MONTH, _english_month),
    (rf"\b{_STEP}\s(?P<unit>month)\b", _english_unit),
    (rf"{_LEAD}(?P<season>spring|summer|autumn|fall|winter)\b{_YEAR}?", _english_season),
    (rf"\b(?P<step>)(?P<season>spring|summer|autumn|fall|winter){_YEAR}", _english_season),
    (rf"\b{_STEP}\s(?P<unit>year)\b", _english_unit),
    (
        r"\b(?:in|of|during|since|from|until|by|before|after|around|year)\s(?P<year>(?:19|20)\d\d)\b(?![:.,]\d)"
        r"(?!\s(?:words|people|dollars|euros|steps|calories|kcal|pages|miles|meters|tokens|lines|years)\b)",
        _calendar_year,
    ),
    (r"\b(?:recently|lately)\b", _recently),
)


# Chinese

_HAN = re.compile(r"[\u4e00-\u9fff]")
_SIMPLER = str.maketrans(
    "週個這後節聖誕國慶幾兩過號禮時麼間來勞動萬數點哪０１２３４５６７８９",
    "周个这后节圣诞国庆几两过号礼时么间来劳动万数点哪0123456789",
)
"""Traditional characters and wide digits, where the patterns have others."""

_OF_YEAR = r"(?:(?P<year>(?:19|20)\d\d|[一二][〇零一二三四五六七八九]{3}|大前|[前去今明])年的?)"
_OF_MONTH = r"(?P<month>1[0-2]|0?[1-9]|十[一二]?|[一二三四五六七八九])月(?:份)?"
_FROM_OF_MONTH = rf"{_OF_YEAR}?(?<![\d十]){_OF_MONTH}".replace("<month>", "<month0>").replace("<year>", "<year0>")
_OF_DAY = r"(?P<day>[123]\d|0?[1-9]|[二三]?十[一二三四五六七八九]?|[一二三四五六七八九])[日号]"
_SOME = r"(?P<count>\d{1,4}|[一二三四五六七八九十两几数]{1,3}|半)个?"
_SPAN = r"(?P<unit>分钟|小时|钟头|天|日|周|星期|礼拜|月|年)"
_NEAR = r"(?P<step>上上|上|这|本|下下|下)一?个?"
_WEEK = r"(?:周|星期|礼拜)"


def _chinese_year(text: str | None, now: datetime) -> int | None:
    if not text:
        return None
    if text in _CHINESE_YEARS:
        return now.year + _CHINESE_YEARS[text]
    return int("".join(str(_DIGITS.get(digit, digit)) for digit in text))


def _chinese_date(match: re.Match[str], now: datetime) -> Period | None:
    year = _chinese_year(match["year"], now)
    return _day_of_year(_number(match["month"]), _number(match["day"]), now, year)


def _chinese_day(match: re.Match[str], now: datetime) -> Period:
    away = {"大前": -3, "前": -2, "昨": -1, "今": 0, "明": 1, "后": 2, "大后": 3}[match["day"]]
    return periods.day(now, away).widened()


def _chinese_count(match: re.Match[str]) -> int:
    return 0 if match["count"] == "半" else _number(match["count"])


def _chinese_ago(match: re.Match[str], now: datetime) -> Period | None:
    return _ago(_chinese_count(match), _CHINESE_UNITS[match["unit"][0]], now)


def _chinese_lasting(match: re.Match[str], now: datetime) -> Period | None:
    return _lasting(_chinese_count(match), _CHINESE_UNITS[match["unit"][0]], now)


def _chinese_week(match: re.Match[str], now: datetime) -> Period:
    step, day = _CHINESE_STEPS[match["step"]], match["day"]
    if day is None:
        return _stepped("week", step, now)
    if day == "末":
        return _stepped("weekend", step, now)
    return periods.day(periods.week(now, step).since, _CHINESE_WEEKDAYS[day]).widened()


def _chinese_weekday(match: re.Match[str], now: datetime) -> Period:
    return periods.day(now, -((now.weekday() - _CHINESE_WEEKDAYS[match["day"]]) % 7)).widened()


def _chinese_month_near(match: re.Match[str], now: datetime) -> Period:
    return _stepped("month", _CHINESE_STEPS[match["step"]], now)


def _chinese_month(match: re.Match[str], now: datetime) -> Period | None:
    return _month(_number(match["month"]), now, _chinese_year(match["year"], now), None)


def _chinese_through(match: re.Match[str], now: datetime) -> Period | None:
    first = _number(match["month0"]), _chinese_year(match["year0"], now)
    return _through(first, (_number(match["month"]), _chinese_year(match["year"], now)), now)


def _chinese_season(match: re.Match[str], now: datetime) -> Period | None:
    step = _CHINESE_STEPS.get(match["step"] or "")
    return _season(_SEASONS[match["season"]], now, _chinese_year(match["year"], now), step)


def _chinese_festival(match: re.Match[str], now: datetime) -> Period | None:
    return _festival(_FESTIVAL_WORDS[match["festival"][0]], now, _chinese_year(match["year"], now), None)


def _chinese_calendar_year(match: re.Match[str], now: datetime) -> Period | None:
    year = _chinese_year(match["year"], now)
    return periods.year(year).widened() if year is not None and year in periods.YEARS else None


# The most exact first.
_CHINESE: Final = _compiled(
    _ISO_DATE,
    (rf"{_OF_YEAR}?(?<![\d十]){_OF_MONTH}{_OF_DAY}", _chinese_date),
    (r"(?P<day>大前|大后|前|后|[昨今明](?=[天日晚早夜儿]))[天日晚早夜儿]", _chinese_day),
    (rf"{_SOME}{_SPAN}(?:以|之)?前", _chinese_ago),
    (rf"(?:(?:最近|过去|近)的?|(?<!的)[这前](?=[几两三数])){_SOME}{_SPAN}", _chinese_lasting),
    (rf"{_NEAR}{_WEEK}(?P<day>[一二三四五六末]|[日天](?![气程常子期记]))?", _chinese_week),
    (rf"(?<![每一二三四五六七八九十两几\d]){_WEEK}(?P<day>[一二三四五六]|[日天](?![气程常子期记]))", _chinese_weekday),
    (r"(?<!每)(?<!每个)周末", _latest_weekend),
    (
        rf"{_OF_YEAR}?(?P<festival>春节|过年|中秋|国庆|十一(?=长?假|黄金|期间)|五一(?=长?假|节|期间)|劳动节|圣诞|平安夜|元旦|情人节|万圣|感恩节)",
        _chinese_festival,
    ),
    (rf"{_FROM_OF_MONTH}(?:到|至){_OF_YEAR}?{_OF_MONTH}", _chinese_through),
    (rf"{_OF_YEAR}?(?<![\d十]){_OF_MONTH}", _chinese_month),
    (rf"{_NEAR}月", _chinese_month_near),
    (rf"{_OF_YEAR}?(?:(?P<step>[上这今])一?个?)?(?P<season>[春夏秋冬])[天季日]", _chinese_season),
    (rf"{_OF_YEAR}(?![级代龄轻])", _chinese_calendar_year),
    (r"最近|近来|近期|近日|这阵子|这段时间", _recently),
)

_ASKS_WHEN = re.compile(
    r"\bwhen(?:'?s|'d|\s(?:is|was|were|did|do|does|will|has|have|had|am|are|can|could|should|would|exactly))\b"
    r"|\b(?:since|until|till|and|or)\swhen\b|\bwhen\s*\?|\b(?:remember|recall|remind\sme|tell\sme|know|say|said|mention(?:ed)?)\swhen\b"
    r"|\bhow\s(?:long|recently|many\s(?:days|weeks|months|years)\sago)\b"
    r"|\b(?:what|which)(?:'s|\sis|\swas)?\s(?:the\s)?(?:exact\s)?(?:day|date|time|year|month|week|weekday|season)\b"
    r"|什么时[候间]|何时|啥时候?|几时|什么日[子期]|什么年|哪一?[天年日周]|哪一?个[月星礼]|几(?:[月点]|号(?![线楼店门馆院]))|多久|多长时间|星期几|周几|礼拜几",
)
