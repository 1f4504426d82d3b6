"""The evaluation's measures: each is shown a perfect answer, and one with the fault that it is there for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from afterword.schemas import ConversationFinished, Scope
from afterword.workers.services.ingest.rules import Debounce
from ops.eval.cases import Case, Expectation, ExpectedFact, Forbidden, cases
from ops.eval.counting import Cost
from ops.eval.dates import tells
from ops.eval.learning import Learned, bursts
from ops.eval.outcomes import added, by_kind, by_language, judged
from ops.eval.report import as_json, tables
from ops.eval.scoring import Found, Score, score
from ops.eval.terms import normalised, occurs
from tests.support.eval_answers import perfect

LIVES = ExpectedFact(scopes=(Scope.USER,), terms=(("Lisbon", "里斯本"), ("live", "moved")), sources=(0,))
STARTS = ExpectedFact(
    scopes=(Scope.USER,), terms=(("Fernhill",),), sources=(0, 1), dates=(("2026-05-15", "2026-05-16"),)
)
RULE = ExpectedFact(scopes=(Scope.AGENT,), terms=(("centimetres",),), sources=(2,))

GOOD = (
    Found("User moved to Lisbon.", Scope.USER, "e1", 0),
    Found("User starts at Fernhill on May 15, 2026.", Scope.USER, "e1", 1),
    Found("Measurements are given in centimetres.", Scope.AGENT, "e1", 2),
)
PERFECT = Score(expected=3, covered=3, dated=1, sourced=3, found=3)


def conversation(event_id: str = "e1", at: str = "2026-05-01T12:00:00Z", user: str = "ada") -> ConversationFinished:
    messages = [{"role": "user", "content": f"Message {number}"} for number in range(3)]
    body = {"event_id": event_id, "occurred_at": at, "user_id": user, "agent_id": "guide", "messages": messages}
    return ConversationFinished.parse(body)


def case(event_id: str = "e1", *facts: ExpectedFact, kind: str = "dates", language: str = "en") -> Case:
    forbidden = Forbidden(agent=("Ada", "Lisbon"), everywhere=("tulip",))
    expected = Expectation(kind=kind, language=language, facts=facts or (LIVES, STARTS, RULE), forbidden=forbidden)
    return Case(conversation(event_id), expected)


def with_fact(number: int, **changes: Any) -> list[Found]:
    """The good answer with one of its facts changed."""
    return [replace(fact, **changes) if place == number else fact for place, fact in enumerate(GOOD)]


def test_a_perfect_answer_has_no_fault() -> None:
    assert score(case(), GOOD) == PERFECT


def test_what_was_not_found_is_not_covered() -> None:
    assert score(case(), GOOD[1:]) == Score(expected=3, covered=2, dated=1, sourced=2, found=2)


def test_a_fact_needs_a_term_of_every_group() -> None:
    found = score(case(), with_fact(0, text="User likes Lisbon."))
    assert (found.covered, found.superfluous) == (2, 1)


def test_a_fact_in_another_scope_is_a_scope_error_and_misplaced() -> None:
    found = score(case(), with_fact(2, scope=Scope.USER))
    assert (found.covered, found.scope_errors, found.misplaced, found.superfluous) == (2, 1, 1, 0)


def test_a_fact_in_its_scope_and_in_another_is_covered_and_misplaced() -> None:
    found = score(case(), [*GOOD, replace(GOOD[2], scope=Scope.SESSION)])
    assert (found.covered, found.scope_errors, found.misplaced) == (3, 0, 1)


@pytest.mark.parametrize("text", ["User starts at Fernhill on May 14, 2026.", "User starts at Fernhill next Friday."])
def test_a_wrong_date_and_an_unresolved_one_are_date_errors(text: str) -> None:
    found = score(case(), with_fact(1, text=text))
    assert (found.covered, found.dated, found.date_errors) == (3, 1, 1)


def test_any_date_of_a_group_will_do() -> None:
    assert score(case(), with_fact(1, text="Fernhill, 16 May 2026")) == PERFECT


def test_a_wrong_source_is_a_source_error() -> None:
    found = score(case(), with_fact(0, message=2))
    assert (found.covered, found.sourced, found.source_errors) == (3, 3, 1)


def test_a_source_in_a_conversation_of_the_same_call_is_wrong() -> None:
    other = case("e2", RULE)
    strayed = with_fact(0, event_id="e2")
    assert score(case(), strayed, [other]).source_errors == 1
    of_other = score(other, strayed, [case()])
    assert (of_other.found, of_other.superfluous) == (1, 0), "it is known, though not of that conversation"


def test_without_sources_nothing_is_said_of_them() -> None:
    found = score(case(), [replace(fact, message=None) for fact in GOOD])
    assert found == replace(PERFECT, sourced=0)


def test_of_several_tellings_the_best_counts() -> None:
    worse = replace(GOOD[1], text="Fernhill some day", message=2)
    assert replace(score(case(), [worse, *GOOD]), found=3) == PERFECT


def test_personal_facts_in_the_agents_scope_are_leaks() -> None:
    leaked = Found("ADA wants centimetres.", Scope.AGENT, "e1", 2)
    found = score(case(), [*GOOD, leaked, replace(leaked, scope=Scope.USER)])
    assert found.leaks == 1


def test_what_must_not_be_learned_is_an_intrusion_in_any_scope() -> None:
    found = score(case(), [*GOOD, Found("The password is tulip-4711.", Scope.SESSION, "e1", 1)])
    assert (found.intrusions, found.superfluous) == (1, 1)


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("vegetarian", "User is VEGETARIAN"),
        ("move", "User moved"),
        ("杭州", "用户住在杭州市"),
        ("Fabia", "2014款Fabia汽车"),
        ("30 g", "use ３０ g of it"),
        ("can't", "User can’t come"),
    ],
)
def test_terms_occur(term: str, text: str) -> None:
    assert occurs(term, normalised(text))


@pytest.mark.parametrize(("term", "text"), [("Ana", "banana"), ("9", "900 euros"), ("30", "130 g"), ("杭州", "苏州")])
def test_terms_that_do_not_occur(term: str, text: str) -> None:
    assert not occurs(term, normalised(text))


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("2026-05-15", "on 2026-05-15"),
        ("2026-05-15", "on Friday, May 15, 2026"),
        ("2026-05-15", "the 15th of May 2026"),
        ("2026-05-15", "15 May 2026"),
        ("2026-05-15", "in 2026, on May 15th"),
        ("2026-05-15", "用户2026年5月15日搬家"),
        ("2026-05-15", "２０２６年５月１５日"),
        ("2026-05-15", "am 15. Mai 2026"),
        ("2026-05-15", "am 15.05.2026"),
        ("2026-05-15", "el 15 de mayo de 2026"),
        ("2026-05-15", "5/15/2026"),
        ("2026-05-15", "2026/5/15"),
        ("2026-12-11", "from December 11 to December 14, 2026"),
        ("2026-12-14", "December 11-14, 2026"),
        ("2026-12-11", "11–14 December 2026"),
        ("2026-03-01", "2026年2月28日至3月1日"),
        ("2026-08", "in August 2026"),
        ("2026-08", "am 12.8.2026"),
        ("2026-08", "2026年8月"),
        ("2026-W16", "in the week of April 13, 2026"),
        ("2026-W16", "in week 16 of 2026"),
        ("2026", "next year (2026)"),
    ],
)
def test_dates_are_told_in_many_spellings(form: str, text: str) -> None:
    assert tells(form, normalised(text))


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("2026-05-15", "on Friday"),
        ("2026-05-15", "on May 15"),
        ("2026-05-15", "on May 5, 2026"),
        ("2026-05-15", "on May 15, 2025"),
        ("2026-05-01", "on May 15, 2026"),
        ("2026-05-15", "in May 2026"),
        ("2026-05-05", "2026年5月15日"),
        ("2026-05-01", "2026-05-15"),
        ("2026-08", "in 2026"),
        ("2026-01", "2026年11月"),
        ("2026-W16", "on April 20, 2026"),
    ],
)
def test_other_dates_are_not_told(form: str, text: str) -> None:
    assert not tells(form, normalised(text))


@pytest.mark.parametrize("form", ["tomorrow", "26-05-15", "2026-5-15", "2026-02-30"])
def test_a_date_in_no_known_form_is_refused(form: str) -> None:
    with pytest.raises(ValueError):
        tells(form, "2026")


def test_the_debounce_decides_what_shares_a_call() -> None:
    events = [
        conversation("late", "2026-05-01T13:00:00Z"),
        conversation("other", "2026-05-01T12:00:10Z", user="ben"),
        conversation("second", "2026-05-01T12:00:20Z"),
        conversation("first", "2026-05-01T12:00:00Z"),
    ]
    debounce = Debounce(timedelta(seconds=30), timedelta(minutes=5), 4_000)
    found = [[event.event_id for event in burst] for burst in bursts(events, debounce)]
    assert found == [["first", "second"], ["other"], ["late"]]


def test_sums_count_a_shared_call_once() -> None:
    burst = [case("e1", kind="long", language="de"), case("e2", RULE)]
    learned = Learned(GOOD, Cost(calls=1, prompt=100, cached=40, completion=9, seconds=1.5), ("cut off",))
    outcomes = judged(burst, learned)
    total = added(outcomes)
    assert total.cost == learned.cost
    assert total.failed == 1
    assert total.score.expected == 4
    assert by_kind(outcomes)["long"].score == by_language(outcomes)["de"].score == PERFECT


def test_the_report_shows_every_measure_of_both_sides() -> None:
    outcomes = judged([case()], Learned(GOOD[1:], Cost(calls=1, prompt=1_200)))
    printed = tables({"afterword": outcomes, "mem0 add": outcomes})
    assert printed.count("66.7 %") == 6, "in total, by kind and by language, for two sides"
    assert "1,200" in printed
    whole = as_json("m", "e", {"afterword": outcomes})["sides"]["afterword"]
    assert whole["total"]["coverage"] == pytest.approx(2 / 3)
    assert [fact["terms"] for fact in whole["conversations"]["e1"]["missed"]] == [
        [["Lisbon", "里斯本"], ["live", "moved"]]
    ]


def test_the_shipped_set_is_large_and_varied() -> None:
    shipped = cases()
    assert len(shipped) >= 24
    assert sum(len(each.expected.facts) for each in shipped) >= 120
    assert {each.expected.language for each in shipped} == {"en", "zh", "es", "de", "ja"}
    assert len({each.event.event_id for each in shipped}) == len(shipped)


@pytest.mark.parametrize("shipped", cases(), ids=lambda each: each.event.event_id)
def test_what_is_expected_of_a_shipped_conversation_can_be_met(shipped: Case) -> None:
    facts = shipped.expected.facts
    assert all(0 <= source < len(shipped.event.messages) for fact in facts for source in fact.sources)
    met = score(shipped, perfect(shipped))
    dated = sum(bool(fact.dates) for fact in facts)
    assert met == Score(expected=len(facts), covered=len(facts), dated=dated, sourced=len(facts), found=len(facts))


@pytest.mark.parametrize("shipped", cases(), ids=lambda each: each.event.event_id)
def test_the_facts_of_a_shipped_conversation_are_told_apart(shipped: Case) -> None:
    found = perfect(shipped)
    for number in range(len(found)):
        assert score(shipped, found[:number] + found[number + 1 :]).covered == len(found) - 1


def test_every_date_and_every_forbidden_term_of_the_shipped_set_can_be_noticed() -> None:
    for shipped in cases():
        forms = [form for fact in shipped.expected.facts for group in fact.dates for form in group]
        assert all(tells(form, normalised(form)) for form in forms)
        said = normalised(" ".join(message.text for message in shipped.event.messages))
        forbidden = shipped.expected.forbidden
        groups = [group for group in (forbidden.agent, forbidden.everywhere) if group]
        assert all(any(occurs(term, said) for term in group) for group in groups)
