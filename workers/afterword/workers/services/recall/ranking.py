"""Ranking: which memories answer a question best. Pure.

Both signals are brought to the range 0 to 1: cosine similarity as it is (below 0 counts as 0), BM25 by s / (s + K),
since it has no upper bound. The relevance of a memory is the chance that at least one signal is right, were they
independent: 1 - (1 - dense) * (1 - lexical). Between memories of like relevance the more recent comes first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from afterword.schemas import Kind, Scope
from afterword.workers.stores.vectors.payload import StoredMemory

LEXICAL_HALF = 6.0
"""The BM25 score that counts as 0.5."""

RECENCY_WEIGHT = 0.05
"""What a memory of this moment gains over one of long ago."""

HALF_LIFE = {
    Scope.USER: timedelta(days=90),
    Scope.AGENT: timedelta(days=180),
    Scope.SESSION: timedelta(days=2),
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A memory with the raw scores of the signals that found it; 0 for a signal that did not."""

    memory: StoredMemory
    dense: float = 0.0
    lexical: float = 0.0

    @property
    def relevance(self) -> float:
        """From 0 to 1."""
        dense = min(max(self.dense, 0.0), 1.0)
        lexical = max(self.lexical, 0.0)
        return 1 - (1 - dense) * (1 - lexical / (lexical + LEXICAL_HALF))


@dataclass(frozen=True, slots=True)
class Ranked:
    """A memory with its relevance, from 0 to 1."""

    memory: StoredMemory
    relevance: float


def rank(candidates: Iterable[Candidate], *, now: datetime, floor: float) -> list[Ranked]:
    """The candidates at or above the floor, best first; each text once."""
    kept = [candidate for candidate in candidates if candidate.relevance >= floor]
    kept.sort(
        key=lambda each: (each.relevance + RECENCY_WEIGHT * recency(each.memory, now), each.memory.id), reverse=True
    )
    return _each_text_once(Ranked(each.memory, round(each.relevance, 4)) for each in kept)


def newest(memories: Iterable[StoredMemory]) -> list[Ranked]:
    """Without a question: what was learned before what was merely said, the most important and recent first."""
    ordered = sorted(
        memories,
        key=lambda memory: (memory.kind is not Kind.EXCERPT, memory.importance or 0.0, memory.occurred_at, memory.id),
        reverse=True,
    )
    return _each_text_once(Ranked(memory, 0.0) for memory in ordered)


def recency(memory: StoredMemory, now: datetime) -> float:
    """1 for this moment, halved with each half-life of the memory's scope."""
    age = max(now - memory.occurred_at, timedelta(0))
    return float(0.5 ** (age / HALF_LIFE[memory.scope]))


def _each_text_once(ranked: Iterable[Ranked]) -> list[Ranked]:
    first: dict[str, Ranked] = {}
    for each in ranked:
        first.setdefault(" ".join(each.memory.text.casefold().split()), each)
    return list(first.values())


def merged(
    dense: Sequence[tuple[StoredMemory, float]], lexical: Sequence[tuple[StoredMemory, float]]
) -> list[Candidate]:
    """One candidate a memory, whichever signals found it."""
    memories = {memory.id: memory for memory, _ in (*dense, *lexical)}
    dense_scores = {memory.id: score for memory, score in dense}
    lexical_scores = {memory.id: score for memory, score in lexical}
    return [
        Candidate(memory, dense_scores.get(key, 0.0), lexical_scores.get(key, 0.0)) for key, memory in memories.items()
    ]
