"""Words that carry a conversation on without being about anything: a message of nothing else asks for no memory."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from afterword.workers.text import analysis

_WORDS = """
    thanks thank thx ty cheers please sorry pardon welcome hello hi hey hiya yo morning afternoon evening night
    good great nice fine cool awesome perfect lovely excellent amazing wonderful super brilliant wow
    bye goodbye cya later tomorrow soon now talk see ok okay okey kay yes yeah yep yup yea no nope nah sure right
    exactly absolutely definitely agreed correct true indeed course alright
    lol haha hahaha hehe hmm hm uh um er oh ah aha ooh oops wait stop continue go ahead next
    repeat again say mean sense make really help helpful lot much bit sound got get understand understood
    funny happy glad welcome problem worry let know thing
    hola gracias adios vale claro buenos buenas dias noches hasta luego favor perdon
    bonjour merci salut oui non bonsoir revoir accord bien sur plait
    danke hallo bitte tschuss ja nein gut morgen abend nacht genau prima
    ciao grazie prego buongiorno buonasera ola obrigado obrigada tchau sim nao
"""
_UNPARTED = (
    "谢谢|多谢|感谢|你好|您好|早上好|早安|下午好|晚上好|晚安|再见|拜拜|明天|聊|回头|见|"
    "好的|好吧|好呀|好哒|行|可以|没问题|没事|不用|不客气|嗯|哦|噢|啊|呀|吧|呢|嘛|哈|嘿|嘻|"
    "太好了|太棒了|真棒|不错|是的|对|没错|不是|明白|知道|了解|懂了|继续|再说|一遍|什么|意思|"
    "麻烦|辛苦|请问|请|对不起|抱歉|等等|稍等|"
    "ありがとうございます|ありがとう|こんにちは|おはよう|こんばんは|おやすみ|はい|いいえ|すみません|さようなら|"
    "감사합니다|고마워|안녕하세요|안녕|네|아니요|ขอบคุณ|สวัสดี"
)

_TALK: Final = frozenset(analysis.terms(_WORDS))
_PHRASES: Final = re.compile(f"(?:{_UNPARTED}|了|的|我|你|您|们)+")
_MOST_CHARACTERS = 200


def is_small_talk(text: str) -> bool:
    """Whether nothing of it is about anything: thanks, greetings, agreement, laughter, emoji, punctuation."""
    if len(text) > _MOST_CHARACTERS:
        return False
    # No phrase is in ASCII, and the terms of the text as it stands were just looked up: a third of reading a question.
    return only_talk(analysis.terms(text if text.isascii() else _PHRASES.sub(" ", text)))


def only_talk(terms: Iterable[str]) -> bool:
    """Whether search terms hold no other word than those."""
    return all(term in _TALK for term in terms)
