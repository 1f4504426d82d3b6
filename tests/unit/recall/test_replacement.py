"""What a newer fact has replaced is ranked right below it; and which texts tell a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterword.schemas import Kind, Scope
from afterword.workers.services.recall.ranking.replacement import below_what_replaced_them, replaces
from afterword.workers.services.recall.ranking.scores import RankedMemory, Signals
from afterword.workers.stores.vectors.payload import StoredMemory
from afterword.workers.text.asked_time import tells_time

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ASKED = "Where does Ann live?"


def fact(text: str, days: int = 0, **more: object) -> StoredMemory:
    plain = {"id": f"{days}/{text}", "scope": Scope.USER, "kind": Kind.FACT, "tenant_id": "t"}
    at = NOW + timedelta(days=days)
    return StoredMemory(text=text, occurred_at=at, created_at=at, **(plain | more))  # type: ignore[arg-type]


def ranked(*memories: StoredMemory) -> list[RankedMemory]:
    return [RankedMemory(memory, Signals(), 1.0 - place / 100, 0.5) for place, memory in enumerate(memories)]


def ordered(*memories: StoredMemory, asked: str = ASKED) -> list[str]:
    return [each.memory.text for each in below_what_replaced_them(ranked(*memories), asked)[0]]


OLD, NEW = fact("Ann lives in Rome", -90), fact("Ann moved to Paris", -1)
TEXTS = (
    "Ann lives in Rome",
    "Ann moved to Paris",
    "Ann works at Acme",
    "Bob moved to Oslo",
    "用户搬到了杭州",
    "用户住在上海",
    "Tea",
)


class TestReplacing:
    @pytest.mark.parametrize(
        ("older", "newer"),
        [
            ("Ann lives in Rome", "Ann moved to Paris"),
            ("Ann works as a nurse", "Ann started a new job as a teacher"),
            ("用户住在上海", "用户搬到了杭州"),
        ],
    )
    def test_the_newer_of_a_change_replaces_the_older(self, older: str, newer: str) -> None:
        assert replaces(fact(newer), fact(older, -9))
        assert not replaces(fact(older, -9), fact(newer)), "never the other way round"
        assert not replaces(fact(newer, -9), fact(older)), "what was told later holds"

    @pytest.mark.parametrize(
        ("older", "newer"),
        [
            ("Bob lives in Rome", "Ann moved to Paris"),
            ("Ann plays the cello", "Ann moved to Paris"),
            ("Ann lives in Rome", "Ann lives near a park"),
            ("用户喜欢喝茶", "用户搬到了杭州"),
        ],
    )
    def test_what_may_both_hold_stays(self, older: str, newer: str) -> None:
        assert not replaces(fact(newer), fact(older, -9))

    def test_scopes_do_not_replace_each_other(self) -> None:
        assert not replaces(fact("Ann moved to Paris"), fact("Ann lives in Rome", -9, scope=Scope.SESSION))

    def test_what_the_extraction_linked_is_of_one_subject(self) -> None:
        older = fact("The flat is in Rome", -9)
        assert replaces(fact("She moved to Paris", linked_memory_ids=(older.id,)), older)
        assert not replaces(fact("She moved to Paris"), older)


class TestOrder:
    def test_the_older_goes_right_below_the_newer(self) -> None:
        other = fact("Tea")
        assert ordered(OLD, other, NEW) == ["Tea", NEW.text, OLD.text]
        assert ordered(NEW, other, OLD) == [NEW.text, "Tea", OLD.text], "one that is below it already stays"
        assert below_what_replaced_them(ranked(OLD, NEW), ASKED)[1] == {OLD.id: NEW.id}

    @pytest.mark.parametrize(
        "asked", ["Where did Ann live before Paris?", "Where was her old flat?", "Ann以前住在哪里？"]
    )
    def test_a_question_about_the_past_is_answered_by_the_past(self, asked: str) -> None:
        assert ordered(OLD, NEW, asked=asked) == [OLD.text, NEW.text]
        assert below_what_replaced_them(ranked(OLD, NEW), asked)[1] == {}

    def test_what_was_only_said_replaces_nothing(self) -> None:
        said = fact("Ann moved to Paris", kind=Kind.EXCERPT)
        assert ordered(OLD, said) == [OLD.text, said.text]

    @given(st.lists(st.tuples(st.sampled_from(TEXTS), st.integers(-50, 0)), unique=True, max_size=10))
    def test_none_is_lost_and_what_was_not_replaced_keeps_its_order(self, told: list[tuple[str, int]]) -> None:
        given = ranked(*(fact(text, days) for text, days in told))
        found, replaced = below_what_replaced_them(given, ASKED)
        assert sorted(each.memory.id for each in found) == sorted(each.memory.id for each in given)
        assert [each for each in found if each.memory.id not in replaced] == [
            each for each in given if each.memory.id not in replaced
        ]
        places = {each.memory.id: place for place, each in enumerate(found)}
        assert all(places[older] > places[newer] for older, newer in replaced.items())


class TestTellingTime:
    @pytest.mark.parametrize(
        "text",
        [
            "She moved in 2019", "He comes on Tuesdays", "It was last summer", "three weeks ago", "since March",
            "at 9:30", "on the 3rd", "We just moved", "他昨天来了", "去年夏天", "三月五号", "上周六", "住了七年",
        ],
    )  # fmt: skip
    def test_some_texts_do(self, text: str) -> None:
        assert tells_time(text)

    @pytest.mark.parametrize(
        "text", ["She plays the cello", "He may come", "The 4 of us", "她会拉大提琴", "他很年轻", "", "🙂"]
    )
    def test_others_do_not(self, text: str) -> None:
        assert not tells_time(text)
