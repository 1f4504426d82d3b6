"""A message, read as a question to the memory. Pure.

>>> from datetime import UTC
>>> asked = parse_question("Which car does Ann drive now?", datetime(2026, 5, 1, tzinfo=UTC))
>>> asked.terms, asked.wants_current, asked.is_small_talk
(('car', 'ann', 'drive', 'now'), True, False)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from afterword.workers.text import analysis, other_languages
from afterword.workers.text.asked_time import asked_time, asks_when
from afterword.workers.text.en import phrases as english
from afterword.workers.text.en import words as english_words
from afterword.workers.text.periods import TimeSpan
from afterword.workers.text.zh import phrases as chinese

_MOST_TERMS = 64
_ENDS = 2_000  # characters at each end of a long message that are read: the question stands before or after a paste
_MOST_TALK = 200  # characters; who writes more than that says something
_UNPARTED = re.compile(analysis.UNPARTED)


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_FOR_NOW: Final = _any_of(english.ASKS_FOR_NOW, chinese.ASKS_FOR_NOW, other_languages.ASKS_FOR_NOW)
# Only at the end: "What do you know about me and my sister?" asks for something.
_FOR_ALL: Final = re.compile(
    rf"(?:{english.ASKS_FOR_ALL}|{chinese.ASKS_FOR_ALL}|{other_languages.ASKS_FOR_ALL})\W*$", re.IGNORECASE
)
_TALK: Final = frozenset(analysis.terms(english_words.SMALL_TALK + other_languages.SMALL_TALK))
_TALK_PHRASES: Final = re.compile(f"(?:{chinese.SMALL_TALK}|{other_languages.SMALL_TALK_PHRASES})+")


@dataclass(frozen=True, slots=True)
class ParsedQuestion:
    """A message read as a question.

    `text` is embedded; `terms`, each once, are searched by words. `unparted` is the share (0 to 1) of its characters
    that belong to a script without spaces. `is_small_talk`: it is about nothing. `is_open`: it asks for anything known
    about the asker. `wants_current`: it asks how things are now. `asks_when`: it asks for a time. `period` is the time
    that it names, if any. `topic` is known once the question is embedded.
    """

    text: str
    terms: tuple[str, ...]
    unparted: float
    is_small_talk: bool
    is_open: bool
    wants_current: bool
    asks_when: bool
    period: TimeSpan | None
    topic: str | None = None

    @property
    def lexical(self) -> str:
        """The terms as a lexical search takes them."""
        return " ".join(self.terms)


def parse_question(message: str, now: datetime) -> ParsedQuestion:
    """A user's message, said `now`. A message of 100 kB costs no more than one of a few pages."""
    text = message.strip()
    if len(text) > 2 * _ENDS:
        text = f"{text[:_ENDS]} {text[-_ENDS:]}"
    terms = _at_both_ends(analysis.terms(text))
    letters = sum(character.isalnum() for character in text)
    return ParsedQuestion(
        text=text,
        terms=terms,
        unparted=min(1.0, len(_UNPARTED.findall(text)) / letters) if letters else 0.0,  # Thai vowels are no letters
        is_small_talk=is_small_talk(text),
        is_open=_FOR_ALL.search(text) is not None,
        wants_current=_FOR_NOW.search(text) is not None,
        asks_when=asks_when(text),
        period=asked_time(text, now),
    )


def is_small_talk(text: str) -> bool:
    """Whether nothing of it is about anything: thanks, greetings, agreement, laughter, emoji, punctuation."""
    if len(text) > _MOST_TALK:
        return False
    # No phrase is in ASCII, and the terms of the text itself were just looked up: a third of parsing a question.
    said = text if text.isascii() else _TALK_PHRASES.sub(" ", text)
    return all(term in _TALK for term in analysis.terms(said))


def _at_both_ends(terms: Sequence[str]) -> tuple[str, ...]:
    """Each once; of many, those that come first and those that come last."""
    first = tuple(dict.fromkeys(terms))
    if len(first) <= _MOST_TERMS:
        return first
    last = tuple(dict.fromkeys(reversed(terms)))[: _MOST_TERMS // 2]
    return tuple(dict.fromkeys((*first[: _MOST_TERMS // 2], *reversed(last))))
