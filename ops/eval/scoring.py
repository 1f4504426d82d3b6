"""Learned facts, held against expected ones. Pure, and without an LLM: the same answer has the same score."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Self

from afterword.schemas import Scope
from ops.eval.cases import Case, ExpectedFact
from ops.eval.dates import tells
from ops.eval.terms import all_of, any_of, normalised


@dataclass(frozen=True, slots=True)
class Found:
    """A fact that was learned. `message` is the place of its source in the event; None where nothing is said of it."""

    text: str
    scope: Scope
    event_id: str
    message: int | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """Figures that can be added up, field by field."""

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


@dataclass(frozen=True, slots=True)
class Score(Count):
    """How many of what.

    Of the `expected` facts, `covered` were found in their scope and `scope_errors` in another one only. Of the covered,
    `dated` have a date to tell and `date_errors` tell it wrong or not at all; `sourced` name a source and
    `source_errors` the wrong one. Of the `found` facts, `leaks` are personal ones in the agent's scope, `intrusions`
    are of what must not be learned at all, `misplaced` are expected in another scope, `superfluous` nowhere.
    """

    expected: int = 0
    covered: int = 0
    scope_errors: int = 0
    dated: int = 0
    date_errors: int = 0
    sourced: int = 0
    source_errors: int = 0
    found: int = 0
    leaks: int = 0
    intrusions: int = 0
    misplaced: int = 0
    superfluous: int = 0


def score(case: Case, learned: Sequence[Found], siblings: Sequence[Case] = ()) -> Score:
    """The score of one conversation. `siblings` shared its call: a fact of theirs may name the wrong source."""
    total = sum((_expected(fact, case, learned) for fact in case.expected.facts), Score())
    known = [fact for each in (case, *siblings) for fact in each.expected.facts]
    return sum((_found(fact, case, known) for fact in own(case, learned)), total)


def own(case: Case, learned: Iterable[Found]) -> list[Found]:
    """The facts that name this conversation as their source."""
    return [fact for fact in learned if fact.event_id == case.event.event_id]


def missed(case: Case, learned: Sequence[Found]) -> list[ExpectedFact]:
    """The expected facts that were found in no scope of theirs."""
    return [fact for fact in case.expected.facts if not _in_scope(fact, learned)]


def matches(expected: ExpectedFact, text: str) -> bool:
    """Whether a text holds the fact; its date is judged apart."""
    return all_of(expected.terms, normalised(text))


def _in_scope(expected: ExpectedFact, learned: Iterable[Found]) -> list[Found]:
    return [fact for fact in learned if fact.scope in expected.scopes and matches(expected, fact.text)]


def _expected(expected: ExpectedFact, case: Case, learned: Sequence[Found]) -> Score:
    candidates = _in_scope(expected, learned)
    if not candidates:
        elsewhere = any(matches(expected, fact.text) for fact in learned)
        return Score(expected=1, scope_errors=int(elsewhere))
    # The best of several: one fact told twice is told well once.
    return min((_covered(expected, case, fact) for fact in candidates), key=_faults)


def _faults(covered: Score) -> int:
    return covered.date_errors + covered.source_errors


def _covered(expected: ExpectedFact, case: Case, fact: Found) -> Score:
    dated, sourced = bool(expected.dates), fact.message is not None
    told = all(any(tells(form, normalised(fact.text)) for form in group) for group in expected.dates)
    right = fact.event_id == case.event.event_id and fact.message in expected.sources
    return Score(
        expected=1,
        covered=1,
        dated=int(dated),
        date_errors=int(not told),
        sourced=int(sourced),
        source_errors=int(sourced and not right),
    )


def _found(fact: Found, case: Case, known: Sequence[ExpectedFact]) -> Score:
    text = normalised(fact.text)
    forbidden = case.expected.forbidden
    scopes = [scope for each in known if matches(each, fact.text) for scope in each.scopes]
    return Score(
        found=1,
        leaks=int(fact.scope is Scope.AGENT and any_of(forbidden.agent, text)),
        intrusions=int(any_of(forbidden.everywhere, text)),
        misplaced=int(bool(scopes) and fact.scope not in scopes),
        superfluous=int(not scopes),
    )
