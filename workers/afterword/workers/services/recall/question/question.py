"""A question, understood as far as that needs no server. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from afterword.workers.text import analysis
from afterword.workers.text.asked_time import asked_time, asks_when
from afterword.workers.text.periods import Period
from afterword.workers.text.small_talk import is_small_talk

_MOST_TERMS = 64
_ENDS = 2_000  # characters of a long message that are embedded: what it begins with, and what it ends with
_UNPARTED = re.compile(analysis.UNPARTED)
_CURRENT: Final = re.compile(
    r"\b(?:now|nowadays|currently|current|these days|at the moment|at present|latest|newest|lately|still|any ?more)\b"
    r"|现在|目前|如今|眼下|当前|最近|最新|近来|还在|今はもう|今は|現在|最近の",
    re.IGNORECASE,
)

_OPEN: Final = re.compile(
    r"(?:\b(?:what(?: else)? do you (?:already )?(?:know|remember|recall) (?:about|of) me"
    r"|what have you (?:learned|learnt) about me|tell me what you (?:know|remember) about me"
    r"|do you (?:still )?(?:know|remember|recall) me|who am i)"
    r"|你(?:都|还)?(?:知道|了解|记得|记住)(?:了|关于)?我(?:的)?(?:什么|些什么|哪些事|多少|吗|谁)?|我是谁"
    r"|私のこと(?:を|は|について)?(?:何を)?(?:知って|覚えて)[いる]*(?:の|か|んですか)?|私は誰(?:ですか)?)\W*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `text` is what gets embedded, `terms` what is searched by words, each once.

    `unparted` is the share, 0 to 1, of its characters that is of a script without spaces. `is_small_talk`: it is
    about nothing. `is_open`: it asks for whatever is known of who asks. `wants_current`: it asks for how things are
    now; `asks_when`: for a time. `period` is the time it is about, None for none. `topic` is told once it is embedded,
    None for none.
    """

    text: str
    terms: tuple[str, ...]
    unparted: float
    is_small_talk: bool
    is_open: bool
    wants_current: bool
    asks_when: bool
    period: Period | None
    topic: str | None = None

    @property
    def lexical(self) -> str:
        """The terms as a lexical search takes them."""
        return " ".join(self.terms)


def read(message: str, now: datetime) -> Question:
    """A user's message, said `now`, as a question to the memory; one of 100 kB costs no more than one of some pages."""
    text = message.strip()
    if len(text) > 2 * _ENDS:
        text = f"{text[:_ENDS]} {text[-_ENDS:]}"
    terms = _at_both_ends(analysis.terms(text))
    letters = sum(character.isalnum() for character in text)
    return Question(
        text=text,
        terms=terms,
        unparted=min(1.0, len(_UNPARTED.findall(text)) / letters) if letters else 0.0,  # Thai vowels are no letters
        is_small_talk=is_small_talk(text),
        is_open=_OPEN.search(text) is not None,
        wants_current=_CURRENT.search(text) is not None,
        asks_when=asks_when(text),
        period=asked_time(text, now),
    )


def _at_both_ends(terms: Sequence[str]) -> tuple[str, ...]:
    """Each once; of many, those that come first and those that come last."""
    first = tuple(dict.fromkeys(terms))
    if len(first) <= _MOST_TERMS:
        return first
    last = tuple(dict.fromkeys(reversed(terms)))[: _MOST_TERMS // 2]
    return tuple(dict.fromkeys((*first[: _MOST_TERMS // 2], *reversed(last))))
