"""A turn that spoils its conversation: found by halving, listed alone; all other turns give their facts."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from afterword.schemas import Kind
from afterword.workers.embedded.completions import HttpReply, HttpRequest
from afterword.workers.services.commands.dead_letters import DeadLetters
from afterword.workers.stores.ledger.upkeep.dead_letters import LetterFilter
from tests.fixtures.workshops import OpenWorkshop
from tests.integration.extraction.test_bisect import extract_in_time
from tests.support import openai_faults as faults
from tests.support.extractions import clear, count, facts, shown
from tests.support.fake_openai import FakeOpenAI
from tests.support.workshop import NOON, Workshop, event

TURNS = 12


@pytest.fixture
def workshop(open_workshop: OpenWorkshop) -> Workshop:
    return open_workshop(max_attempts=2)


@pytest.fixture
def letters(workshop: Workshop) -> DeadLetters:
    return DeadLetters(database=workshop.database, queues=workshop.broker.admin)


@pytest.fixture(autouse=True)
def filtered(llm: FakeOpenAI) -> None:
    """The provider withholds any answer to a prompt with the poison in it, wherever it stands."""

    def rule(request: HttpRequest) -> HttpReply | None:
        return faults.filtered() if "poison" in json.dumps(request.messages) else None

    llm.fail_when(rule)


def said(*poisoned: int) -> list[str]:
    return [f"poison {number}" if number in poisoned else f"sound {number}" for number in range(TURNS)]


def sound(*but: int) -> list[str]:
    return sorted(f"User said: sound {number}" for number in range(TURNS) if number not in but)


@pytest.mark.parametrize("where", [(0,), (5,), (11,), (3, 4), (0, 11)], ids=str)
def test_they_alone_are_listed_and_all_others_are_extracted(
    workshop: Workshop, letters: DeadLetters, where: tuple[int, ...]
) -> None:
    workshop.take_in(event(*said(*where), event_id="e1", session_id="s1"))
    extract_in_time(workshop)
    assert facts(workshop) == sound(*where)
    listed = [json.loads(found.letter.body)["message"] for found in letters.select(LetterFilter(user_id="ann"))]
    assert sorted(listed) == list(where)
    assert workshop.statuses() == ["done", *["dead"] * len(where)]
    assert len(workshop.texts(kind=Kind.EXCERPT)) == TURNS
    assert count(workshop, "afterword_dead_letters_total", queue="extraction") == len(where)


def test_it_does_not_spoil_the_conversations_after_it(workshop: Workshop) -> None:
    """Earlier turns of a session are shown to the LLM; one that is dead is not."""
    workshop.take_in(event("sound", "poison", event_id="e1", session_id="s1"))
    extract_in_time(workshop)
    workshop.take_in(event("more poison", event_id="e2", session_id="s1", occurred_at=NOON + timedelta(minutes=1)))
    extract_in_time(workshop)
    workshop.take_in(event("later", event_id="e3", session_id="s1", occurred_at=NOON + timedelta(minutes=2)))
    extract_in_time(workshop)
    assert facts(workshop) == ["User said: later", "User said: sound"]
    assert workshop.statuses() == ["done", "dead", "dead", "done"]


def test_a_letter_names_its_turn_and_can_be_replayed(workshop: Workshop, llm: FakeOpenAI, letters: DeadLetters) -> None:
    workshop.take_in(event(*said(7), event_id="e1", session_id="s1"))
    extract_in_time(workshop)
    [found] = letters.select(LetterFilter(queue="extraction"))
    body = json.loads(found.letter.body)
    assert (found.letter.event_id, body["message"], body["characters"]) == ("e1", 7, len("poison 7"))
    assert "content filter" in found.letter.error
    assert "poison" not in found.letter.error + found.letter.body.decode()
    llm.fail_when(lambda _: None)
    before = len(llm.chats)
    letters.replay(found.id)
    extract_in_time(workshop)
    assert len(llm.chats) == before + 1, "the other turns are not asked about again"
    assert facts(workshop) == sorted([*sound(7), "User said: poison 7"])
    [replayed] = workshop.memories(kind=Kind.FACT, text="User said: poison 7")
    assert (replayed.event_id, replayed.message) == ("e1", 7)
    assert workshop.statuses() == ["done", "done"]
    assert letters.select(LetterFilter()) == []


def test_a_clear_forgets_it_too(workshop: Workshop, letters: DeadLetters) -> None:
    workshop.take_in(event(*said(7), event_id="e1", session_id="s1"))
    extract_in_time(workshop)
    clear(workshop)
    assert workshop.rows("SELECT 1 FROM conversations WHERE turns IS NOT NULL") == []
    assert letters.select(LetterFilter()) == []


def test_a_page_that_was_pasted_costs_itself_alone(workshop: Workshop, llm: FakeOpenAI) -> None:
    def too_long(request: HttpRequest) -> HttpReply | None:
        return faults.bad_request() if len(json.dumps(request.messages)) > 200_000 else None

    llm.fail_when(too_long)
    workshop.take_in(event("before it", "word " * 50_000, "after it", event_id="e1", session_id="s1"))
    extract_in_time(workshop)
    assert facts(workshop) == ["User said: after it", "User said: before it"]
    assert workshop.statuses() == ["done", "dead"]


def test_a_long_turn_is_shown_to_its_successors_in_part(open_workshop: OpenWorkshop, llm: FakeOpenAI) -> None:
    workshop = open_workshop(batch_tokens=100)
    workshop.take_in(event("first words " + "word " * 20_000 + "last words", "after it", session_id="s1"))
    extract_in_time(workshop)
    assert "after it" in shown(llm)
    assert shown(llm).count("word ") < 1_000
    assert workshop.statuses() == ["done"]
