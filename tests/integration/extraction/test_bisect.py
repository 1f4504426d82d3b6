"""A conversation that spoils its batch: found by cutting the batch in half, dead alone, and the others unharmed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from afterword.workers.embedded.completions import HttpReply, HttpRequest
from tests.fixtures.workshops import OpenWorkshop
from tests.support import openai_faults as faults
from tests.support.extractions import facts, shown_new
from tests.support.fake_openai import FakeOpenAI
from tests.support.workshop import NOON, Workshop, event

COUNT = 16


def is_poisoned(request: HttpRequest) -> HttpReply | None:
    return faults.refusal() if "poison" in shown_new(request.messages) else None


def take_in(workshop: Workshop, *poisoned: int, count: int = COUNT, user: str = "ann") -> None:
    """Conversations of one subject an hour apart, these of them poisoned."""
    for number in range(count):
        said = f"poison {number}" if number in poisoned else f"sound {number}"
        at = NOON + timedelta(hours=number)
        workshop.take_in(event(said, user=user, event_id=f"{user}-{number}", occurred_at=at))


def extract_in_time(workshop: Workshop) -> int:
    """Extract until nothing waits, however long delays are; how many claims that took."""
    claims = workshop.extract_all()
    while workshop.rows("SELECT 1 FROM subjects WHERE due_at IS NOT NULL"):
        workshop.due_now()
        claims += workshop.extract_all()
        assert claims < 500
    return claims


def sound(*but: int, count: int = COUNT) -> list[str]:
    return sorted(f"User said: sound {number}" for number in range(count) if number not in but)


def dead(workshop: Workshop) -> list[str]:
    return [row.event_id for row in workshop.rows("SELECT event_id FROM dead_letters ORDER BY id")]


@pytest.mark.parametrize("where", [0, 1, 7, 14, 15])
def test_one_is_dead_alone_and_the_others_facts_are_there(
    open_workshop: OpenWorkshop, llm: FakeOpenAI, where: int
) -> None:
    workshop = open_workshop(max_attempts=2)
    take_in(workshop, where)
    llm.fail_when(is_poisoned)
    extract_in_time(workshop)
    assert dead(workshop) == [f"ann-{where}"]
    assert facts(workshop) == sound(where)
    assert workshop.statuses() == ["dead" if number == where else "done" for number in range(COUNT)]
    # Halved four times, two attempts each time; good halves and single ones between.
    assert len(llm.chats) <= 2 * 5 + 5
    subject = workshop.subject()
    assert (subject.batch_limit, subject.attempts, subject.due_at) == (None, 0, None)


@pytest.mark.parametrize("where", [(0, 15), (3, 4), (8, 9), (5, 12)], ids=str)
def test_two_are_both_found(open_workshop: OpenWorkshop, llm: FakeOpenAI, where: tuple[int, int]) -> None:
    workshop = open_workshop(max_attempts=1)
    take_in(workshop, *where)
    llm.fail_when(is_poisoned)
    extract_in_time(workshop)
    assert dead(workshop) == [f"ann-{number}" for number in where]
    assert facts(workshop) == sound(*where)
    assert len(llm.chats) <= 2 * (5 + 5)


def test_poison_alone_is_dead_after_its_attempts(open_workshop: OpenWorkshop, llm: FakeOpenAI) -> None:
    workshop = open_workshop(max_attempts=3)
    take_in(workshop, *range(4), count=4)
    llm.fail_when(is_poisoned)
    extract_in_time(workshop)
    assert workshop.statuses() == ["dead"] * 4
    assert facts(workshop) == []
    assert workshop.subject().batch_limit is None


def test_what_waits_behind_goes_on_and_so_does_what_comes_meanwhile(
    open_workshop: OpenWorkshop, llm: FakeOpenAI
) -> None:
    workshop = open_workshop(max_attempts=2)
    take_in(workshop, 2, count=4)
    llm.fail_when(is_poisoned)
    workshop.extract_all()
    late = event("sound 4", event_id="late", occurred_at=NOON + timedelta(days=1))
    workshop.take_in(late, event("sound", user="bob"))
    assert workshop.extract_all() == 1, "another subject waits for nothing"
    extract_in_time(workshop)
    assert dead(workshop) == ["ann-2"]
    assert facts(workshop) == ["User said: sound", *sound(2, count=5)]


def test_a_batch_is_whole_again_once_the_poison_is_out(open_workshop: OpenWorkshop, llm: FakeOpenAI) -> None:
    workshop = open_workshop(max_attempts=1)
    take_in(workshop, 0)
    llm.fail_when(is_poisoned)
    extract_in_time(workshop)
    assert shown_new(llm.chats[-1].messages).count("sound") == COUNT - 1
    before = len(llm.chats)
    take_in(workshop, count=8, user="bob")
    extract_in_time(workshop)
    assert len(llm.chats) == before + 1


@pytest.mark.parametrize(
    "bad", [faults.not_json(), faults.truncated(), faults.wrong_shape()], ids=["no JSON", "cut off", "shape"]
)
def test_answers_that_are_bad_for_a_time_kill_nothing(
    open_workshop: OpenWorkshop, llm: FakeOpenAI, bad: HttpReply
) -> None:
    workshop = open_workshop(max_attempts=3)
    take_in(workshop)
    llm.fail(bad, times=5)
    extract_in_time(workshop)
    assert dead(workshop) == []
    assert facts(workshop) == sound()
    assert workshop.subject().batch_limit is None


def test_the_provider_s_faults_on_the_way_burn_nothing(open_workshop: OpenWorkshop, llm: FakeOpenAI) -> None:
    workshop = open_workshop(max_attempts=2)
    take_in(workshop, 6, count=8)
    every_third = iter(range(10_000))

    def rule(request: HttpRequest) -> HttpReply | None:
        return faults.server_error(503) if next(every_third) % 3 == 1 else is_poisoned(request)

    llm.fail_when(rule)
    extract_in_time(workshop)
    assert dead(workshop) == ["ann-6"]
    assert facts(workshop) == sound(6, count=8)


def test_a_long_conversation_loses_the_turn_that_spoils_it_and_nothing_else(
    open_workshop: OpenWorkshop, llm: FakeOpenAI
) -> None:
    workshop = open_workshop(max_attempts=1, batch_tokens=40)
    workshop.take_in(event("sound " * 20, "poison " * 20, event_id="long"))
    workshop.take_in(event("sound 1", event_id="next", occurred_at=NOON + timedelta(hours=1)))
    llm.fail_when(is_poisoned)
    extract_in_time(workshop)
    assert dead(workshop) == ["long"]
    assert workshop.statuses() == ["done", "done", "dead"]
    assert facts(workshop) == ["User said: sound 1", "User said: " + ("sound " * 20).strip()]


def test_two_conversations_that_together_are_too_much_are_not_dead(
    open_workshop: OpenWorkshop, llm: FakeOpenAI
) -> None:
    """Conversations that are too long together are extracted in halves, and none is dead for it."""
    workshop = open_workshop(max_attempts=1)
    take_in(workshop, count=8)

    def too_long(request: HttpRequest) -> HttpReply | None:
        return faults.bad_request() if shown_new(request.messages).count("sound") > 3 else None

    llm.fail_when(too_long)
    extract_in_time(workshop)
    assert dead(workshop) == []
    assert facts(workshop) == sound(count=8)


def test_conversations_of_more_than_a_batch_are_cut_as_well(open_workshop: OpenWorkshop, llm: FakeOpenAI) -> None:
    """A hundred are read at a time; the poison is among those behind."""
    workshop = open_workshop(max_attempts=1)
    take_in(workshop, 117, count=130)
    llm.fail_when(is_poisoned)
    extract_in_time(workshop)
    assert dead(workshop) == ["ann-117"]
    assert facts(workshop) == sound(117, count=130)
    assert len(llm.chats) <= 16
