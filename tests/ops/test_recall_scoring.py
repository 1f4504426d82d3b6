"""The recall benchmark's measures, on rankings made by hand."""

from __future__ import annotations

import pytest

from ops.recall.corpus import Question, QuestionKind
from ops.recall.scoring import Outcome, figures, judged, slices
from ops.recall.systems import Ranked, fused

SINGLE = Question(QuestionKind.SINGLE, "?", ("1:1",))
SEVERAL = Question(QuestionKind.SEVERAL, "?", ("1:1", "1:2", "1:3"))
CHANGED = Question(QuestionKind.CHANGED, "?", ("2:1",), ("1:1",))
UNANSWERABLE = Question(QuestionKind.UNANSWERABLE, "?", ())


def turns(count: int) -> list[str]:
    """Turns of no question."""
    return [f"9:{number}" for number in range(count)]


def outcome(question: Question, ranked: list[str], injected: list[str] | None = None) -> Outcome:
    return judged(question, "en", ranked, injected if injected is not None else [])


class TestPlaces:
    def test_recall_is_the_share_of_the_evidence_within_the_cut(self) -> None:
        found = outcome(SEVERAL, ["1:2", *turns(8), "1:1", *turns(10), "1:3"])
        assert found.places == (10, 1, 21)
        assert [found.recall(cut) for cut in (5, 10, 20, 21)] == pytest.approx([1 / 3, 2 / 3, 2 / 3, 1])

    def test_the_last_place_of_a_cut_counts_and_the_next_does_not(self) -> None:
        assert outcome(SINGLE, [*turns(4), "1:1"]).recall(5) == 1
        assert outcome(SINGLE, [*turns(5), "1:1"]).recall(5) == 0

    def test_a_turn_found_twice_counts_once_at_its_better_place(self) -> None:
        found = outcome(SEVERAL, ["9:1", "1:1", "1:1", "1:2"])
        assert found.places == (2, 4, None)
        assert found.recall(20) == pytest.approx(2 / 3)

    def test_the_reciprocal_rank_is_of_the_first_evidence(self) -> None:
        assert outcome(SEVERAL, ["9:1", "1:3", "1:1"]).reciprocal_rank == 1 / 2
        assert outcome(SEVERAL, turns(3)).reciprocal_rank == 0


class TestChanged:
    @pytest.mark.parametrize(
        ("ranked", "newer_first"),
        [
            (["9:1", "2:1", "1:1"], True),
            (["1:1", "2:1"], False),
            (["2:1"], True),
            (["1:1"], False),
            ([], False),
        ],
    )
    def test_the_new_turn_must_be_found_and_stand_above_the_old(self, ranked: list[str], newer_first: bool) -> None:
        assert outcome(CHANGED, ranked).newer_first is newer_first

    def test_only_changed_questions_are_asked_for_it(self) -> None:
        assert figures([outcome(SINGLE, ["1:1"])]).newer_first is None
        both = [outcome(SINGLE, ["1:1"]), outcome(CHANGED, ["2:1", "1:1"]), outcome(CHANGED, ["1:1", "2:1"])]
        assert figures(both).newer_first == 0.5


class TestInjection:
    def test_precision_is_of_memories_and_coverage_of_turns(self) -> None:
        found = figures([outcome(SEVERAL, [], ["1:1", "1:1", "9:1", "9:2"])])
        assert found.precision == 0.5
        assert found.coverage == pytest.approx(1 / 3)

    def test_precision_is_averaged_over_the_questions_with_something_injected(self) -> None:
        found = figures([outcome(SINGLE, [], ["1:1"]), outcome(SINGLE, [], ["9:1", "9:2"]), outcome(SINGLE, [])])
        assert found.precision == 0.5
        assert found.coverage == pytest.approx(1 / 3)
        assert found.injected == pytest.approx(2 / 3)

    def test_what_is_injected_into_the_unanswerable_is_false_and_touches_nothing_else(self) -> None:
        found = figures(
            [
                outcome(SINGLE, ["1:1"], ["1:1"]),
                outcome(UNANSWERABLE, turns(3), turns(3)),
                outcome(UNANSWERABLE, turns(3)),
            ]
        )
        assert found.false_injection == 0.5
        assert (found.precision, found.injected, found.mrr, found.recall) == (1, 1, 1, (1, 1, 1))
        assert found.questions == 3


class TestSlices:
    def test_all_each_kind_and_each_language(self) -> None:
        found = slices(
            [
                judged(SINGLE, "zh", ["1:1"], []),
                judged(SINGLE, "en", turns(1), []),
                judged(UNANSWERABLE, "zh", turns(1), turns(1)),
            ]
        )
        assert list(found) == ["all", "single", "unanswerable", "en", "zh"]
        assert [each.mrr for each in found.values()] == [0.5, 0.5, None, 0, 1]
        assert [each.false_injection for each in found.values()] == [1, None, 1, None, 1]

    def test_without_a_question_nothing_is_said(self) -> None:
        nothing = figures([])
        assert nothing.questions == 0
        assert (nothing.mrr, nothing.recall, nothing.false_injection) == (None, (None, None, None), None)


def test_fused_by_rank_what_both_found_comes_first_and_equals_in_their_order() -> None:
    one = [Ranked("a", 9.0), Ranked("b", 8.0)]
    other = [Ranked("c", 0.2), Ranked("b", 0.1)]
    found = fused([one, other])
    assert [each.memory_id for each in found] == ["b", "a", "c"]
    assert found[0].relevance == pytest.approx(2 / 62)
    assert found[1].relevance == pytest.approx(1 / 61)
