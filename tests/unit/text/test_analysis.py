from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterword.workers.text.analysis import MAX_TERMS, terms


@pytest.mark.parametrize(
    ("query", "memory"),
    [
        ("cats", "The user has a cat"),
        ("where did she run?", "User enjoys running in the mountains"),
        ("Zurich", "Die Nutzerin wohnt in Zürich, weil sie dort arbeitet"),
        ("café", "Prefers the cafe at the corner"),
        ("Wohnung", "Ich suche eine Wohnung und habe noch keine gefunden"),
        ("Katzen Namen", "Wie heißen meine Katzen? Die Namen sind Mimi und Momo"),
        ("gatos", "A mi hermana no le gustan los gatos pero a mí sí"),
        ("user's cat", "the users cats"),
        ("homme", "C'est l'homme que j'ai vu avec son chien"),
        ("上海", "我住在上海"),
        ("猫", "我有一只猫咪"),
        ("東京", "私は東京に住んでいます"),
        ("서울", "저는 서울에 살아요"),
        ("москва", "Я живу в Москве"),
        ("ＡＢＣ１２３", "abc123"),
        ("3.5", "It costs 3.5 euros"),
        ("2026", "Graduates in 2026"),
        ("c++", "Writes C++ for a living"),
        ("O'Brien", "Her manager is Ms O’Brien"),
        ("مَدْرَسَة", "مدرسة"),
    ],
)
def test_query_and_memory_meet(query: str, memory: str) -> None:
    assert set(terms(query)) & set(terms(memory))


@pytest.mark.parametrize(
    ("one", "other"),
    [("c++", "c#"), ("上海", "北京大学"), ("running", "database"), ("", "anything"), ("can't", "candle")],
)
def test_strangers_do_not_meet(one: str, other: str) -> None:
    assert not set(terms(one)) & set(terms(other))


def test_grammatical_words_are_left_out() -> None:
    assert terms("I can't believe that it's the user's") == ["believ", "user"]
    assert terms("who are you") == []


def test_a_language_detected_with_confidence_adds_its_own_stems() -> None:
    assert {"gatos", "gato", "gat"} & set(terms("no me gustan los gatos porque son muy malos")) == {"gato", "gat"}
    assert terms("gatos") == ["gato"]


def test_chinese_is_cut_into_pairs_and_telling_characters() -> None:
    assert terms("我住在上海") == ["我住", "住", "住在", "在上", "上", "上海", "海"]


@pytest.mark.parametrize("text", ["", "   ", "😀🎉", "…?!", "\x00\n"])
def test_nothing_to_find(text: str) -> None:
    assert terms(text) == []


def test_repeats_are_kept_for_ranking() -> None:
    assert terms("cat Cat cats dog") == ["cat", "cat", "cat", "dog"]


@given(st.text(max_size=300))
def test_any_text_gives_terms_without_spaces(text: str) -> None:
    found = terms(text)

    assert all(term and not any(character.isspace() for character in term) for term in found)
    assert terms(text) == found
    assert " ".join(terms(text)).split() == found


def test_a_huge_text_stays_bounded() -> None:
    assert len(terms("running 上海 wörter " * 50_000)) <= MAX_TERMS
    assert terms("A" * 100_000 + " cat") == []


def test_threads_agree() -> None:
    texts = [f"running quickly number{n} gatos Wohnungen 住在上海" for n in range(200)]

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(terms, texts * 4))

    assert results == [terms(text) for text in texts] * 4
