"""Without an LLM first, with one later: what was taken in before gets its facts when asked for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from afterword.schemas import DeleteMemory, Kind
from afterword.workers.runtime import checks
from afterword.workers.services.upkeep.late_extraction import LateExtraction, LateReport
from tests.fixtures.workshops import OpenWorkshop
from tests.support.extractions import clear, facts
from tests.support.fake_openai import FakeOpenAI
from tests.support.workshop import NOON, REPLY_TO, Workshop, event, store_down


def test_conversations_from_before_are_extracted_when_asked_for(open_workshop: OpenWorkshop) -> None:
    before = open_workshop(llm="none")
    before.take_in(event("I play the cello.", session_id="s1"), event("I live in Lisbon.", user="bob"))
    before.some_time_passes(30 * 86_400)
    before.house.upkeep.sweeps(before.broker).drop_transcripts()
    assert before.statuses() == ["skipped", "skipped"]

    before.store.close()
    later = open_workshop()
    told = checks.check_facts(later.house)
    assert told.status == "warning"
    assert "2 conversations came before there was an LLM: `afterword extract --all`" in told.detail
    late = LateExtraction(later.database)
    assert late.request(since=NOON + timedelta(days=1)) == LateReport(0, 0)
    assert late.request(since=None, tenant_id="another") == LateReport(0, 0)
    assert late.request(since=NOON) == LateReport(2, 0)
    assert late.request(since=None) == LateReport(0, 0), "asked for twice, done once"

    later.extract_all()
    assert later.statuses() == ["done", "done"]
    assert later.memories(kind=Kind.FACT)
    assert "extraction_request" in later.audit_types()


SECRET, CELLO = "My secret.", "I play the cello."


class Ages:
    """The stack before there was an LLM, and after."""

    def __init__(self, open_workshop: OpenWorkshop) -> None:
        self._open = open_workshop
        self.before = open_workshop(llm="none")

    def later(self) -> Workshop:
        self.before.store.close()
        return self._open()


@pytest.fixture
def ages(open_workshop: OpenWorkshop) -> Ages:
    return Ages(open_workshop)


def learn_late(workshop: Workshop) -> LateReport:
    """Ask for what came before, and extract all that waits then."""
    report = LateExtraction(workshop.database).request(since=None)
    workshop.extract_all()
    return report


def delete(workshop: Workshop, text: str) -> None:
    """Delete an excerpt."""
    [found] = [memory.id for memory in workshop.memories(kind=Kind.EXCERPT) if memory.text == text]
    workshop.house.commands.commands(workshop.broker).run(
        DeleteMemory(user_id="ann", memory_id=found, reply_to=REPLY_TO)
    )


def asked_about(llm: FakeOpenAI) -> str:
    return str([call.messages for call in llm.chats])


class TestForgotten:
    """Turns that were cleared or deleted before late extraction do not come back."""

    def test_a_cleared_user(self, ages: Ages, llm: FakeOpenAI) -> None:
        ages.before.take_in(event(SECRET, session_id="s1"), event(SECRET), event("Bob here.", user="bob"))
        clear(ages.before)
        ages.before.take_in(event(CELLO, session_id="s1"))
        later = ages.later()

        assert learn_late(later) == LateReport(pending=2, gone=0)

        assert sorted(facts(later)) == ["User said: Bob here.", f"User said: {CELLO}"]
        assert "secret" not in asked_about(llm) + str(later.texts())

    def test_one_cleared_session(self, ages: Ages, llm: FakeOpenAI) -> None:
        ages.before.take_in(event(SECRET, session_id="s1"), event(CELLO, session_id="s2"))
        clear(ages.before, session="s1")
        ages.before.take_in(event(SECRET, "And the harp.", session_id="s1"))
        later = ages.later()

        assert learn_late(later) == LateReport(pending=2, gone=0)

        assert "secret" not in asked_about(llm) + str(later.texts())
        assert sorted(facts(later)) == ["User said: And the harp.", f"User said: {CELLO}"]

    def test_a_clear_that_still_waits_for_the_store(self, ages: Ages, llm: FakeOpenAI) -> None:
        ages.before.take_in(event(SECRET))
        ages.before.store.before["delete_where"] = store_down
        clear(ages.before)
        later = ages.later()

        assert learn_late(later) == LateReport(pending=0, gone=0)

        assert llm.chats == []
        later.house.upkeep.forgetting.complete_deletions()
        assert later.texts() == []

    @pytest.mark.parametrize("thread", [{}, {"session_id": "s1"}], ids=["event", "session"])
    def test_a_deleted_excerpt(self, ages: Ages, llm: FakeOpenAI, thread: dict[str, Any]) -> None:
        ages.before.take_in(event(SECRET, CELLO, **thread), event("And the harp.", **thread))
        delete(ages.before, SECRET)
        later = ages.later()

        assert learn_late(later) == LateReport(pending=2, gone=0)

        assert later.statuses() == ["done", "done"]
        assert sorted(facts(later)) == ["User said: And the harp.", f"User said: {CELLO}"]
        assert "secret" not in asked_about(llm) + str(later.texts())

    def test_a_conversation_with_nothing_else_in_it(self, ages: Ages, llm: FakeOpenAI) -> None:
        ages.before.take_in(event(SECRET))
        delete(ages.before, SECRET)
        later = ages.later()
        assert checks.check_facts(later.house).status == "ok"

        assert learn_late(later) == LateReport(pending=0, gone=0)

        assert (llm.chats, later.texts(), later.statuses()) == ([], [], ["skipped"])

    def test_an_excerpt_that_is_deleted_between_the_request_and_the_extraction(
        self, ages: Ages, llm: FakeOpenAI
    ) -> None:
        ages.before.take_in(event(SECRET, CELLO))
        later = ages.later()
        LateExtraction(later.database).request(since=None)
        delete(later, SECRET)

        later.extract_all()

        assert facts(later) == [f"User said: {CELLO}"]
        assert "secret" not in asked_about(llm)

    def test_a_clear_while_the_llm_thinks(self, ages: Ages) -> None:
        ages.before.take_in(event(SECRET))
        later = ages.later()
        later.llm.after = lambda: clear(later)

        learn_late(later)

        assert later.texts() == []
        later.llm.after = lambda: None
        assert learn_late(later) == LateReport(pending=0, gone=0)
        assert later.texts() == []

    def test_a_deletion_of_excerpts_that_were_not_written_yet(self, ages: Ages) -> None:
        """The sweep that writes them comes after the request."""
        ages.before.store.before["insert"] = store_down
        ages.before.take_in(event(SECRET))
        clear(ages.before)
        ages.before.take_in(event(CELLO))
        later = ages.later()
        LateExtraction(later.database).request(since=None)
        later.some_time_passes(3600)

        later.house.upkeep.sweeps(later.broker).complete_excerpts()
        later.extract_all()

        assert later.texts() == [CELLO, f"User said: {CELLO}"]
