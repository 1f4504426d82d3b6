"""How important a memory is, from 0 to 1: by what is known when it is written, and by how often it is learned again.

Pure. A memory begins with what its kind is worth; every cue in it closes a part of the distance to 1. What only asks,
or is too short to say anything, is worth less. Languages without cues of their own are judged by shape alone.
"""

from __future__ import annotations

import re
from typing import Final

from afterword.schemas import Kind
from afterword.workers.text.language import detect

_READ = 2_000  # characters
_BY_USER = {Kind.FACT: 0.4, Kind.NOTE: 0.5, Kind.EXCERPT: 0.2}
_BY_ASSISTANT = {Kind.FACT: 0.3, Kind.NOTE: 0.5, Kind.EXCERPT: 0.1}
_ASSISTANT_SHARE = 0.4
"""What an assistant says of preferences and plans is mostly advice, or said after the user."""
_QUESTION_SHARE = 0.5
_SMALL_TALK_SHARE = 0.3
_SHORT = 12
"""Units of which a text that says something has more; a letter is one unit, a character of an unparted script three."""
_LONG = 120
_SHAPE = 0.12  # what a long text, or one with a name or a number in it, gains
_UNKNOWN_LANGUAGE = 0.15
_REPETITION = 0.6  # of the distance to 1, that being learned again and again closes at most

_IDENTITY, _HEALTH, _INSTRUCTION, _PREFERENCE, _PLAN = 0.5, 0.6, 0.45, 0.4, 0.3

_ENGLISH: Final = (
    (
        _HEALTH,
        r"\b(?:allerg(?:y|ic|ies)|intoleran(?:t|ce)|coeliac|celiac|diabet(?:es|ic)|asthma|epilep\w+|diagnos\w+"
        r"|medication"
        r"|prescri\w+|surgery|pregnan\w+|disab(?:led|ility)|vegan|vegetarian|blood (?:type|pressure)|chronic)\b",
    ),
    (
        _IDENTITY,
        r"\b(?:name(?:'s| is)|(?:is|am|are) (?:called|named|married|engaged|divorced|single|widowed|retired)"
        r"|(?:i'm|i am|is|was) an? (?:\w+ ){0,2}\w+(?:er|or|ist|ian|ant|ent|man|woman|nurse|chef|pilot|manager"
        r"|parent)\b"
        r"|works? (?:as|at|for|in)|(?:new|first) job|born (?:in|on)|birthday|liv(?:es?|ing) (?:in|at|with|near)"
        r"|moved? (?:to|in|from)|(?:comes?|am|i'm|is) from|years old|speaks? \w+|stud(?:y|ies|ying) \w+|got married"
        r"|(?:my|his|her|their|'s) (?:wife|husband|partner|girlfriend|boyfriend|fianc\w+|son|daughter|child\w*"
        r"|kids?|baby"
        r"|mother|father|mum|mom|dad|parents?|brother|sister|twins?|grand\w+|boss|job|employer|company|home"
        r"|address|dog|cat))\b",
    ),
    (
        _INSTRUCTION,
        r"\b(?:from now on|always|never|remember (?:that|this|to)|don't forget|(?:please|do) (?:not|don't|call"
        r"|use|write"
        r"|answer|reply|keep|stop|avoid|speak)|(?:don't|do not|stop) (?:call|use|ask|send|suggest|recommend|mention)\w*"
        r"|call me|make sure|in (?:the )?future|next time|must not|should (?:always|never)|wants? (?:you"
        r"|the assistant) to"
        r"|asks? (?:to be|that))\b",
    ),
    (
        _PREFERENCE,
        r"\b(?:prefer\w*|favou?rites?|loves?|hates?|dislikes?|adores?|can't stand|cannot stand|(?:really|do not|don't"
        r"|doesn't) (?:like|enjoy|want)|likes|enjoys?|fan of|i like|would rather|rather than|avoids?|obsessed"
        r"|passionate)\b",
    ),
    (
        _PLAN,
        r"\b(?:going to|gonna|plan(?:s|ning|ned)? (?:to|on|a|for)|intend\w*|will \w+|i'll|we'll|appointment|deadline"
        r"|booked|scheduled|promis\w+|goal|saving (?:up )?for|tomorrow|next (?:week|month|year|spring|summer"
        r"|autumn|winter"
        r"|\w+day)|looking forward|signed up|wedding|exam)\b",
    ),
)
_CHINESE: Final = (
    (_HEALTH, "过敏|不耐受|糖尿病|哮喘|癫痫|高血压|确诊|诊断|手术|怀孕|吃素|素食|慢性病|残疾|吃药|服药"),
    (
        _IDENTITY,
        "我叫|名叫|名字[是叫]|我是一?[个名位]|(?:我|用户)[^，。！？]{0,6}(?:工作|上班|职业)|任职|就职|入职|住在|搬到|搬家|出生|生日"
        "|来自|老家|今年[^，。]{0,4}岁|结婚|离婚|订婚|单身|退休|毕业于|(?:我|用户|他|她)的?(?:老婆|妻子|老公|丈夫|女朋友|男朋友|儿子|女儿|孩子"
        "|妈妈|母亲|爸爸|父亲|爸妈|父母|哥哥|弟弟|姐姐|妹妹|奶奶|爷爷|外婆|外公|老板|公司|家|狗|猫)",
    ),
    (_INSTRUCTION, "以后|从现在起|记住|记得|别忘|不要|请用|请叫|叫我|总是|永远|务必|下次|必须|千万|别再|别给我"),
    (_PREFERENCE, "喜欢|最爱|爱吃|爱喝|讨厌|受不了|偏好|更想|宁愿|不想|不吃|不喝|热爱|迷上|痴迷|喜爱|不爱"),
    (
        _PLAN,
        "打算|计划|准备[去要在]|将要|下[周个]|明[天年]|预约|约了|预订|订了|报名|截止|目标|答应|承诺|考试|婚礼|期待|决定",
    ),
)
_EN = tuple((weight, re.compile(pattern)) for weight, pattern in _ENGLISH)
_ZH = tuple((weight, re.compile(pattern)) for weight, pattern in _CHINESE)
_UNPARTED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_STATES = re.compile(r"\d|(?<=[a-z,;] )[A-Z][a-z]|[《“「]")
_ASKING = ("?", "？", "؟", "吗", "呢")


