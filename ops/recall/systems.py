"""Systems that can be asked for memories: the interface of all systems compared, and the plain ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from afterword.schemas.context import DEFAULT_LIMIT
from afterword.workers.models.embedders.port import Embedder
from afterword.workers.stores.vectors.owners import UserOwner
from afterword.workers.stores.vectors.port import VectorStore
from afterword.workers.stores.vectors.queries import Dense, Lexical, Signal
from afterword.workers.stores.vectors.views import ScopedSearch, Views
from afterword.workers.text import analysis

DEPTH = 100
"""Memories that a ranking goes down to."""

_RANK_CONSTANT = 60


@dataclass(frozen=True, slots=True)
class Asking:
    """A question of a person, or of somebody about them, at a time."""

    owner: UserOwner
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Ranked:
    """A memory by its id, with the relevance that the system itself gives it, on its own scale."""

    memory_id: str
    relevance: float


@dataclass(frozen=True, slots=True)
class Recalled:
    """A system's answer to a question.

    `ranked` are the owner's memories, best first, however little they have to do with it, DEPTH at most; `injected` the
    ids of those that the system would put into the prompt by its own defaults.
    """

    ranked: Sequence[Ranked]
    injected: Sequence[str]


class System(Protocol):
    """A way to recall."""

    name: str

    def recall(self, asking: Asking) -> Recalled:
        """Raises: EmbeddingFailed, VectorStoreUnavailable."""


class OneSignal:
    """One search of the store. It knows no threshold: it injects as many as a context holds by default."""

    def __init__(self, name: str, store: VectorStore, signal: Callable[[str], Signal]) -> None:
        self.name = name
        self._store = store
        self._signal = signal

    def recall(self, asking: Asking) -> Recalled:
        return _without_threshold(self.ranked(asking))

    def ranked(self, asking: Asking) -> list[Ranked]:
        """The search's ranking."""
        search = ScopedSearch(asking.owner, self._signal(asking.text), DEPTH)
        [found] = Views(self._store).of(asking.owner).search([search])
        return [Ranked(each.memory.id, each.score) for each in found]


class ReciprocalRanks:
    """Plain reciprocal rank fusion: the sum of 1 / (60 + place) over the rankings. It knows no threshold either."""

    name = "reciprocal rank fusion"

    def __init__(self, searches: Sequence[OneSignal]) -> None:
        self._searches = searches

    def recall(self, asking: Asking) -> Recalled:
        return _without_threshold(fused([search.ranked(asking) for search in self._searches])[:DEPTH])


def _without_threshold(ranked: Sequence[Ranked]) -> Recalled:
    return Recalled(ranked, [each.memory_id for each in ranked[:DEFAULT_LIMIT]])


def fused(rankings: Sequence[Sequence[Ranked]]) -> list[Ranked]:
    """By reciprocal rank, best first; of equals the one that an earlier ranking found earlier."""
    scores: dict[str, float] = {}
    for ranking in rankings:
        for place, each in enumerate(ranking, start=1):
            scores[each.memory_id] = scores.get(each.memory_id, 0.0) + 1 / (_RANK_CONSTANT + place)
    found = [Ranked(memory_id, score) for memory_id, score in scores.items()]
    return sorted(found, key=lambda each: each.relevance, reverse=True)


def plain_systems(store: VectorStore, embedder: Embedder) -> list[System]:
    """Dense search alone, BM25 alone, and both by rank."""
    dense = OneSignal("dense only", store, lambda text: Dense(embedder.embed([text])[0]))
    lexical = OneSignal("BM25 only", store, lambda text: Lexical(" ".join(analysis.terms(text))))
    return [dense, lexical, ReciprocalRanks([dense, lexical])]
