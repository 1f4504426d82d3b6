"""A turn as it is found: its own words and direction most, those of the turns before it less."""

from __future__ import annotations

from collections import Counter
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterword.workers.services.memories import in_context
from afterword.workers.services.memories.in_context import vector
from afterword.workers.text import analysis
from afterword.workers.text.en.words import BASES
from afterword.workers.text.en.words import STOP_WORDS as ENGLISH
from afterword.workers.text.lexical_field import lexical_field

OWN, BEFORE, FURTHER = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]


def unit(parts: list[float]) -> list[float]:
    length = sqrt(sum(part * part for part in parts))
    return [part / length for part in parts]


unit_vectors = (
    st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda v: sum(x * x for x in v) > 0.01).map(unit)
)


class TestVector:
    def test_alone_it_is_its_own(self) -> None:
        assert vector(OWN, []) == OWN

    def test_the_nearer_a_turn_the_more_it_says(self) -> None:
        own, before, further = vector(OWN, [BEFORE, FURTHER])
        assert own > before > further > 0
        assert vector(OWN, [BEFORE])[2] == 0

    @given(unit_vectors, st.lists(unit_vectors, max_size=4))
    def test_has_length_1_and_stays_nearest_to_its_own(self, own: list[float], before: list[list[float]]) -> None:
        blended = vector(own, before)
        assert sum(part * part for part in blended) == pytest.approx(1)
        assert sum(a * b for a, b in zip(blended, own, strict=True)) > 0, "what was before never outweighs it"

    def test_turns_further_away_than_some_say_nothing(self) -> None:
        near = [BEFORE] * in_context.TURNS_BEFORE
        assert vector(OWN, [*near, FURTHER, FURTHER]) == vector(OWN, near)

    def test_what_cancels_out_leaves_its_own(self) -> None:
        assert vector([0.0, 0.0, 0.0], [[0.0, 0.0, 0.0]]) == [0.0, 0.0, 0.0]


class TestLexicalField:
    def test_its_own_words_count_most_and_the_nearer_a_turn_the_more(self) -> None:
        counts = Counter(lexical_field("cello", "Clara", ["harp", "oboe"]).split())
        cello, clara, harp, oboe = (counts[analysis.terms(word)[0]] for word in ("cello", "Clara", "harp", "oboe"))
        assert cello == clara > harp > oboe > 0

    def test_further_turns_are_left_out(self) -> None:
        assert lexical_field("cello", None, ["harp", "oboe", "drum"]) == lexical_field("cello", None, ["harp", "oboe"])

    def test_a_text_by_itself_holds_the_terms_that_a_question_asks_for(self) -> None:
        for text in ("Clara plays the cello", "用户喜欢喝乌龙茶", "モモは猫です", "Она играет"):
            assert set(analysis.terms(text)) == set(lexical_field(text).split())

    def test_nothing_said_is_no_terms(self) -> None:
        assert lexical_field("") == lexical_field("🙂", None, ["", "!"]) == ""

    def test_is_bounded_and_its_own_words_are_kept(self) -> None:
        long = " ".join(f"item{number}" for number in range(9_000))
        terms = lexical_field("cello", "Clara", [long, long]).split()
        assert len(terms) <= analysis.MAX_TERMS
        assert {"cello", "clara"} <= set(terms)

    @given(
        st.text(max_size=100), st.one_of(st.none(), st.text(max_size=20)), st.lists(st.text(max_size=50), max_size=3)
    )
    def test_any_text(self, text: str, speaker: str | None, before: list[str]) -> None:
        found = lexical_field(text, speaker, before)
        assert found.split() == found.split(" ") or found == ""
        assert set(analysis.terms(text)) <= set(found.split())


class TestIrregularForms:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("We went to Rome", "Where will you go?"), ("She has gone", "go"), ("my children", "a child"),
            ("He bought a car", "buying"), ("She taught music", "teaches"), ("They drove", "driving"),
            ("the mice", "mouse"), ("three knives", "knife"), ("It is better", "good"), ("dying", "die"),
            ("He got it", "getting"), ("women", "woman"), ("ate", "eating"),
        ],
    )  # fmt: skip
    def test_meet_their_base(self, one: str, other: str) -> None:
        assert set(analysis.terms(one)) & set(analysis.terms(other))

    def test_every_form_meets_its_base_and_neither_is_lost(self) -> None:
        for form, base in BASES.items():
            if base not in ENGLISH and form not in ENGLISH:
                assert analysis.terms(form) == analysis.terms(base) != [], form

    def test_no_form_is_its_own_base_nor_the_base_of_another(self) -> None:
        assert all(form != base for form, base in BASES.items())
        assert not [form for form in BASES if BASES[form] in BASES]

    def test_words_of_another_language_stay_what_they_are(self) -> None:
        assert "sang" in analysis.terms("Meine Schwester sang mit den Kindern ein Lied und ich war nicht dabei")
        assert "sing" in analysis.terms("My sister sang a song with the children and I was not there")
