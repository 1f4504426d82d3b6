"""How important a memory is, from 0 to 1: by what is known when it is written, and by how often it is learned again.

Pure. A memory begins with what its kind is worth; every cue in it closes a part of the distance to 1. What only asks,
or is too short to say anything, is worth less. Languages without cues of their own are judged by shape alone.
"""

from __future__ import annotations

import re
from typing import Final

from afterword.schemas import Kind
from afterword.workers.text.en import importance as en
from afterword.workers.text.language import detect
from afterword.workers.text.zh import importance as zh

_READ = 2_000  # characters: a pasted page is judged by its beginning, and costs no more than that
_BY_USER = {Kind.FACT: 0.4, Kind.NOTE: 0.5, Kind.EXCERPT: 0.2}
_BY_ASSISTANT = {Kind.FACT: 0.3, Kind.NOTE: 0.5, Kind.EXCERPT: 0.1}
_ASSISTANT_SHARE = 0.4
"""An assistant's cues count less: it mostly gives advice, or repeats the user."""
_QUESTION_SHARE = 0.5
_SMALL_TALK_SHARE = 0.3
_SHORT = 12
"""Units of which a text that says something has more; a letter is one unit, a character of an unparted script three."""
_LONG = 120
_SHAPE = 0.12  # gained by a long text, and by one with a name or a number in it
_UNKNOWN_LANGUAGE = 0.15
_REPETITION = 0.6  # of the distance to 1, that being learned again and again closes at most

# How much of the distance to 1 a cue closes. Set by hand, what cannot be asked again first; `make bench-recall` shows
# what they are worth together (recall@20 over excerpts and facts is .959 with importance and .951 without).
_WEIGHTS: Final = {"health": 0.6, "identity": 0.5, "instruction": 0.45, "preference": 0.4, "plan": 0.3}
_EN = tuple((_WEIGHTS[kind], re.compile(rf"\b(?:{'|'.join(cues)})\b")) for kind, cues in en.CUES.items())
_ZH = tuple((_WEIGHTS[kind], re.compile("|".join(cues))) for kind, cues in zh.CUES.items())
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
        # Multiplied, so that many cues come close to 1 and never beyond.
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
    """The share that is left to a question, and to small talk. Facts and notes were chosen by somebody: all of it."""
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
