"""How important a memory is when it is written, and when it is learned again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterword.schemas import Kind
from afterword.workers.services.memories.importance import importance, repeated

SAYS_MUCH = [
    "My name is Tom and I work as a nurse in Leeds.",
    "I'm allergic to peanuts.",
    "My daughter's birthday is on 3 June.",
    "I moved to Paris in March.",
    "Please don't call me Thomas, call me Tom.",
    "From now on always answer in French.",
    "I prefer window seats and I hate early flights.",
    "We're going to visit my parents next week.",
    "我叫王芳，在上海的一家医院工作。",
    "我对花生过敏。",
    "我女儿的生日是六月三号。",
    "以后请用中文回答我。",
    "我最喜欢的菜是麻婆豆腐。",
    "我打算下个月去北京出差。",
]
SAYS_LITTLE = [
    "",
    "ok",
    "Thanks!",
    "haha nice",
    "What's the weather like?",
    "Can you explain that again?",
    "The train was a bit late again.",
    "好的",
    "谢谢！",
    "哈哈哈",
    "今天天气怎么样？",
    "👍👍👍",
]


@pytest.mark.parametrize("much", SAYS_MUCH)
def test_what_says_much_of_a_person_is_more_important_than_what_says_little(much: str) -> None:
    least = importance(much, Kind.EXCERPT, "user")
    assert all(importance(little, Kind.EXCERPT, "user") < least - 0.15 for little in SAYS_LITTLE)
    assert importance(much, Kind.FACT, "user") > 0.55


@pytest.mark.parametrize("little", SAYS_LITTLE)
def test_small_talk_and_questions_are_low(little: str) -> None:
    assert importance(little, Kind.EXCERPT, "user") < 0.3


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ("User is allergic to peanuts", "User watched a film about peanuts"),
        ("User's wife is called Anna", "User met somebody in the park"),
        ("User prefers tea over coffee", "User had a cup of tea"),
        ("User wants the assistant to answer in French", "User read a French text"),
        ("User is planning a trip to Rome in May", "User talked about a trip"),
        ("用户对海鲜过敏", "用户看了一部海鲜纪录片"),
        ("用户住在杭州", "用户提到了杭州"),
        ("用户喜欢喝绿茶", "用户喝了一杯绿茶"),
    ],
)
def test_facts_are_told_apart_by_what_they_are_of(more: str, less: str) -> None:
    assert importance(more, Kind.FACT, "user") > importance(less, Kind.FACT, "user") + 0.1


@pytest.mark.parametrize("text", SAYS_MUCH)
def test_kind_and_speaker_count(text: str) -> None:
    note, fact, excerpt = (importance(text, kind, "user") for kind in (Kind.NOTE, Kind.FACT, Kind.EXCERPT))
    assert note > fact > excerpt > importance(text, Kind.EXCERPT, "assistant")


def test_more_cues_are_more_important() -> None:
    one = importance("I prefer aisle seats.", Kind.EXCERPT, "user")
    two = importance("I prefer aisle seats, I'm allergic to nuts.", Kind.EXCERPT, "user")
    assert two > one


def test_asking_is_less_than_saying() -> None:
    said = importance("I will meet my sister in Rome next week.", Kind.EXCERPT, "user")
    asked = importance("Will I meet my sister in Rome next week?", Kind.EXCERPT, "user")
    assert asked < said


@pytest.mark.parametrize(
    "text",
    [
        "Vivo en Sevilla con mi hermana y trabajo en un hospital.",
        "Ich wohne seit drei Jahren mit meiner Schwester in Köln.",
        "私は妹と一緒に京都に住んでいて、病院で働いています。",
        "أعيش في القاهرة مع أختي وأعمل في مستشفى كبير.",
        "אני גר בחיפה עם אחותי ועובד בבית חולים.",
    ],
)
def test_other_languages_are_in_the_middle(text: str) -> None:
    assert importance("ok", Kind.EXCERPT, "user") + 0.1 < importance(text, Kind.EXCERPT, "user") < 0.5


@given(st.text(max_size=300), st.sampled_from(Kind), st.sampled_from(["user", "assistant", None, "tool"]))
def test_importance_is_a_fraction(text: str, kind: Kind, role: str | None) -> None:
    assert 0 <= importance(text, kind, role) <= 1
    assert importance(text, kind, role) == importance(text, kind, role)


def test_a_page_is_worth_what_its_beginning_says() -> None:
    page = "I'm allergic to peanuts. " + "x" * 100_000
    assert 0 < importance(page, Kind.EXCERPT, "user") == importance(page[:50_000], Kind.EXCERPT, "user")


@given(st.floats(0, 1), st.integers(0, 10_000))
def test_what_is_learned_again_rises_and_stays_below_one(base: float, count: int) -> None:
    assert repeated(base, count) <= repeated(base, count + 1) <= 1
    assert repeated(base, 0) == pytest.approx(base, abs=0.0005)
    if base < 0.99:
        assert repeated(base, 1) > base
        assert repeated(base, 10_000) < 1


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 20))
def test_what_was_more_important_stays_so(one: float, other: float, count: int) -> None:
    least, most = sorted((one, other))
    assert repeated(least, count) <= repeated(most, count)
