"""Times that a question names in Chinese. Pure. Patterns are for `simplified` text."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from afterword.workers.text import periods, relative_periods
from afterword.workers.text.periods import TimeSpan

_STEPS = {"上上": -2, "上": -1, "这": 0, "本": 0, "今": 0, "下": 1, "下下": 2}
_DAYS = {"大前": -3, "前": -2, "昨": -1, "今": 0, "明": 1, "后": 2, "大后": 3}
_YEARS = {"大前": -3, "前": -2, "去": -1, "今": 0, "明": 1}
_WEEKDAYS = {"一": 0, "二": 1, "三": 2, "四": 3, "五": 4, "六": 5, "日": 6, "天": 6}
_SEASONS = {"春": periods.SPRING, "夏": periods.SUMMER, "秋": periods.AUTUMN, "冬": periods.WINTER}
_FESTIVALS = {
    "春节": "lunar new year",
    "过年": "lunar new year",
    "中秋": "moon",
    "国庆": "national",
    "十一": "national",
    "五一": "labour",
    "劳动节": "labour",
    "圣诞": "christmas",
    "平安夜": "christmas",
    "元旦": "new year",
    "情人节": "valentine",
    "万圣": "halloween",
    "感恩节": "thanksgiving",
}
_UNITS = {
    "分钟": "minute",
    "小时": "hour",
    "钟头": "hour",
    "天": "day",
    "日": "day",
    "周": "week",
    "星期": "week",
    "礼拜": "week",
    "月": "month",
    "年": "year",
}
_FEW = 3
_DIGITS = {digit: number for number, digit in enumerate("零一二三四五六七八九")}
_DIGITS |= {"〇": 0, "半": 0, "两": 2, "几": _FEW, "数": _FEW}
_FIGURES = str.maketrans("零〇一二三四五六七八九", "00123456789")
_SIMPLER = str.maketrans(
    "週個這後節聖誕國慶幾兩過號禮時麼間來勞動萬數點哪０１２３４５６７８９",
    "周个这后节圣诞国庆几两过号礼时么间来劳动万数点哪0123456789",
)

_OF_YEAR = r"(?:(?P<year>(?:19|20)\d\d|[一二][〇零一二三四五六七八九]{3}|大前|[前去今明])年的?)"
_OF_MONTH = r"(?P<month>1[0-2]|0?[1-9]|十[一二]?|[一二三四五六七八九])月(?:份)?"
_FROM_OF_MONTH = rf"{_OF_YEAR}?(?<![\d十]){_OF_MONTH}".replace("<month>", "<month0>").replace("<year>", "<year0>")
_OF_DAY = r"(?P<day>[123]\d|0?[1-9]|[二三]?十[一二三四五六七八九]?|[一二三四五六七八九])[日号]"
_SOME = r"(?P<count>\d{1,4}|[一二三四五六七八九十两几数]{1,3}|半)个?"
_SPAN = rf"(?P<unit>{'|'.join(_UNITS)})"
_NEAR = r"(?P<step>上上|上|这|本|下下|下)一?个?"
_WEEK = r"(?:周|星期|礼拜)"
_FESTIVAL = (
    # 十一 and 五一 are numbers as well: they are holidays only before such a word.
    r"(?P<festival>春节|过年|中秋|国庆|十一(?=长?假|黄金|期间)|五一(?=长?假|节|期间)|劳动节|圣诞|平安夜|元旦"
    r"|情人节|万圣|感恩节)"
)


def simplified(text: str) -> str:
    """Without traditional characters and wide digits, where the patterns have others."""
    return text.translate(_SIMPLER)


def _date(match: re.Match[str], now: datetime) -> TimeSpan | None:
    return relative_periods.date(_number(match["month"]), _number(match["day"]), now, _year(match["year"], now))


def _day(match: re.Match[str], now: datetime) -> TimeSpan:
    return periods.day(now, _DAYS[match["day"]]).widened()


def _ago(match: re.Match[str], now: datetime) -> TimeSpan | None:
    return relative_periods.ago(_number(match["count"]), _UNITS[match["unit"]], now)


def _lasting(match: re.Match[str], now: datetime) -> TimeSpan | None:
    return relative_periods.lasting(_number(match["count"]), _UNITS[match["unit"]], now)


def _week(match: re.Match[str], now: datetime) -> TimeSpan:
    step, day = _STEPS[match["step"]], match["day"]
    if day is None:
        return relative_periods.stepped("week", step, now)
    if day == "末":
        return relative_periods.stepped("weekend", step, now)
    return periods.day(periods.week(now, step).since, _WEEKDAYS[day]).widened()


def _weekday(match: re.Match[str], now: datetime) -> TimeSpan:
    return relative_periods.weekday(_WEEKDAYS[match["day"]], now)


def _weekend(_match: re.Match[str], now: datetime) -> TimeSpan:
    return relative_periods.latest_weekend(now)


def _festival(match: re.Match[str], now: datetime) -> TimeSpan | None:
    name = _FESTIVALS[match["festival"]]
    return relative_periods.of_year(periods.festival, name, now, year=_year(match["year"], now), step=None)


def _through(match: re.Match[str], now: datetime) -> TimeSpan | None:
    first = _number(match["month0"]), _year(match["year0"], now)
    return relative_periods.through(first, (_number(match["month"]), _year(match["year"], now)), now)


def _month(match: re.Match[str], now: datetime) -> TimeSpan | None:
    number = _number(match["month"])
    return relative_periods.of_year(periods.month, number, now, year=_year(match["year"], now), step=None)


def _near_month(match: re.Match[str], now: datetime) -> TimeSpan:
    return relative_periods.stepped("month", _STEPS[match["step"]], now)


def _season(match: re.Match[str], now: datetime) -> TimeSpan | None:
    first_month, step = _SEASONS[match["season"]], _STEPS.get(match["step"])
    return relative_periods.of_year(periods.season, first_month, now, year=_year(match["year"], now), step=step)


def _calendar_year(match: re.Match[str], now: datetime) -> TimeSpan | None:
    year = _year(match["year"], now)
    return periods.year(year).widened() if year is not None and year in periods.YEARS else None


def _recently(_match: re.Match[str], now: datetime) -> TimeSpan:
    return relative_periods.recent(now)


def _number(text: str) -> int:
    """The number in digits, or in characters if it is below a hundred; of a longer run the last character counts."""
    if text.isdecimal():
        return int(text)
    tens, ten, ones = text.rpartition("十")
    if not ten:
        return _DIGITS[text[-1]]
    return 10 * _DIGITS.get(tens, 1) + _DIGITS.get(ones, 0)


def _year(text: str | None, now: datetime) -> int | None:
    """The year in words such as 2024, 二〇二四 or 去."""
    if not text:
        return None
    return now.year + _YEARS[text] if text in _YEARS else int(text.translate(_FIGURES))


EXPRESSIONS: Final = (
    (rf"{_OF_YEAR}?(?<![\d十]){_OF_MONTH}{_OF_DAY}", _date),
    (r"(?P<day>大前|大后|前|后|[昨今明](?=[天日晚早夜儿]))[天日晚早夜儿]", _day),
    (rf"{_SOME}{_SPAN}(?:以|之)?前", _ago),
    (rf"(?:(?:最近|过去|近)的?|(?<!的)[这前](?=[几两三数])){_SOME}{_SPAN}", _lasting),
    # 日 and 天 may begin the next word instead: 日常, 日程, 日子, 日期, 日记, 天气.
    (rf"{_NEAR}{_WEEK}(?P<day>[一二三四五六末]|[日天](?![气程常子期记]))?", _week),
    (rf"(?<![每一二三四五六七八九十两几\d]){_WEEK}(?P<day>[一二三四五六]|[日天](?![气程常子期记]))", _weekday),
    (r"(?<!每)(?<!每个)周末", _weekend),
    (rf"{_OF_YEAR}?{_FESTIVAL}", _festival),
    (rf"{_FROM_OF_MONTH}(?:到|至){_OF_YEAR}?{_OF_MONTH}", _through),
    (rf"{_OF_YEAR}?(?<![\d十]){_OF_MONTH}", _month),
    (rf"{_NEAR}月", _near_month),
    (rf"{_OF_YEAR}?(?:(?P<step>[上这今])一?个?)?(?P<season>[春夏秋冬])[天季日]", _season),
    # 年 may be a part of another word: 年级, 年代, 年龄, 年轻.
    (rf"{_OF_YEAR}(?![级代龄轻])", _calendar_year),
    (r"最近|近来|近期|近日|这阵子|这段时间", _recently),
)
"""Patterns, each with what a match means now, the most exact first."""

ASKS_WHEN: Final = (
    r"什么时[候间]|何时|啥时候?|几时|什么日[子期]|什么年|哪一?[天年日周]|哪一?个[月星礼]|几(?:[月点]|号(?![线楼店门馆院]))"
    r"|多久|多长时间|星期几|周几|礼拜几"
)
