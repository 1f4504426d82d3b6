"""Scores: which memories answer a question best, and why. Pure.

A memory's score is the weighted sum of its signals; `Signals` documents each. Only a signal that moved the recall
benchmark has a weight; `make bench-recall` shows how much each is worth. Two things make a memory useless and are no
signals: it repeats a better one (`shortlist`), or a newer one has taken its place (`replacement`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from afterword.schemas import Kind, Scope
from afterword.workers.services.recall.question.parsing import ParsedQuestion
from afterword.workers.services.recall.ranking.evidence import Evidence
from afterword.workers.stores.vectors.payload import StoredMemory
from afterword.workers.text import analysis
from afterword.workers.text.acknowledgement import says_nothing
from afterword.workers.text.asked_time import tells_time
from afterword.workers.text.periods import closeness

HALF_LIFE = {
    Scope.USER: timedelta(days=90),
    Scope.AGENT: timedelta(days=180),
    Scope.SESSION: timedelta(days=2),
}
"""The age at which a memory's recency has halved. Chosen, not measured; only the weight of recency was."""


@dataclass(frozen=True, slots=True)
class Signals:
    """The signals that speak for a memory, or the weight of each.

    dense: cosine similarity above what the embedder gives to chance, in deviations; an answer has about 5.
    lexical: BM25, from 0 to 1 of the best of the question.
    learned: 1 for a fact or a note, which stands by itself; 0 for a turn kept verbatim.
    topic: 1 where the memory is of the question's topic.
    importance: 0 to 1, as it was scored when the memory was written, and raised when it was learned again.
    recency: 1 for this moment, halved with each half-life of the scope; 0 unless the question asks how things are now.
    period: how close the memory lies to the time that is asked about, 0 to 1; 0 when none is.
    tells_time: 1 where the memory names a time and the question asks for one.
    """

    dense: float = 0.0
    lexical: float = 0.0
    learned: float = 0.0
    topic: float = 0.0
    importance: float = 0.0
    recency: float = 0.0
    period: float = 0.0
    tells_time: float = 0.0


WEIGHTS = Signals(
    dense=0.12, lexical=0.55, learned=0.25, topic=0.08, importance=0.1, recency=0.25, period=0.3, tells_time=0.12
)
"""Set on the development part of `make bench-recall`; docs/benchmarks.md shows the loss without each."""

_FIRST = 5
_WHOLE_RELEVANCE = 0.5
"""Among the first `_FIRST`, a memory that holds every word of the question has at least this relevance. Both are set on
the development part of `make bench-recall`."""


@dataclass(frozen=True, slots=True)
class RankedMemory:
    """A memory with its signals, its score by them, and its relevance from 0 to 1."""

    memory: StoredMemory
    signals: Signals
    score: float
    relevance: float


def rank(
    evidence: Iterable[Evidence],
    memories: Sequence[StoredMemory],
    question: ParsedQuestion,
    *,
    now: datetime,
    weights: Signals = WEIGHTS,
) -> list[RankedMemory]:
    """The memories, best first.

    Of the first few, a memory that holds every word of the question is relevant, however common these words are among
    the owner's memories. An answer that only acknowledges ("Let me think about that for you.") is relevant to nothing.
    """
    by_id = {each.id: each for each in evidence}
    ranked = [_ranked(memory, by_id[memory.id], question, now, weights) for memory in memories]
    # The id decides between equals, so that every run gives the same order.
    ranked.sort(key=lambda each: (-each.score, each.memory.id))
    return [*(_held_whole(each, question) for each in ranked[:_FIRST]), *ranked[_FIRST:]]


def proposed(evidence: Iterable[Evidence], most: int, weights: Signals = WEIGHTS) -> list[str]:
    """The ids of the best by the store's two signals alone: those whose payload is worth fetching."""
    best = sorted(evidence, key=lambda each: (-_stored(each, weights), each.id))
    return [each.id for each in best[:most]]


def newest_first(memories: Iterable[StoredMemory]) -> list[StoredMemory]:
    """Memories in the order that serves when nothing is asked: learned ones before excerpts, then by importance, then
    the newest first.
    """
    return sorted(
        memories,
        key=lambda memory: (memory.kind is not Kind.EXCERPT, memory.importance or 0.0, memory.told_at, memory.id),
        reverse=True,
    )


def recency(memory: StoredMemory, now: datetime) -> float:
    """1 for this moment, halved with each half-life of the memory's scope."""
    age = max(now - memory.told_at, timedelta(0))
    return float(0.5 ** (age / HALF_LIFE[memory.scope]))


def score(signals: Signals, weights: Signals = WEIGHTS) -> float:
    """The weighted sum; it rises with each signal."""
    return (
        weights.dense * signals.dense
        + weights.lexical * signals.lexical
        + weights.learned * signals.learned
        + weights.topic * signals.topic
        + weights.importance * signals.importance
        + weights.recency * signals.recency
        + weights.period * signals.period
        + weights.tells_time * signals.tells_time
    )


def _ranked(
    memory: StoredMemory, evidence: Evidence, question: ParsedQuestion, now: datetime, weights: Signals
) -> RankedMemory:
    if _is_acknowledgement(memory):
        evidence = Evidence(evidence.id, 0.0, 0.0, 0.0)
    signals = Signals(
        dense=evidence.dense,
        lexical=evidence.lexical,
        learned=float(memory.kind is not Kind.EXCERPT),
        topic=float(question.topic is not None and memory.topic == question.topic),
        importance=memory.importance or 0.0,
        recency=recency(memory, now) if question.wants_current else 0.0,
        period=closeness(question.period, memory.occurred_at) if question.period else 0.0,
        tells_time=float(question.asks_when and tells_time(memory.text)),
    )
    return RankedMemory(memory, signals, score(signals, weights), evidence.relevance)


def _is_acknowledgement(memory: StoredMemory) -> bool:
    """Whether it says nothing. Only the words of the question before it find it, which was asked once already."""
    return memory.kind is Kind.EXCERPT and memory.role == "assistant" and says_nothing(memory.text)


def _held_whole(ranked: RankedMemory, question: ParsedQuestion) -> RankedMemory:
    if ranked.relevance >= _WHOLE_RELEVANCE or not question.terms:
        return ranked
    # By the memory's own words: its lexical field also holds those of the turns before it.
    if not set(question.terms) <= set(analysis.terms(ranked.memory.text)):
        return ranked
    return replace(ranked, relevance=_WHOLE_RELEVANCE)


def _stored(evidence: Evidence, weights: Signals) -> float:
    return weights.dense * evidence.dense + weights.lexical * evidence.lexical
