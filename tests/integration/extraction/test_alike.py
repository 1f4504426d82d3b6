"""When nobody's answer can be used, no batch is at fault: the LLM counts as away, and nothing dies."""

from __future__ import annotations

import pytest

from tests.fixtures.workshops import OpenWorkshop
from tests.support import openai_faults as faults
from tests.support.extractions import facts
from tests.support.fake_openai import FakeOpenAI
from tests.support.workshop import Workshop, event


@pytest.fixture
def workshop(open_workshop: OpenWorkshop) -> Workshop:
    return open_workshop(max_attempts=3, breaker_failures=4)


def take_in(workshop: Workshop, users: int) -> None:
    for number in range(users):
        workshop.take_in(event(f"sound {number}", user=f"user-{number}"))


def rounds(workshop: Workshop, number: int) -> None:
    for _ in range(number):
        workshop.due_now()
        workshop.extract_all()


@pytest.mark.parametrize("users", [2, 3, 8])
def test_nothing_dies_and_extraction_pauses(workshop: Workshop, llm: FakeOpenAI, users: int) -> None:
    take_in(workshop, users)
    llm.fail_when(lambda _: faults.bad_request())
    workshop.extract_all()
    rounds(workshop, 30)
    assert set(workshop.statuses()) == {"stored"}
    [breaker] = workshop.rows("SELECT * FROM breakers")
    assert breaker.open_until is not None
    assert breaker.reason == "BadAnswer: fake-model: HTTP 400 (context_length_exceeded)"
    asked = len(llm.chats)
    assert asked <= 4 + 2 * users + 2 * 30, "one probe at a time: its batch, and a harmless turn"
    llm.fail_when(lambda _: None)
    rounds(workshop, users + 2)
    assert set(workshop.statuses()) == {"done"}
    assert len(facts(workshop)) == users


def test_several_that_are_poisoned_each_in_one_turn_lose_that_turn_alone(workshop: Workshop, llm: FakeOpenAI) -> None:
    for number in range(4):
        said = [f"sound {number} {turn}" if turn != 2 else f"poison {number}" for turn in range(4)]
        workshop.take_in(event(*said, user=f"user-{number}"))
    llm.fail_when(lambda request: faults.refusal() if "poison" in str(request.messages) else None)
    rounds(workshop, 60)
    assert len(facts(workshop)) == 4 * 3
    assert [row.n for row in workshop.rows("SELECT count(*) AS n FROM dead_letters")] == [4]


@pytest.mark.parametrize("users", [2, 6])
def test_users_whose_turns_spoil_their_batches_pause_nobody(workshop: Workshop, llm: FakeOpenAI, users: int) -> None:
    """On a quiet system nobody else's good answer comes between theirs."""
    for number in range(users):
        workshop.take_in(event("sound one", f"poison {number}", "sound two", user=f"user-{number}"))
    llm.fail_when(lambda request: faults.filtered() if "poison" in str(request.messages) else None)

    for _ in range(30):
        workshop.rows("UPDATE subjects SET due_at = clock_timestamp() WHERE due_at IS NOT NULL")
        workshop.extract_all()
        assert workshop.rows("SELECT 1 FROM breakers WHERE open_until IS NOT NULL") == []

    assert len(facts(workshop)) == 2 * users
    assert [row.n for row in workshop.rows("SELECT count(*) AS n FROM dead_letters")] == [users]


@pytest.mark.parametrize("attempts", [1, 3])
def test_not_even_a_single_user_loses_anything(open_workshop: OpenWorkshop, llm: FakeOpenAI, attempts: int) -> None:
    workshop = open_workshop(max_attempts=attempts)
    workshop.take_in(event("sound one", "sound two", session_id="s1"))
    llm.fail_when(lambda _: faults.bad_request())
    rounds(workshop, 12)
    assert workshop.statuses() == ["stored"]
    assert workshop.rows("SELECT 1 FROM breakers WHERE open_until IS NOT NULL")
    llm.fail_when(lambda _: None)
    rounds(workshop, 3)
    assert facts(workshop) == ["User said: sound one", "User said: sound two"]
    assert workshop.rows("SELECT 1 FROM dead_letters") == []


@pytest.mark.parametrize("where", [0, 3])
def test_a_provider_that_goes_away_as_a_turn_is_about_to_die_saves_it_for_later(
    open_workshop: OpenWorkshop, llm: FakeOpenAI, where: int
) -> None:
    workshop = open_workshop(max_attempts=1)
    workshop.take_in(event("sound"))
    llm.fail(faults.refusal(), faults.unauthorised() if where else faults.server_error())
    workshop.extract_all()
    assert workshop.statuses() == ["stored"]
    rounds(workshop, 1)
    assert workshop.statuses() == ["done"]


def test_different_reasons_are_each_their_own(workshop: Workshop, llm: FakeOpenAI) -> None:
    take_in(workshop, 4)
    faulty = [faults.refusal(), faults.not_json(), faults.truncated(), faults.bad_request()]

    def rule(request: object) -> object:
        text = str(request.messages)  # type: ignore[attr-defined]
        return next((fault for number, fault in enumerate(faulty) if f"sound {number}" in text), None)

    llm.fail_when(rule)  # type: ignore[arg-type]
    rounds(workshop, 10)
    assert workshop.statuses() == ["dead"] * 4
