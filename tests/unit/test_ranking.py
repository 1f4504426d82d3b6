from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterword.schemas import Kind, Scope
from afterword.workers.services.recall.ranking import LEXICAL_HALF, Candidate, merged, newest, rank, recency
from afterword.workers.stores.vectors.payload import StoredMemory

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
dense_scores = st.floats(-1, 1)
lexical_scores = st.floats(0, 100)


def memory(name: str, days_old: float = 0, **fields: Any) -> StoredMemory:
    at = NOW - timedelta(days=days_old)
    defaults: dict[str, Any] = {"text": name, "scope": Scope.USER, "kind": Kind.FACT, "tenant_id": "default"}
    return StoredMemory(**{**defaults, "id": name, "occurred_at": at, "created_at": at} | fields)


def relevance(dense: float, lexical: float) -> float:
    return Candidate(memory("x"), dense, lexical).relevance


def names(candidates: list[Candidate], floor: float = 0.0) -> list[str]:
    return [ranked.memory.id for ranked in rank(candidates, now=NOW, floor=floor)]


@given(dense_scores, lexical_scores, st.floats(0, 1), st.floats(0, 100))
def test_relevance_never_falls_when_a_signal_rises(dense: float, lexical: float, more: float, terms: float) -> None:
    here = relevance(dense, lexical)
    assert 0 <= here <= 1
    assert relevance(min(dense + more, 1), lexical) >= here - 1e-12
    assert relevance(dense, lexical + terms) >= here - 1e-12


@pytest.mark.parametrize(
    ("dense", "lexical", "expected"),
    [(0, 0, 0), (-1, 0, 0), (1, 0, 1), (1.2, -1, 1), (0.5, 0, 0.5), (0, LEXICAL_HALF, 0.5), (0.5, LEXICAL_HALF, 0.75)],
)
def test_either_signal_may_be_right(dense: float, lexical: float, expected: float) -> None:
    assert relevance(dense, lexical) == pytest.approx(expected)


@given(st.lists(st.tuples(dense_scores, lexical_scores), max_size=10), st.floats(0, 1))
def test_none_below_the_floor_and_all_others_once(scores: list[tuple[float, float]], floor: float) -> None:
    candidates = [Candidate(memory(str(number)), *pair) for number, pair in enumerate(scores)]
    ranked = rank(candidates, now=NOW, floor=floor)
    assert sorted(each.memory.id for each in ranked) == sorted(
        each.memory.id for each in candidates if each.relevance >= floor
    )
    relevances = [each.relevance for each in ranked]
    assert relevances == sorted(relevances, reverse=True)


def test_the_best_comes_first() -> None:
    assert names(
        [Candidate(memory("weak"), 0.3), Candidate(memory("both"), 0.6, 6), Candidate(memory("one"), 0.6)]
    ) == [
        "both",
        "one",
        "weak",
    ]


def test_recency_breaks_ties_and_no_more() -> None:
    old, new = memory("old", 365), memory("new", 1)
    assert names([Candidate(old, 0.5), Candidate(new, 0.5)]) == ["new", "old"]
    assert names([Candidate(old, 0.6), Candidate(new, 0.5)]) == ["old", "new"]


def test_the_order_does_not_depend_on_the_store() -> None:
    same = [Candidate(memory(name), 0.5) for name in "abc"]
    assert names(same) == names(same[::-1])


def test_each_text_once_the_best_of_them() -> None:
    twins = [
        Candidate(memory("weaker", text="Likes  TEA"), 0.4),
        Candidate(memory("better", text="likes tea"), 0.6),
        Candidate(memory("other", text="likes coffee"), 0.5),
    ]
    assert names(twins) == ["better", "other"]


def test_recency_is_halved_with_each_half_life() -> None:
    assert recency(memory("x"), NOW) == 1
    assert recency(memory("x", 90), NOW) == pytest.approx(0.5)
    assert recency(memory("x", 180), NOW) == pytest.approx(0.25)
    assert recency(memory("x", 2, scope=Scope.SESSION), NOW) == pytest.approx(0.5)
    assert recency(memory("x", -1), NOW) == 1
    assert recency(memory("x", occurred_at=datetime(1, 1, 1, tzinfo=UTC)), NOW) < 1e-6


def test_without_a_question_learned_before_said_then_important_then_recent() -> None:
    given_ = [
        memory("said today", kind=Kind.EXCERPT, importance=1.0),
        memory("old", 30),
        memory("new", 1),
        memory("important", 90, importance=0.9),
        memory("noted", 2, kind=Kind.NOTE),
        memory("again", 3, text="NEW"),
    ]
    ranked = newest(given_)
    assert [each.memory.id for each in ranked] == ["important", "new", "noted", "old", "said today"]
    assert {each.relevance for each in ranked} == {0}


def test_signals_meet_in_one_candidate_a_memory() -> None:
    a, b, c = memory("a"), memory("b"), memory("c")
    assert merged([(a, 0.9), (b, 0.4)], [(b, 7.0), (c, 3.0)]) == [
        Candidate(a, 0.9, 0.0),
        Candidate(b, 0.4, 7.0),
        Candidate(c, 0.0, 3.0),
    ]
    assert merged([], []) == []
