"""Ranking: each signal speaks for a memory, and nothing else orders."""

from __future__ import annotations

import random
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterword.schemas import Kind, Scope
from afterword.workers.services.recall.question.parsing import parse_question
from afterword.workers.services.recall.ranking.evidence import Evidence
from afterword.workers.services.recall.ranking.scores import (
    WEIGHTS,
    Signals,
    newest_first,
    proposed,
    rank,
    recency,
    score,
)
from afterword.workers.stores.vectors.payload import StoredMemory

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
NAMES = [each.name for each in fields(Signals)]
PLAIN = parse_question("Which instrument does Ann play?", NOW)

signals = st.builds(Signals, **{name: st.floats(0, 10 if name == "dense" else 1) for name in NAMES})
evidence = st.builds(
    Evidence, id=st.uuids().map(str), dense=st.floats(0, 10), lexical=st.floats(0, 1), words=st.floats(0, 50)
)


def memory(key: str, **more: object) -> StoredMemory:
    plain = {
        "text": f"text {key}",
        "scope": Scope.USER,
        "kind": Kind.FACT,
        "tenant_id": "t",
        "user_id": "ann",
        "occurred_at": NOW,
        "created_at": NOW,
        "importance": 0.5,
    }
    return StoredMemory(id=key, **(plain | more))  # type: ignore[arg-type]


def ids(*memories: StoredMemory, evidence: list[Evidence], asked: str) -> list[str]:
    ranked = rank(evidence, memories, parse_question(asked, NOW), now=NOW)
    return [each.memory.id for each in ranked]


def alike(*keys: str) -> list[Evidence]:
    """The same evidence for each."""
    return [Evidence(key, 2.0, 0.5, 0.5) for key in keys]


@given(signals, st.sampled_from(NAMES), st.floats(0.001, 5))
def test_the_score_rises_with_each_signal_that_weighs(found: Signals, name: str, more: float) -> None:
    better = replace(found, **{name: getattr(found, name) + more})
    if getattr(WEIGHTS, name):
        assert score(better) > score(found)
    else:
        assert score(better) == score(found)


def test_no_signal_speaks_against_a_memory() -> None:
    assert all(getattr(WEIGHTS, name) >= 0 for name in NAMES)


@pytest.mark.parametrize("said", ["Let me think about that for you.", "好的，让我想一想。"])
def test_an_answer_that_only_acknowledges_ranks_below_what_is_known(said: str) -> None:
    """It is found by the words of the question before it, which are asked again."""
    promise = memory("a", text=said, kind=Kind.EXCERPT, role="assistant")
    fact = memory("b", text="Ann plays the cello")
    found = [Evidence("a", 9.0, 1.0, 40.0), Evidence("b", 0.5, 0.1, 1.0)]
    first, second = rank(found, [promise, fact], PLAIN, now=NOW)
    assert (first.memory.id, second.memory.id) == ("b", "a")
    assert second.relevance == 0
    assert second.score == score(second.signals)


def test_what_somebody_else_says_is_not_judged_so() -> None:
    said = "Let me think about that for you."
    others = [
        memory("a", text=said, kind=Kind.EXCERPT, role="user"),
        memory("b", text=said, kind=Kind.NOTE, role="assistant"),
        memory("c", text="The cello, since May.", kind=Kind.EXCERPT, role="assistant"),
    ]
    assert all(each.relevance > 0 for each in rank(alike("a", "b", "c"), others, PLAIN, now=NOW))


@given(st.lists(evidence, unique_by=lambda each: each.id, max_size=20), st.randoms())
def test_the_order_is_not_the_stores(found: list[Evidence], chance: random.Random) -> None:
    memories = [memory(each.id) for each in found]
    first = [each.memory.id for each in rank(found, memories, PLAIN, now=NOW)]
    chance.shuffle(memories)
    chance.shuffle(found)
    assert [each.memory.id for each in rank(found, memories, PLAIN, now=NOW)] == first
    assert proposed(found, 7) == proposed(sorted(found, key=lambda each: each.id), 7)


@given(st.lists(evidence, unique_by=lambda each: each.id, max_size=20))
def test_ranked_are_all_memories_given_best_first_with_their_relevance(found: list[Evidence]) -> None:
    ranked = rank(found, [memory(each.id) for each in found], PLAIN, now=NOW)
    assert sorted(each.memory.id for each in ranked) == sorted(each.id for each in found)
    assert [each.score for each in ranked] == sorted((each.score for each in ranked), reverse=True)
    assert {each.memory.id: each.relevance for each in ranked} == {each.id: each.relevance for each in found}
    assert all(each.score == pytest.approx(score(each.signals)) for each in ranked)


