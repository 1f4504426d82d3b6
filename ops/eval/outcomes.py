"""The outcome of each conversation, and of all of a kind or a language. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ops.eval.cases import Case, ExpectedFact
from ops.eval.counting import Cost
from ops.eval.learning import Learned
from ops.eval.scoring import Found, Score, missed, own, score


@dataclass(frozen=True, slots=True)
class Outcome:
    """One conversation. The cost and the failures of a shared call stand with the first that shared it."""

    case: Case
    score: Score
    facts: tuple[Found, ...]
    missed: tuple[ExpectedFact, ...]
    cost: Cost = field(default_factory=Cost)
    failures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sum:
    """Several outcomes, added up; `failed` calls gave no usable answer."""

    score: Score
    cost: Cost
    failed: int


def judged(burst: Sequence[Case], learned: Learned) -> list[Outcome]:
    """The outcomes of conversations that were learned from together."""
    return [
        Outcome(
            case=case,
            score=score(case, learned.facts, [each for each in burst if each is not case]),
            facts=tuple(own(case, learned.facts)),
            missed=tuple(missed(case, learned.facts)),
            cost=learned.cost if first else Cost(),
            failures=learned.failures if first else (),
        )
        for case, first in ((case, case is burst[0]) for case in burst)
    ]


def added(outcomes: Sequence[Outcome]) -> Sum:
    """All of them."""
    return Sum(
        sum((outcome.score for outcome in outcomes), Score()),
        sum((outcome.cost for outcome in outcomes), Cost()),
        sum(len(outcome.failures) for outcome in outcomes),
    )


def by_kind(outcomes: Sequence[Outcome]) -> dict[str, Sum]:
    """The sum of each kind of conversation."""
    return _by(outcomes, lambda outcome: outcome.case.expected.kind)


def by_language(outcomes: Sequence[Outcome]) -> dict[str, Sum]:
    """The sum of each language."""
    return _by(outcomes, lambda outcome: outcome.case.expected.language)


def _by(outcomes: Sequence[Outcome], key: Callable[[Outcome], str]) -> dict[str, Sum]:
    keys = sorted({key(outcome) for outcome in outcomes})
    return {each: added([outcome for outcome in outcomes if key(outcome) == each]) for each in keys}
