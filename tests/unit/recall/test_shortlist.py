"""Choosing: the threshold, and each thing once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterword.schemas import Kind, Scope
from afterword.workers.services.recall.ranking.scores import WEIGHTS, RankedMemory, Signals, score
from afterword.workers.services.recall.ranking.shortlist import after_fitting, each_once, explained, identity, relevant
from afterword.workers.stores.vectors.payload import StoredMemory, to_memory

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def memory(key: str, text: str, **more: object) -> StoredMemory:
    plain = {"scope": Scope.USER, "kind": Kind.FACT, "tenant_id": "t", "occurred_at": NOW, "created_at": NOW}
    return StoredMemory(id=key, text=text, **(plain | more))  # type: ignore[arg-type]


def chosen(*texts: str, most: int = 100, asked: str | None = None) -> list[str]:
    memories = [memory(f"m{number}", text) for number, text in enumerate(texts)]
    return [each.text for each in each_once(memories, most=most, asked=asked).memories]


def ranked(*relevances: float) -> list[RankedMemory]:
    return [
        RankedMemory(memory(f"m{number}", f"text {number}"), Signals(), 0.0, value)
        for number, value in enumerate(relevances)
    ]


class TestRelevant:
    @given(st.lists(st.floats(0, 1), max_size=20), st.floats(0.01, 1))
    def test_nothing_unless_something_reaches_the_threshold(self, relevances: list[float], floor: float) -> None:
        found = relevant(ranked(*relevances), floor)
        reaching = [each for each in ranked(*relevances) if each.relevance >= floor]
        if not reaching:
            assert found == []
        else:
            assert [each for each in found if each.relevance >= floor] == reaching, "none is lost, the order kept"

    def test_what_comes_near_completes_and_what_does_not_is_left_out(self) -> None:
        assert [each.relevance for each in relevant(ranked(0.1, 0.9, 0.0, 0.49), 0.5)] == [0.9, 0.49]
        assert relevant(ranked(0.49, 0.48), 0.5) == []

    def test_without_a_threshold_everything_is(self) -> None:
        assert len(relevant(ranked(0.0, 0.5), 0.0)) == 2
        assert relevant([], 0.0) == []


class TestEachOnce:
    def test_the_first_so_many_in_their_order(self) -> None:
        assert chosen("one", "two", "three", most=2) == ["one", "two"]
        assert chosen() == []

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("User is allergic to peanuts.", "user is allergic to peanuts"),
            ("User is allergic to peanuts", "User is allergic to peanuts too"),
            ("Tea", "tea!"),
            ("用户喜欢喝乌龙茶", "用户喜欢喝乌龙茶。"),
            ("用户和妻子住在杭州西湖区", "用户和妻子现住在杭州西湖区"),
            ("彼女は紅茶が大好きです", "彼女は紅茶が大好きです！"),
            ("🙂", " 🙂 "),
        ],
    )
    def test_what_repeats_a_better_one_is_left_out(self, first: str, second: str) -> None:
        assert chosen(first, second) == [first]
        assert chosen(second, first) == [second]

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("User likes tea", "User likes coffee"),
            ("Since May the user lives in Rome with two cats", "Since May the user lives in Oslo with two cats"),
            ("The meeting with Ann about the new flat is at 9", "The meeting with Ann about the new flat is at 10"),
            ("用户和妻子住在杭州西湖区", "用户和妻子住在苏州西湖区"),
            ("我住在北京的朝阳区", "我住在南京的朝阳区"),
            ("🙂", "🎉"),
            ("User is allergic to peanuts", "User is allergic to peanuts, but only raw ones, and carries adrenaline"),
        ],
    )  # fmt: skip
    def test_what_says_something_else_is_not(self, first: str, second: str) -> None:
        assert chosen(first, second) == [first, second]

    def test_across_scopes_and_kinds(self) -> None:
        texts = [
            memory("user", "Ann takes the train to work on Mondays"),
            memory("agent", "Ann takes the train to work on Mondays", scope=Scope.AGENT),
            memory("session", "Ann takes the train to work on Mondays.", scope=Scope.SESSION),
            memory("excerpt", "ann takes the train to work on mondays", kind=Kind.EXCERPT),
        ]
        selection = each_once(texts, most=10)
        assert [each.id for each in selection.memories] == ["user"]
        assert set(selection.left_out) == {"agent", "session", "excerpt"}
        assert all("user" in reason for reason in selection.left_out.values())

    @pytest.mark.parametrize("fact_first", [True, False])
    def test_a_fact_and_the_turn_it_was_learned_from_are_one_thing(self, fact_first: bool) -> None:
        fact = memory("fact", "User has a nut allergy", event_id="e", message=3)
        turn = memory("turn", "No walnuts for me please!", kind=Kind.EXCERPT, event_id="e", message=3)
        other = memory("other", "And I hate aubergines", kind=Kind.EXCERPT, event_id="e", message=4)
        best, second = (fact, turn) if fact_first else (turn, fact)
        selection = each_once([best, second, other], most=10)
        assert selection.memories == (best, other)
        assert set(selection.left_out) == {second.id}

    def test_two_facts_of_one_turn_are_two_things_as_are_the_pieces_of_a_long_one(self) -> None:
        facts = [memory(f"f{number}", text, event_id="e", message=3) for number, text in enumerate(("A cat", "A dog"))]
        pieces = [
            memory(f"p{number}", text, kind=Kind.EXCERPT, event_id="e", message=5)
            for number, text in enumerate(("It began in May.", "It ended in June."))
        ]
        assert each_once([*facts, *pieces], most=10).memories == (*facts, *pieces)

    def test_what_has_no_source_has_no_twin(self) -> None:
        note = memory("note", "By hand", kind=Kind.NOTE)
        turn = memory("turn", "Said aloud", kind=Kind.EXCERPT)
        assert each_once([note, turn], most=10).memories == (note, turn)

    def test_the_question_is_no_answer_to_itself(self) -> None:
        asked = "Where did I leave my keys?"
        assert chosen("where did I leave  my keys", "On the shelf", asked=asked) == ["On the shelf"]
        assert chosen("我的钥匙在哪里？", "钥匙在架子上", asked="我的钥匙在哪里") == ["钥匙在架子上"]

    @given(st.lists(st.text(max_size=30), max_size=12), st.integers(0, 12))
    def test_again_changes_nothing_and_each_is_either_chosen_or_told_why_not(self, texts: list[str], most: int) -> None:
        memories = [memory(f"m{number}", text) for number, text in enumerate(texts)]
        selection = each_once(memories, most=most)
        assert each_once(selection.memories, most=most) == type(selection)(selection.memories, {})
        assert len(selection.memories) <= most
        assert not {each.id for each in selection.memories} & set(selection.left_out)
        if len(selection.memories) < most:
            assert len(selection.memories) + len(selection.left_out) == len(memories)


class TestIdentity:
    def test_the_most_important_then_the_newest_and_none_that_is_not_important(self) -> None:
        facts = [
            memory("plain", "likes trains", importance=0.3),
            memory("unknown", "of mem0", importance=None),
            memory("old", "is called Ann", importance=0.9, occurred_at=datetime(2020, 1, 1, tzinfo=UTC)),
            memory("new", "is a vet", importance=0.9),
            memory("most", "has a severe allergy", importance=1.0),
        ]
        assert [each.id for each in identity(facts, 10)] == ["most", "new", "old"]
        assert [each.id for each in identity(facts[::-1], 2)] == ["most", "new"]
        assert identity(facts[:2], 3) == identity([], 3) == identity(facts, 0) == ()


class TestExplaining:
    def test_the_weighed_signals_add_up_to_the_score(self) -> None:
        signals = Signals(dense=3.3, lexical=0.7, learned=1.0, importance=0.65, recency=0.31)
        found = [RankedMemory(memory("m", "text"), signals, score(signals), 0.8)]
        [told] = explained(found, {}, each_once([found[0].memory], most=1), 0.2)
        assert sum(told.signals.values()) == pytest.approx(told.score, abs=1e-3)
        assert told.signals.keys() <= {"dense", "lexical", "learned", "importance", "recency"}, "what says nothing"
        assert told.signals["lexical"] == pytest.approx(0.7 * WEIGHTS.lexical, abs=1e-4)
        assert (told.relevance, told.memory.score, told.left_out) == (0.8, 0.8, None)

    def test_each_that_was_left_out_has_its_reason(self) -> None:
        found = [
            RankedMemory(memory(key, text), Signals(lexical=value), value, value)
            for key, text, value in (
                ("best", "Ann plays the cello", 0.9),
                ("same", "Ann plays the cello!", 0.8),
                ("room", "Tom plays the oboe", 0.7),
                ("late", "Kim plays the harp", 0.6),
                ("poor", "Ann has a dog", 0.1),
            )
        ]
        selection = each_once((each.memory for each in found[:4]), most=2)
        told = explained(found, {}, selection, 0.2)
        assert [each.memory.id for each in told] == ["best", "same", "room", "late", "poor"]
        assert [each.left_out is None for each in told] == [True, False, True, False, False]
        assert "best" in (told[1].left_out or "")
        assert "rank higher" in (told[3].left_out or "")
        assert "0.2" in (told[4].left_out or "")

        fitted = after_fitting(told, [to_memory(found[0].memory), to_memory(found[4].memory)])
        assert [each.left_out is None for each in fitted] == [True, False, False, False, True]
        assert "room" in (fitted[2].left_out or ""), "there was none, though it was chosen"
        assert fitted[1].left_out == told[1].left_out

    def test_what_has_taken_a_memorys_place_is_told(self) -> None:
        found = [RankedMemory(memory("paris", "Ann moved to Paris"), Signals(), 0.5, 0.5)]
        found.append(RankedMemory(memory("rome", "Ann lives in Rome"), Signals(), 0.6, 0.6))
        told = explained(found, {"rome": "paris"}, each_once([each.memory for each in found], most=2), 0.2)
        assert [each.replaced_by for each in told] == [None, "paris"]
