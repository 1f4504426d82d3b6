"""Whatever happens between a claim and its commit, the claim is settled, and nothing goes on for ever."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import text

from afterword.workers.embedded.completions import HttpReply, completion
from afterword.workers.stores.ledger.extraction import journal
from tests.fixtures.workshops import OpenWorkshop
from tests.integration.extraction.test_bisect import extract_in_time
from tests.support import openai_faults as faults
from tests.support.extractions import count, facts
from tests.support.fake_openai import Fact, FakeOpenAI, given
from tests.support.workshop import Workshop, event

ERRORS = [ValueError("secret"), KeyError("secret"), RecursionError("secret"), MemoryError(), UnicodeError("secret")]


@pytest.fixture
def workshop(open_workshop: OpenWorkshop) -> Workshop:
    return open_workshop(max_attempts=2)


def reporting(reply: HttpReply, **usage: int) -> HttpReply:
    return HttpReply({**reply.body, "usage": usage})


@pytest.mark.parametrize("number", [-1, -(2**40), 2**31, 2**63, 10**30])
@pytest.mark.parametrize("good", [True, False], ids=["good", "bad"])
def test_a_provider_may_report_any_number_of_tokens(
    workshop: Workshop, llm: FakeOpenAI, number: int, good: bool
) -> None:
    answer = completion('{"memory": ["likes tea"]}', model="fake-model") if good else faults.not_json()
    llm.fail(reporting(answer, prompt_tokens=number, completion_tokens=number))
    workshop.take_in(event("Hello."))
    workshop.extract_all()
    [spent] = workshop.rows("SELECT * FROM llm_calls")
    assert 0 <= spent.prompt_tokens < 2**31
    assert (workshop.statuses(), workshop.subject().attempts) == ((["done"], 0) if good else (["stored"], 1))
    assert len(llm.chats) == 1


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_an_adapter_that_breaks_is_an_outage_of_the_llm(workshop: Workshop, error: Exception) -> None:
    def fail() -> None:
        raise error

    workshop.llm.after = fail
    workshop.take_in(event("one"))
    for _ in range(4):
        workshop.due_now()
        workshop.extract_all()
    assert workshop.statuses() == ["stored"]
    assert workshop.subject().last_error.endswith(f"({type(error).__name__})")
    assert workshop.rows("SELECT 1 FROM breakers WHERE open_until IS NOT NULL")
    workshop.llm.after = lambda: None
    extract_in_time(workshop)
    assert workshop.statuses() == ["done"]


@pytest.mark.parametrize("where", ["search", "insert", "get"])
@pytest.mark.parametrize("error", ERRORS[:3], ids=repr)
def test_an_error_that_nobody_expected_burns_attempts_and_ends(
    workshop: Workshop, where: str, error: Exception
) -> None:
    def fail() -> None:
        raise error

    workshop.take_in(event("one", "two"))
    workshop.store.before[where] = fail
    extract_in_time(workshop)
    assert set(workshop.statuses()) == {"dead"}
    assert workshop.subject().due_at is None
    assert workshop.rows("SELECT 1 FROM journal") == []
    kept = [row.error for row in workshop.rows("SELECT error FROM dead_letters")]
    assert kept
    assert all(type(error).__name__ in each and "secret" not in each for each in kept)


def test_an_answer_that_the_store_refuses_in_part_is_taken_back_and_halved(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = workshop.store.insert

    def refuse(points: Any) -> None:
        insert([point for point in points if "two" not in json.dumps(point.payload, default=str)])
        if len([point for point in points if "two" in json.dumps(point.payload, default=str)]):
            raise ValueError("a point that cannot be")

    workshop.take_in(event("one", "two", "three", event_id="e1"))
    monkeypatch.setattr(workshop.store, "insert", refuse)
    extract_in_time(workshop)
    assert facts(workshop) == ["User said: one", "User said: three"]
    assert workshop.statuses() == ["done", "dead"]
    assert len(workshop.rows("SELECT 1 FROM dead_letters")) == 1


def test_what_postgresql_refuses_burns_attempts(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    def overflow(connection: Any, _: Any) -> None:
        connection.execute(text("SELECT 2147483647 + 1"))

    monkeypatch.setattr(journal, "write", overflow)
    workshop.take_in(event("one"))
    extract_in_time(workshop)
    assert workshop.statuses() == ["dead"]
    [letter] = workshop.rows("SELECT error FROM dead_letters")
    assert "22003" in letter.error
    assert count(workshop, "afterword_extractions_total", outcome="unexpected") == 1


def test_a_conversation_without_turns_does_not_go_round_for_ever(workshop: Workshop) -> None:
    workshop.take_in(event("empty", event_id="bad"))
    workshop.rows("UPDATE conversations SET turns = '[]'")
    assert workshop.extract_all() == 1
    assert workshop.statuses() == ["skipped"]
    assert workshop.subject().due_at is None


@pytest.mark.parametrize("turns", ['[{"at": "never"}]', "[5]"])
def test_a_conversation_that_cannot_be_read_is_dead_and_the_next_goes_on(workshop: Workshop, turns: str) -> None:
    workshop.take_in(event("sound", event_id="good"), event("broken", event_id="bad"))
    workshop.rows("UPDATE conversations SET turns = CAST(:turns AS jsonb) WHERE event_id = 'bad'", turns=turns)
    extract_in_time(workshop)
    assert workshop.statuses() == ["done", "dead"]
    assert facts(workshop) == ["User said: sound"]
    assert [row.event_id for row in workshop.rows("SELECT event_id FROM dead_letters")] == ["bad"]


@pytest.mark.parametrize("at", ["0001-01-01 00:00+00", "9999-12-31 23:59:59+00"])
@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Kiritimati"])
def test_no_time_stalls_a_user_whatever_the_time_zone(
    open_workshop: OpenWorkshop, monkeypatch: pytest.MonkeyPatch, zone: str, at: str
) -> None:
    """In some zones such a time cannot be read; then its conversation is dead, and the others go on."""
    monkeypatch.setenv("PGTZ", zone)
    workshop = open_workshop(max_attempts=2)
    workshop.take_in(event("sound"), event("odd", event_id="odd"))
    workshop.rows("UPDATE conversations SET occurred_at = CAST(:at AS timestamptz) WHERE event_id = 'odd'", at=at)
    extract_in_time(workshop)
    sound, odd = workshop.statuses()
    assert (sound, odd in ("done", "dead")) == ("done", True)
    assert "User said: sound" in facts(workshop)
    assert workshop.subject().due_at is None


def test_many_and_endless_facts_are_bounded_and_counted(workshop: Workshop, llm: FakeOpenAI) -> None:
    listed = [Fact(f"fact {number}") for number in range(300)]
    llm.answer_with(given(Fact("endless " * 100_000), *listed))
    workshop.take_in(event("Hello."))
    workshop.extract_all()
    assert workshop.statuses() == ["done"]
    assert len(facts(workshop)) == 200
    assert max(len(each) for each in facts(workshop)) <= 2_000
    assert count(workshop, "afterword_llm_odd_items_total", type="too_many") == 101
    assert count(workshop, "afterword_llm_odd_items_total", type="too_long") == 1
