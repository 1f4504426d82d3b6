"""Whether a text tells when something was or will be. Pure; English and Chinese."""

from __future__ import annotations

import re
from typing import Final

_DAYS = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_MONTHS = "january|february|march|april|june|july|august|september|october|november|december"
_UNITS = "hour|day|night|weekend|week|month|season|year|spring|summer|autumn|fall|winter|decade"
_COUNTS = r"an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|few|several|couple of|\d+"

_TELLS: Final = re.compile(
    rf"\b(?:yesterday|today|tonight|tomorrow|ago|since|(?:{_DAYS})s?|{_MONTHS}|(?:19|20)\d\d|o'clock"
    rf"|(?:last|this|next|every) (?:{_UNITS}|{_DAYS})|(?:{_COUNTS}) (?:{_UNITS})s?|\d+(?:st|nd|rd|th)"
    r"|\d{1,2}[:.]\d\d|just (?:got|came|finished|started|moved|left))\b"
    r"|昨[天晚]|今[天晚早年]|明[天年]|前[天年]|去年|[上下][个]?(?:周|星期|礼拜|月)|(?:周|星期|礼拜)[一二三四五六日天末]"
    r"|[\d一二三四五六七八九十两几]+(?:年|个月|月|号|日|天|周|小时|点)|刚刚|刚才",
    re.IGNORECASE,
)


def tells_time(text: str) -> bool:
    """Whether it names a day, a month, a year, or a time before or after now."""
    return _TELLS.search(text) is not None
