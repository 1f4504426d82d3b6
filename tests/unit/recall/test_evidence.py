"""What the two signals say: evidence above chance, a share of the best, and a relevance from 0 to 1."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from math import log

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from afterword.workers.models.embedders.hashing import HashingEmbedder
from afterword.workers.models.embedders.port import EmbedderIdentity, Vector
from afterword.workers.services.recall.corners import Listing
from afterword.workers.services.recall.question.calibration import Calibration, Scale, calibrate
from afterword.workers.services.recall.ranking.evidence import Evidence, relevance, weigh

TRUSTED = Scale(related=0.6, unrelated=0.1, spread=0.1)

scored = st.lists(
    st.tuples(st.sampled_from("abcdefghij"), st.floats(0.001, 1)), unique_by=lambda each: each[0], max_size=10
).map(lambda each: sorted(each, key=lambda one: -one[1]))
listings = st.lists(
    st.builds(Listing, dense=st.one_of(st.none(), scored), lexical=scored, depth=st.sampled_from([10, 50])), max_size=4
)


def by_id(found: Sequence[Evidence]) -> dict[str, Evidence]:
    return {each.id: each for each in found}


class TestRelevance:
    @given(st.floats(0, 1e6), st.floats(0, 1e6))
    def test_is_from_0_to_1(self, dense: float, lexical: float) -> None:
        assert 0 <= relevance(dense, lexical) <= 1

    @given(st.floats(0, 100), st.floats(0, 100), st.floats(0, 100))
    def test_rises_with_each_signal(self, dense: float, lexical: float, more: float) -> None:
        assert relevance(dense + more, lexical) >= relevance(dense, lexical)
        assert relevance(dense, lexical + more) >= relevance(dense, lexical)

    def test_nothing_is_worth_nothing_and_much_is_nearly_certain(self) -> None:
        assert relevance(0, 0) == 0
        assert relevance(50, 0) == pytest.approx(1, abs=0.01)
        assert relevance(0, 500) == pytest.approx(1, abs=0.01)
        assert relevance(3, 5) > max(relevance(3, 0), relevance(0, 5)), "both together say more than one"


class TestWeighing:
    @given(listings, st.one_of(st.none(), st.just(TRUSTED)), st.floats(0, 1))
    def test_each_memory_found_has_evidence_in_its_bounds(
        self, some: list[Listing], scale: Scale | None, unparted: float
    ) -> None:
        found = weigh(some, scale, unparted)
        keys = [key for listing in some for key, _ in (*(listing.dense or ()), *listing.lexical)]
        assert {each.id for each in found} == set(keys)
        assert len(found) == len(set(keys))
        for each in found:
            assert each.dense >= 0
            assert 0 <= each.lexical <= 1
            assert 0 <= each.relevance <= 1

    def test_nothing_found_is_no_evidence(self) -> None:
        assert weigh([], TRUSTED, 0) == []
        assert weigh([Listing([], [], 50)], TRUSTED, 0) == []

    def test_words_are_a_share_of_the_best_of_all_corners(self) -> None:
        found = by_id(weigh([Listing([], [("a", 4.0), ("b", 1.0)], 50), Listing([], [("c", 8.0)], 50)], TRUSTED, 0))
        assert {key: each.lexical for key, each in found.items()} == {"a": 0.5, "b": 0.125, "c": 1.0}

    def test_what_only_words_found_is_as_near_as_the_last_of_a_list_that_ends_early(self) -> None:
        dense = [("a", 0.9), ("b", 0.5)]
        cut = by_id(weigh([Listing(dense, [("c", 3.0)], depth=2)], TRUSTED, 0))
        assert cut["c"].dense == cut["b"].dense > 0

    def test_in_a_list_that_is_whole_there_is_nothing_that_is_not_in_it(self) -> None:
        whole = by_id(weigh([Listing([("a", 0.9), ("b", 0.5)], [("c", 3.0)], depth=3)], TRUSTED, 0))
        assert whole["c"].dense == 0

    def test_without_a_vector_words_alone_say_how_relevant_it_is(self) -> None:
        found = by_id(weigh([Listing(None, [("a", 20.0), ("b", 2.0)], 50)], None, 0))
        assert found["a"].dense == found["b"].dense == 0
        assert found["a"].relevance > found["b"].relevance > 0

    def test_characters_that_stand_for_words_say_less_than_words(self) -> None:
        listing = Listing(None, [("a", 12.0)], 50)
        parted, unparted = (weigh([listing], None, share)[0].relevance for share in (0.0, 1.0))
        assert unparted < parted

    @pytest.mark.parametrize("memories", [1, 2, 3, 5])
    def test_among_few_memories_a_word_in_common_says_as_much_as_a_rare_one_among_many(self, memories: int) -> None:
        """BM25 sums of a word that one turn holds: of so many memories, and of some hundred."""
        dense = [(f"{number}", 0.1) for number in range(memories)]
        few = weigh([Listing(dense, [("0", 1.5 * _idf(memories, min(3, memories)))], 50)], TRUSTED, 0)
        many = weigh([Listing(None, [("0", 1.5 * _idf(250, 3))], 50)], None, 0)
        assert by_id(few)["0"].relevance >= 0.9 * many[0].relevance


def _idf(memories: int, holding: int) -> float:
    return log(1 + (memories - holding + 0.5) / (holding + 0.5))


class Embedder:
    """Embeds each text by a rule; how often it was asked."""

    identity = EmbedderIdentity("test", "rule", 8)

    def __init__(self, rule: Callable[[int, str], Vector]) -> None:
        self._rule = rule
        self.asked = 0

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        self.asked += 1
        return [self._rule(number, text) for number, text in enumerate(texts)]


def pairs(number: int, _text: str) -> Vector:
    """A question and its answer are the same, and all others have nothing to do with them."""
    return [float(place == number // 2) for place in range(20)]


def by_chance(number: int, _text: str) -> Vector:
    chance = random.Random(number)
    return [chance.gauss(0, 1) for _ in range(64)]


def constant(_number: int, _text: str) -> Vector:
    return [0.6, 0.8]


def scales(calibration: Calibration) -> tuple[Scale, Scale]:
    return calibration.latin, calibration.unparted


class TestCalibration:
    def test_an_embedder_that_knows_every_answer_is_trusted_in_full(self) -> None:
        for scale in scales(calibrate(Embedder(pairs))):
            assert (scale.related, scale.unrelated) == pytest.approx((1, 0))
            assert scale.trust == 1
            assert scale.evidence(scale.related) > scale.evidence(0.5) > scale.evidence(scale.unrelated) == 0

    def test_one_that_answers_by_chance_is_hardly_trusted(self) -> None:
        for scale in scales(calibrate(Embedder(by_chance))):
            assert 0 <= scale.trust < 0.3
            assert scale.evidence(scale.unrelated + 3 * scale.spread) < 1

    @pytest.mark.parametrize("rule", [constant, lambda *_: [0.0, 0.0]])
    def test_one_that_answers_always_the_same_says_nothing(self, rule: Callable[[int, str], Vector]) -> None:
        for scale in scales(calibrate(Embedder(rule))):
            assert scale.trust == pytest.approx(0, abs=1e-6)
            assert scale.evidence(scale.related) == pytest.approx(0, abs=1e-6)

    def test_how_long_its_vectors_are_does_not_matter(self) -> None:
        def long(number: int, text: str) -> Vector:
            return [17.0 * part for part in pairs(number, text)]

        assert scales(calibrate(Embedder(long)))[0].related == pytest.approx(1)

    def test_it_is_asked_once(self) -> None:
        embedder = Embedder(pairs)
        calibrate(embedder)
        assert embedder.asked == 1

    def test_one_that_hashes_words_is_trusted_less_than_one_that_knows(self) -> None:
        for scale in scales(calibrate(HashingEmbedder())):
            assert 0 < scale.trust < 1

    @given(st.floats(-1, 1), st.floats(-1, 1), st.floats(1e-6, 1), st.floats(-1, 1), st.floats(0, 1))
    def test_evidence_rises_with_similarity_from_0(
        self, related: float, unrelated: float, spread: float, similarity: float, more: float
    ) -> None:
        scale = Scale(related, unrelated, spread)
        assert 0 <= scale.trust <= 1
        assert 0 <= scale.evidence(similarity) <= scale.evidence(similarity + more)

    @given(st.floats(0, 1))
    def test_the_scale_is_that_of_the_texts_script(self, share: float) -> None:
        assume(share != 0.5)
        calibration = Calibration(latin=TRUSTED, unparted=Scale(0.4, 0.1, 0.1))
        assert calibration.scale(share) is (calibration.unparted if share > 0.5 else calibration.latin)
