"""Extraction when the LLM, the embedder or the store fails."""

from __future__ import annotations

from datetime import timedelta

import pytest

from afterword.workers.embedded.completions import HttpReply
from tests.fixtures.workshops import OpenWorkshop
from tests.support import openai_faults as faults
from tests.support.extractions import facts, shown_new
from tests.support.fake_openai import Fact, FakeOpenAI, given
from tests.support.workshop import NOON, Workshop, event, store_down


class TestBadAnswers:
    @pytest.mark.parametrize(
        "fault",
        [faults.not_json(), faults.wrong_shape(), faults.refusal(), faults.truncated(), faults.bad_request()],
        ids=["no JSON", "wrong shape", "refusal", "truncated", "too long"],
    )
    def test_they_burn_attempts_until_the_batch_is_dead(
        self, open_workshop: OpenWorkshop, llm: FakeOpenAI, fault: HttpReply
    ) -> None:
        workshop = open_workshop(max_attempts=2)
        llm.fail(fault, times=2)
        workshop.take_in(event("poison", event_id="bad"))
        assert workshop.extract_all() == 1
        assert (workshop.subject().attempts, workshop.statuses()) == (1, ["stored"])
        assert workshop.subject().due_in > 1
        workshop.due_now()
        workshop.extract_all()
        assert workshop.statuses() == ["dead"]
        assert facts(workshop) == []
        [letter] = workshop.rows("SELECT * FROM dead_letters")
        assert (letter.queue, letter.event_id, letter.user_id) == ("extraction", "bad", "ann")
        assert letter.error.startswith("BadAnswer")
        assert workshop.audit_types()[-1] == "dead_letter"
        assert workshop.subject().due_at is None

    def test_what_waits_behind_a_dead_batch_goes_on(self, open_workshop: OpenWorkshop, llm: FakeOpenAI) -> None:
        workshop = open_workshop(max_attempts=1, batch_tokens=50)
        llm.fail_when(lambda request: faults.refusal() if "poison" in shown_new(request.messages) else None)
        workshop.take_in(event("poison " * 60), event("sound", occurred_at=NOON + timedelta(hours=1)))
        workshop.extract_all()
        assert workshop.statuses() == ["dead", "done"]
        assert facts(workshop) == ["User said: sound"]
        assert workshop.subject().attempts == 0

    def test_new_events_do_not_hurry_a_retry(self, open_workshop: OpenWorkshop, llm: FakeOpenAI) -> None:
        workshop = open_workshop(retry_after=30.0, extract_at_tokens=10)
        llm.fail(faults.refusal())
        workshop.take_in(event("first event, of more than ten tokens in all, so that it is due at once"))
        workshop.extract_all()
        workshop.take_in(event("second event, of more than ten tokens in all, so that it is due at once"))
        assert workshop.subject().due_in > 20
        assert workshop.extract_all() == 0
        workshop.due_now()
        workshop.extract_all()
        assert workshop.statuses() == ["done", "done"]


class TestProviderFaults:
    @pytest.mark.parametrize(
        "fault",
        [faults.rate_limited("7"), faults.server_error(503), faults.Dropped(), faults.unauthorised()],
        ids=["429", "503", "dropped", "401"],
    )
    def test_they_postpone_and_burn_nothing(self, workshop: Workshop, llm: FakeOpenAI, fault: HttpReply) -> None:
        llm.fail(fault)
        workshop.take_in(event("I play the cello."))
        assert workshop.extract_all() == 1
        subject = workshop.subject()
        assert (subject.attempts, subject.lease_until) == (0, None)
        assert subject.due_in > (6 if fault.status == 429 else 4)
        assert "sk-secret" not in subject.last_error
        workshop.due_now()
        workshop.extract_all()
        assert facts(workshop) == ["User said: I play the cello."]
        assert workshop.subject().last_error is None

    def test_a_call_that_hangs_ends_at_its_deadline(self, open_workshop: OpenWorkshop, llm: FakeOpenAI) -> None:
        workshop = open_workshop(llm_timeout=0.2)
        llm.fail(faults.Hang())
        workshop.take_in(event("I play the cello."))
        workshop.extract_all()
        assert workshop.subject().attempts == 0
        assert workshop.subject().due_in > 0
        llm.release()


class TestStoreFaults:
    @pytest.mark.parametrize("what", ["embedder", "insert", "get", "scan"])
    def test_the_step_is_tried_again_without_asking_the_llm_again(
        self, workshop: Workshop, llm: FakeOpenAI, what: str
    ) -> None:
        llm.answer_with(given(Fact("one"), Fact("two")))
        workshop.take_in(event("Hello."))
        if what == "embedder":
            workshop.embedder.fails = lambda text: text == "two"
        else:
            workshop.store.before[what] = store_down
        assert workshop.extract_all() == 1
        assert workshop.statuses() == ["extracting"]
        assert workshop.subject().attempts == 0
        workshop.store.up()
        workshop.embedder.fails = lambda _: False
        workshop.due_now()
        assert workshop.extract_all() == 1
        assert len(llm.chats) == 1
        assert facts(workshop) == ["one", "two"]
        assert workshop.statuses() == ["done"]

    def test_facts_that_did_not_arrive_are_noticed(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        llm.answer_with(given(Fact("one"), Fact("two")))
        workshop.take_in(event("Hello."))
        workshop.store.keep_first = True
        workshop.extract_all()
        assert workshop.statuses() == ["extracting"]
        assert workshop.subject().last_error.startswith("WritesMissing")
        workshop.store.up()
        workshop.due_now()
        workshop.extract_all()
        assert facts(workshop) == ["one", "two"]