@given(st.lists(evidence, unique_by=lambda each: each.id, max_size=20), st.integers(0, 25))
def test_proposed_are_the_first_so_many_and_none_that_both_signals_put_behind(found: list[Evidence], most: int) -> None:
    best = proposed(found, most)
    assert len(best) == min(most, len(found))
    behind = [each for each in found if each.id not in best]
    for each in (each for each in found if each.id in best):
        assert not any(other.dense > each.dense and other.lexical > each.lexical for other in behind)


class TestSignals:
    def test_recency_halves_with_each_half_life_and_knows_no_future(self) -> None:
        lives = {Scope.USER: 90, Scope.AGENT: 180, Scope.SESSION: 2}
        for scope, days in lives.items():
            values = [
                recency(memory("m", scope=scope, occurred_at=NOW - timedelta(days=days * age)), NOW)
                for age in (0, 1, 2)
            ]
            assert values == pytest.approx([1, 0.5, 0.25])
        assert recency(memory("m", occurred_at=NOW + timedelta(days=9)), NOW) == 1

    def test_the_newer_comes_first_when_it_is_asked_how_things_are_now(self) -> None:
        old, new = memory("a", occurred_at=NOW - timedelta(days=300)), memory("b")
        assert ids(old, new, evidence=alike("a", "b"), asked="Where does she live now?") == ["b", "a"]
        assert ids(old, new, evidence=alike("a", "b"), asked="Where does she live?") == ["a", "b"], (
            "equal: by their ids"
        )

    def test_what_is_of_the_time_asked_about_comes_first(self) -> None:
        spring, may = (
            memory("a", occurred_at=NOW - timedelta(days=60)),
            memory("b", occurred_at=NOW - timedelta(days=330)),
        )
        assert ids(spring, may, evidence=alike("a", "b"), asked="What did we do last June?") == ["b", "a"]
        assert ids(spring, may, evidence=alike("a", "b"), asked="去年六月我们做了什么？") == ["b", "a"]

    def test_what_names_a_time_comes_first_when_one_is_asked_for(self) -> None:
        without, named = (
            memory("a", text="Ann had her wisdom teeth out"),
            memory("b", text="Ann saw the dentist on 3 May 2025"),
        )
        assert ids(without, named, evidence=alike("a", "b"), asked="When did Ann see the dentist?") == ["b", "a"]

    def test_the_more_important_comes_first(self) -> None:
        less, more = memory("a", importance=0.1), memory("b", importance=0.9)
        assert ids(less, more, evidence=alike("a", "b"), asked="Ann?") == ["b", "a"]
        assert ids(memory("a", importance=None), more, evidence=alike("a", "b"), asked="Ann?") == ["b", "a"]

    def test_what_is_of_the_questions_topic_comes_first(self) -> None:
        asked = replace(PLAIN, topic="music")
        ranked = rank(alike("a", "b"), [memory("a", topic="work"), memory("b", topic="music")], asked, now=NOW)
        assert [each.memory.id for each in ranked] == ["b", "a"]
        untold = rank(alike("a", "b"), [memory("a"), memory("b", topic="music")], PLAIN, now=NOW)
        assert [each.signals.topic for each in untold] == [0, 0]


def test_without_a_question_what_was_learned_then_what_is_important_then_what_is_new() -> None:
    day = timedelta(days=1)
    ordered = [
        memory("a", importance=0.9, occurred_at=NOW - 9 * day),
        memory("b", kind=Kind.NOTE, importance=0.5),
        memory("c", importance=0.5, occurred_at=NOW - day),
        memory("d", importance=None),
        memory("e", kind=Kind.EXCERPT, importance=0.9, occurred_at=NOW + day),
    ]
    for seed in range(10):
        shuffled = ordered[:]
        random.Random(seed).shuffle(shuffled)
        assert newest_first(shuffled) == ordered


def test_a_memory_that_holds_every_word_is_relevant_however_common_they_are() -> None:
    tea, other = memory("a", text="We drank green tea again."), memory("b", text="We drank again.")
    common = [Evidence(key, 0.0, 1.0, 0.01) for key in "ab"]
    found = {
        each.memory.id: each.relevance for each in rank(common, [tea, other], parse_question("tea?", NOW), now=NOW)
    }
    assert found["a"] >= 0.5 > found["b"]