def importance(text: str, kind: Kind, role: str | None = None, language: str | None = None) -> float:
    """From 0 to 1, for a text of this kind, said by this role (a fact: whom it is attributed to)."""
    read = text[:_READ].strip().replace("’", "'")
    by_assistant = role == "assistant"
    left = 1 - (_BY_ASSISTANT if by_assistant else _BY_USER)[kind]
    language = language or detect(text)
    cues = _EN if language == "en" else _ZH if language == "zh" else ()
    weights = [weight for weight, pattern in cues if pattern.search(read.lower())]
    for weight in weights:
        left *= 1 - weight * (_ASSISTANT_SHARE if by_assistant else 1)
    units = _units(read)
    left *= 1 - _SHAPE * (0.5 * min(units / _LONG, 1) + 0.5 * bool(_STATES.search(read)))
    if not cues and units >= _SHORT:
        left *= 1 - _UNKNOWN_LANGUAGE
    return round((1 - left) * _share(read, kind, said_something=bool(weights), units=units), 3)


def repeated(base: float, count: int) -> float:
    """The importance of what was learned again so many times: rises with each, never to 1. 0 times: `base`."""
    return round(base + (1 - base) * _REPETITION * (1 - 0.5**count), 3)


def _share(text: str, kind: Kind, *, said_something: bool, units: int) -> float:
    """What remains of a question, and of what says nothing. Facts and notes were chosen by somebody."""
    if units == 0:
        return 0.0
    if kind is not Kind.EXCERPT:
        return 1.0
    if not said_something and units < _SHORT:
        return _SMALL_TALK_SHARE
    return _QUESTION_SHARE if text.endswith(_ASKING) else 1.0


def _units(text: str) -> int:
    """How much a text says at most; emoji and punctuation say nothing."""
    letters = sum(map(str.isalnum, text))
    return letters if text.isascii() else letters + 2 * len(_UNPARTED.findall(text))
