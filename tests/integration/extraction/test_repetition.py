"""What is learned again matters the more: counted once however often it is tried, and never another's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from afterword.schemas import Kind
from afterword.workers.services.memories.importance import importance, repeated
from tests.support.extractions import clear
from tests.support.fake_openai import Fact, FakeOpenAI, given
from tests.support.workshop import Crash, Workshop, crash, event, store_down

CELLO = "Ann plays the cello"
BRIEF = "Short answers work best"
FIRST = importance(CELLO, Kind.FACT, "user")


def test_a_fact_that_is_learned_again_is_more_important_each_time(workshop: Workshop, llm: FakeOpenAI) -> None:
    llm.answer_with(given(Fact(CELLO)))
    for times in range(4):
        say(workshop, f"the cello again, {times}")
        assert importances(workshop) == [repeated(FIRST, times)]
    assert workshop.audit_types().count("memory_repeat") == 3


def test_another_fact_stays_as_it_was(workshop: Workshop, llm: FakeOpenAI) -> None:
    llm.answer_with(given(Fact(CELLO), Fact("Ann has a cat")))
    say(workshop, "cello and cat")
    llm.answer_with(given(Fact(CELLO)))
    say(workshop, "cello")
    by_text = {fact.text: fact.importance for fact in workshop.memories(kind=Kind.FACT)}
    assert by_text == {CELLO: repeated(FIRST, 1), "Ann has a cat": importance("Ann has a cat", Kind.FACT, "user")}


def test_the_same_of_another_user_is_another_memory(workshop: Workshop, llm: FakeOpenAI) -> None:
    llm.answer_with(given(Fact(CELLO)))
    workshop.take_in(event("cello", user="ann"), event("cello", user="bob"))
    workshop.extract_all()
    assert importances(workshop) == [FIRST, FIRST]
    workshop.take_in(event("cello once more", user="bob"))
    workshop.extract_all()
    by_user = {fact.user_id: fact.importance for fact in workshop.memories(kind=Kind.FACT)}
    assert by_user == {"ann": FIRST, "bob": repeated(FIRST, 1)}


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_while_it_is_raised_counts_once(workshop: Workshop, llm: FakeOpenAI, moment: str) -> None:
    llm.answer_with(given(Fact(CELLO)))
    say(workshop, "the cello")
    workshop.take_in(event("the cello again"))
    getattr(workshop.store, moment)["set_payload"] = crash
    with pytest.raises(Crash):
        workshop.extract_all()
    workshop.store.up()
    workshop.rows("UPDATE subjects SET lease_until = now() - interval '1 second', due_at = now()")
    workshop.extract_all()
    assert importances(workshop) == [repeated(FIRST, 1)]
    assert workshop.audit_types().count("memory_repeat") == 1
    assert workshop.statuses() == ["done", "done"]


def test_a_store_that_is_away_is_tried_again(workshop: Workshop, llm: FakeOpenAI) -> None:
    llm.answer_with(given(Fact(CELLO)))
    say(workshop, "the cello")
    workshop.take_in(event("the cello again"))
    workshop.store.before["set_payload"] = store_down
    workshop.extract_all()
    assert importances(workshop) == [FIRST]
    assert "memory_repeat" not in workshop.audit_types()
    workshop.store.up()
    workshop.due_now()
    workshop.extract_all()
    assert importances(workshop) == [repeated(FIRST, 1)]


def test_users_who_teach_an_agent_the_same_at_once_are_all_counted(workshop: Workshop, llm: FakeOpenAI) -> None:
    llm.answer_with(given(Fact(BRIEF, "agent")))
    workshop.take_in(*(event("Be brief.", user=f"user-{number}", agent_id="coach") for number in range(6)))
    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(lambda _: workshop.extraction.extract_next(), range(6)))
    assert importances(workshop) == [repeated(importance(BRIEF, Kind.FACT, "user"), 5)]


def test_what_was_cleared_begins_anew(workshop: Workshop, llm: FakeOpenAI) -> None:
    llm.answer_with(given(Fact(CELLO)))
    say(workshop, "the cello")
    say(workshop, "the cello again")
    clear(workshop)
    say(workshop, "the cello once more")
    assert importances(workshop) == [FIRST]


def say(workshop: Workshop, text: str) -> None:
    workshop.take_in(event(text))
    assert workshop.extract_all() == 1


def importances(workshop: Workshop) -> list[float | None]:
    return [fact.importance for fact in workshop.memories(kind=Kind.FACT)]
