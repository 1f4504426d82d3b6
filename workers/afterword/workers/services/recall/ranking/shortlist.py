"""The shortlist: which of the ranked memories are given, each thing once, and why the others are not. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

from afterword.schemas import Explanation, Kind, Memory, Scope
from afterword.workers.services.recall.ranking.scores import WEIGHTS, RankedMemory, Signals
from afterword.workers.stores.vectors.payload import StoredMemory, to_memory
from afterword.workers.text.analysis import UNPARTED
from afterword.workers.text.remembered import remembered

LOOKED_AT = 100
"""Facts, newest first, among which those that say who somebody is are looked for."""

_IDENTITY = 0.7
"""A fact with at least this importance says who somebody is (see `services.memories.importance`)."""

_ALIKE = 0.8
"""A text says the same as a longer one if it holds no other words, and at least this share of the longer one's. Set on
the development part of `make bench-recall`."""

_NEAR = 0.33
"""A memory that reaches this part of the threshold is near it. Set on the development part of `make bench-recall`."""

_FEW = 4  # words: two shorter texts are alike only when they are the same
_TEXTS_CACHED = 512  # a chosen text is compared with all that come after it
# A character by itself where the script has no spaces, else a whole word.
_WORD = re.compile(rf"{UNPARTED}|\w+?(?={UNPARTED}|\b)")

_Source = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Shortlist:
    """The memories chosen, best first, and by id the reason why others are left out."""

    memories: tuple[StoredMemory, ...]
    left_out: dict[str, str]


def relevant(ranked: Sequence[RankedMemory], floor: float) -> list[RankedMemory]:
    """The memories that may be given: none, unless one reaches the threshold.

    When one does, the question is about something known, and memories that come near the threshold may complete the
    answer.
    """
    if not any(each.relevance >= floor for each in ranked):
        return []
    return [each for each in ranked if each.relevance >= _NEAR * floor]


def each_once(memories: Iterable[StoredMemory], *, most: int, asked: str | None = None) -> Shortlist:
    """The first `most`, without those that repeat a better one or the question itself.

    A fact and the turn that it was learned from are one thing: whichever ranks higher stands for both.
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
    return Shortlist(tuple(chosen), left_out)


def identity(facts: Sequence[StoredMemory], most: int) -> tuple[StoredMemory, ...]:
    """The facts that say who somebody is: the most important first, and the newest first among equals. A fact below the
    importance for that is never one of them.
    """
    important = [fact for fact in facts if (fact.importance or 0.0) >= _IDENTITY]
    important.sort(key=lambda fact: (fact.importance or 0.0, fact.occurred_at, fact.id), reverse=True)
    return tuple(important[:most])


def explained(
    ranked: Sequence[RankedMemory],
    replaced: Mapping[str, str],
    chosen: Shortlist,
    floor: float,
    weights: Signals = WEIGHTS,
    *,
    to_owner: bool = True,
) -> tuple[Explanation, ...]:
    """Why each memory ranks where it does, in the order of rank. `replaced` names, by a memory's id, the newer one that
    has taken its place. `to_owner` as in `to_memory`.
    """
    given = {memory.id for memory in chosen.memories}
    return tuple(
        Explanation(
            memory=to_memory(each.memory, round(each.relevance, 4), to_owner=to_owner),
            score=round(each.score, 4),
            relevance=round(each.relevance, 4),
            signals=_weighed(each.signals, weights),
            replaced_by=replaced.get(each.memory.id),
            left_out=None if each.memory.id in given else _reason(each, chosen, floor),
        )
        for each in ranked
    )


def after_fitting(explanations: Sequence[Explanation], given: Sequence[Memory]) -> tuple[Explanation, ...]:
    """The same explanations, once it is known which memories there was room for. One that is `given` only to complete a
    better one is not left out either.
    """
    ids = {memory.id for memory in given}
    return tuple(
        each.model_copy(
            update={"left_out": None if each.memory.id in ids else each.left_out or "there is no room for it"}
        )
        for each in explanations
    )


class _Said:
    """The memories chosen so far, by their words and by their source."""

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
        # Only across kinds: one turn may give several facts, which are not one thing.
        others = self._learned if memory.kind is Kind.EXCERPT else self._verbatim
        twin = others.get(source) if (source := _source(memory)) else None
        twin = twin or next((key for key, known in self._words if _alike(words, known)), None)
        return f"it says what {twin} says" if twin else None

    def add(self, memory: StoredMemory) -> None:
        self._words.append((memory.id, _words(memory.text)))
        if source := _source(memory):
            (self._verbatim if memory.kind is Kind.EXCERPT else self._learned).setdefault(source, memory.id)


def _source(memory: StoredMemory) -> _Source | None:
    """The turn it comes from. An agent's memory may come from another user's event, which may have the same id."""
    if memory.event_id is None or memory.message is None or memory.scope is Scope.AGENT:
        return None
    return memory.event_id, memory.message


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether the longer text says all that the shorter does. If each has a word that the other lacks, such as two
    towns or two dates, they say different things.
    """
    shorter, longer = (one, other) if len(one) <= len(other) else (other, one)
    if len(shorter) < _FEW:
        return one == other
    return len(shorter) >= _ALIKE * len(longer) and shorter <= longer


@remembered(_TEXTS_CACHED)
def _words(text: str) -> frozenset[str]:
    """Words, and single characters where a script does not part its words; emoji alone are what they are."""
    return frozenset(_WORD.findall(text.casefold()) or [text.strip()])


def _weighed(signals: Signals, weights: Signals) -> dict[str, float]:
    found = {each.name: getattr(signals, each.name) * getattr(weights, each.name) for each in fields(Signals)}
    return {name: round(value, 4) for name, value in found.items() if value}


def _reason(ranked: RankedMemory, chosen: Shortlist, floor: float) -> str:
    if reason := chosen.left_out.get(ranked.memory.id):
        return reason
    if ranked.relevance < floor:
        return f"its relevance is below the threshold of {floor:g}"
    return "others rank higher"
