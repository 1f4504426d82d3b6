"""Choosing among ranked memories: the threshold, and each thing once. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from afterword.schemas import Kind
from afterword.workers.services.recall.ranking.ranking import Ranked
from afterword.workers.stores.vectors.payload import StoredMemory
from afterword.workers.text.analysis import UNPARTED

_ALIKE = 0.8
"""The share of words in common, of all words of both, from which on two texts say the same."""

_NEAR = 0.33
"""The part of the threshold that comes near it."""

_FEW = 4  # words: below, alike is only what is the same
_TEXTS_CACHED = 512  # a chosen text is compared with all that come after it
_WORD = re.compile(rf"{UNPARTED}|\w+?(?={UNPARTED}|\b)")

_Source = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Selection:
    """What is chosen, best first, and by id why others are left out."""

    memories: tuple[StoredMemory, ...]
    left_out: dict[str, str]


def relevant(ranked: Sequence[Ranked], floor: float) -> list[Ranked]:
    """What may be given. Nothing, unless something reaches the threshold: then the question is about what is known, and
    what comes near it may complete the answer.
    """
    if not any(each.relevance >= floor for each in ranked):
        return []
    return [each for each in ranked if each.relevance >= _NEAR * floor]


def each_once(memories: Iterable[StoredMemory], *, most: int, asked: str | None = None) -> Selection:
    """The first `most`, without what repeats a better one, or the question itself.

    A fact and the turn that it was learned from are one thing: what ranks higher stands for both.
    """
    chosen: list[StoredMemory] = []
    left_out: dict[str, str] = {}
    said = _Said(asked)
    for memory in memories:
        if len(chosen) == most:
            break
        reason = said.before(memory)
        if reason:
            left_out[memory.id] = reason
        else:
            chosen.append(memory)
            said.add(memory)
    return Selection(tuple(chosen), left_out)


class _Said:
    """What was chosen so far, by its words and by its source."""

    def __init__(self, asked: str | None) -> None:
        self._asked = None if asked is None else _words(asked)
        self._words: list[tuple[str, frozenset[str]]] = []
        self._learned: dict[_Source, str] = {}
        self._verbatim: dict[_Source, str] = {}

    def before(self, memory: StoredMemory) -> str | None:
        """Why this memory adds nothing, if it does not."""
        words = _words(memory.text)
        if words == self._asked:
            return "it is the question itself"
        others = self._learned if memory.kind is Kind.EXCERPT else self._verbatim
        twin = others.get(source) if (source := _source(memory)) else None
        twin = twin or next((key for key, known in self._words if _alike(words, known)), None)
        return f"it says what {twin} says" if twin else None

    def add(self, memory: StoredMemory) -> None:
        self._words.append((memory.id, _words(memory.text)))
        if source := _source(memory):
            (self._verbatim if memory.kind is Kind.EXCERPT else self._learned).setdefault(source, memory.id)


def _source(memory: StoredMemory) -> _Source | None:
    """The turn it comes from."""
    if memory.event_id is None or memory.message is None:
        return None
    return memory.event_id, memory.message


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether the longer says what the shorter does; with a word each that the other lacks, such as two towns or two
    dates, they say different things.
    """
    shorter, longer = (one, other) if len(one) <= len(other) else (other, one)
    if len(shorter) < _FEW:
        return one == other
    return len(shorter) >= _ALIKE * len(longer) and shorter <= longer


@lru_cache(maxsize=_TEXTS_CACHED)
def _words(text: str) -> frozenset[str]:
    """Words, and single characters where a script does not part its words; emoji alone are what they are."""
    return frozenset(_WORD.findall(text.casefold()) or [text.strip()])
