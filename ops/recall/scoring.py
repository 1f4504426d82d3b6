"""Found memories, held against the evidence. Pure.

A place counts memories, as a prompt does: of two memories of one turn (an excerpt and a fact) the better place counts,
and the other still takes up its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean

from ops.recall.corpus import Question, QuestionKind

CUTS = (5, 10, 20)
"""The numbers of memories at which recall is taken."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a question fared.

    `places` are those of its evidence turns, from 1, None for one that was not found; `superseded` those of the turns
    that no longer hold. Of the `injected` memories, `relevant` are evidence; `covered` evidence turns are among them.
    """

    kind: QuestionKind
    language: str
    places: tuple[int | None, ...]
    superseded: tuple[int | None, ...]
    injected: int
    relevant: int
    covered: int

    @property
    def answerable(self) -> bool:
        return self.kind.answerable

    def recall(self, cut: int) -> float:
        """The share of the evidence turns among the first `cut` memories."""
        return sum(1 for place in self.places if place is not None and place <= cut) / len(self.places)

    @property
    def reciprocal_rank(self) -> float:
        """1 over the place of the first evidence turn; 0 when none was found."""
        return max((1 / place for place in self.places if place is not None), default=0.0)

    @property
    def newer_first(self) -> bool:
        """Whether a turn that holds stands above every one that no longer does."""
        new = _first(self.places)
        return new is not None and all(old is None or new < old for old in self.superseded)


@dataclass(frozen=True, slots=True)
class Figures:
    """Averages over questions, from 0 to 1; None where there is no question to average over.

    Of the answerable: `recall` at each of CUTS, `mrr`, `injected` (the share of questions into which anything was
    injected), `coverage` (the share of the evidence turns that was injected); and of those with something injected,
    `precision` (the share of the injected memories that are evidence). `newer_first` is of the changed ones alone,
    `false_injection` (the share into which anything was injected) of the unanswerable, `off_topic` the same of the
    messages that have nothing to do with the conversation.
    """

    questions: int
    recall: tuple[float | None, ...]
    mrr: float | None
    precision: float | None
    coverage: float | None
    injected: float | None
    false_injection: float | None
    off_topic: float | None
    newer_first: float | None


def judged(question: Question, language: str, ranked: Sequence[str], injected: Sequence[str]) -> Outcome:
    """The outcome of a question. `ranked` and `injected` are the turns of the memories found, best first; a turn
    stands there once for each of its memories.
    """
    evidence = set(question.evidence)
    return Outcome(
        kind=question.kind,
        language=language,
        places=_places(question.evidence, ranked),
        superseded=_places(question.superseded, ranked),
        injected=len(injected),
        relevant=sum(1 for turn in injected if turn in evidence),
        covered=len(evidence.intersection(injected)),
    )


def figures(outcomes: Iterable[Outcome]) -> Figures:
    """The averages over some questions."""
    every = list(outcomes)
    answerable = [each for each in every if each.answerable]
    unanswerable = [each for each in every if each.kind is QuestionKind.UNANSWERABLE]
    off_topic = [each for each in every if each.kind is QuestionKind.OFF_TOPIC]
    return Figures(
        questions=len(every),
        recall=tuple(_mean(answerable, partial(Outcome.recall, cut=cut)) for cut in CUTS),
        mrr=_mean(answerable, lambda each: each.reciprocal_rank),
        precision=_mean([each for each in answerable if each.injected], lambda each: each.relevant / each.injected),
        coverage=_mean(answerable, lambda each: each.covered / len(each.places)),
        injected=_mean(answerable, _injected),
        false_injection=_mean(unanswerable, _injected),
        off_topic=_mean(off_topic, _injected),
        newer_first=_mean(
            [each for each in answerable if each.kind is QuestionKind.CHANGED], lambda each: each.newer_first
        ),
    )


def slices(outcomes: Sequence[Outcome]) -> dict[str, Figures]:
    """The figures of all questions, of each kind, and of each language, by name; "all" comes first."""
    kinds = {str(kind): [each for each in outcomes if each.kind is kind] for kind in QuestionKind}
    languages = {
        language: [each for each in outcomes if each.language == language]
        for language in sorted({each.language for each in outcomes})
    }
    named = {"all": list(outcomes), **kinds, **languages}
    return {name: figures(some) for name, some in named.items() if some}


def _places(turns: Sequence[str], ranked: Sequence[str]) -> tuple[int | None, ...]:
    best: dict[str, int] = {}
    for place, turn in enumerate(ranked, start=1):
        best.setdefault(turn, place)
    return tuple(best.get(turn) for turn in turns)


def _first(places: Iterable[int | None]) -> int | None:
    return min((place for place in places if place is not None), default=None)


def _injected(outcome: Outcome) -> float:
    return float(outcome.injected > 0)


def _mean(outcomes: Sequence[Outcome], figure: Callable[[Outcome], float]) -> float | None:
    return fmean(figure(each) for each in outcomes) if outcomes else None
