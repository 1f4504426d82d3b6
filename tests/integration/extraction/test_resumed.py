"""Extraction that is interrupted, overtaken or cleared: each fact exactly once all the same, or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from afterword.schemas import Kind
from afterword.workers.core.errors import LedgerUnavailable
from afterword.workers.embedded.authored import new_messages
from tests.fixtures.workshops import OpenWorkshop
from tests.support.extractions import clear, count, facts
from tests.support.fake_openai import Fact, FakeOpenAI, given
from tests.support.workshop import NOON, Crash, Workshop, crash, event, store_down

# Where a worker ends, and how many calls to the LLM there are in all: an answer in the journal is not asked for again.
CRASHES = {
    "before the LLM": 1,
    "after the LLM": 2,
    "before the write": 1,
    "half-way through the write": 1,
    "after the write": 1,
    "before the commit": 1,
}


def crash_at(workshop: Workshop, where: str) -> None:
    store = workshop.store
    match where:
        case "before the LLM":
            store.before["search"] = crash
        case "after the LLM":
            workshop.llm.after = crash
        case "before the write":
            store.before["insert"] = crash
        case "half-way through the write":
            store.keep_first = True
            store.after["insert"] = crash
        case "after the write":
            store.after["insert"] = crash
        case _:
            store.before["get"] = crash


class TestResuming:
    @pytest.mark.parametrize("where", CRASHES)
    def test_after_a_crash_each_fact_is_there_once(self, workshop: Workshop, llm: FakeOpenAI, where: str) -> None:
        llm.answer_with(given(Fact("one"), Fact("two", "agent"), Fact("three", "session")))
        workshop.take_in(event("Hello.", agent_id="coach", session_id="s1"))
        crash_at(workshop, where)
        with pytest.raises(Crash):
            workshop.extract_all()
        journalled = workshop.rows("SELECT facts FROM journal")
        workshop.store.up()
        workshop.llm.after = lambda: None
        assert workshop.extract_all() == 0  # the lease holds
        workshop.lease_runs_out()
        assert workshop.extract_all() == 1
        assert len(llm.chats) == CRASHES[where]
        assert facts(workshop) == ["one", "three", "two"]
        if journalled:
            assert {fact["id"] for fact in journalled[0].facts} == {
                each.id for each in workshop.memories(kind=Kind.FACT)
            }
        assert workshop.statuses() == ["done"]
        assert workshop.rows("SELECT 1 FROM journal") == []
        assert workshop.audit_types().count("memory_add") == 3

    def test_a_batch_that_is_begun_is_finished_as_it_was(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        workshop.take_in(event("first"))
        workshop.store.before["insert"] = crash
        with pytest.raises(Crash):
            workshop.extract_all()
        workshop.store.up()
        workshop.take_in(event("before it all", occurred_at=NOON - timedelta(days=1)))
        workshop.lease_runs_out()
        workshop.extract_all()
        assert [len(new_messages(call.messages)) for call in llm.chats] == [1, 1]
        assert facts(workshop) == ["User said: before it all", "User said: first"]

    def test_a_worker_that_lost_its_claim_commits_nothing(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        """It slept past its lease after the LLM's answer; another took over and finished."""
        llm.answer_with(given(Fact("first answer")))
        workshop.take_in(event("Hello."))

        def taken_over() -> None:
            workshop.llm.after = lambda: None
            workshop.lease_runs_out()
            llm.answer_with(given(Fact("second answer")))
            assert workshop.extraction.extract_next()

        workshop.llm.after = taken_over
        assert workshop.extract_all() == 1
        assert facts(workshop) == ["second answer"]
        assert workshop.audit_types().count("memory_save") == 2
        assert count(workshop, "afterword_extractions_total", outcome="lost") == 1
        assert [row.outcome for row in workshop.rows("SELECT outcome FROM llm_calls ORDER BY id")] == ["ok", "void"]

    def test_a_worker_that_slept_past_its_lease_does_not_ask(
        self, open_workshop: OpenWorkshop, llm: FakeOpenAI
    ) -> None:
        """Its answer would be refused, and has to be paid for all the same."""
        workshop = open_workshop(lease=1.0)
        workshop.take_in(event("Hello."))

        def sleep() -> None:
            workshop.store.up()
            time.sleep(1.1)

        workshop.store.before["search"] = sleep
        assert workshop.extraction.extract_next()
        assert llm.chats == []
        assert count(workshop, "afterword_extractions_total", outcome="lost") == 1
        workshop.extract_all()
        assert facts(workshop) == ["User said: Hello."]

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_a_worker_overtaken_at_its_write_harms_nothing(
        self, workshop: Workshop, llm: FakeOpenAI, when: str
    ) -> None:
        llm.answer_with(given(Fact("one"), Fact("two", "agent")))
        workshop.take_in(event("Hello.", agent_id="coach"))

        def taken_over() -> None:
            workshop.store.up()
            workshop.lease_runs_out()
            with ThreadPoolExecutor(1) as pool:  # as another process would
                assert when == "before" or pool.submit(workshop.extraction.extract_next).result(20)

        if when == "before":
            workshop.store.before["search"] = taken_over
        else:
            workshop.store.before["get"] = taken_over
        workshop.extract_all()
        assert facts(workshop) == ["one", "two"]
        assert workshop.statuses() == ["done"]
        assert workshop.audit_types().count("memory_add") == 2

    def test_without_the_ledger_the_work_is_left_as_it_is(self, open_workshop: OpenWorkshop) -> None:
        workshop = open_workshop(postgres_url="postgresql://nobody@127.0.0.1:1/none")
        with pytest.raises(LedgerUnavailable):
            workshop.extraction.extract_next()


class TestClearing:
    @pytest.mark.parametrize("moment", ["while the LLM thinks", "before the write", "after the write"])
    def test_facts_of_a_cleared_subject_do_not_come_back(
        self, workshop: Workshop, llm: FakeOpenAI, moment: str
    ) -> None:
        llm.answer_with(given(Fact("one"), Fact("two", "agent"), Fact("three", "session")))
        workshop.take_in(event("Hello.", agent_id="coach", session_id="s1"))
        self._at(workshop, moment, lambda: clear(workshop))
        workshop.extract_all()
        assert workshop.memories() == []
        assert workshop.statuses() == ["skipped"]
        assert workshop.rows("SELECT 1 FROM journal") == []
        assert workshop.subject().due_at is None

    @pytest.mark.parametrize("moment", ["while the LLM thinks", "before the write", "after the write"])
    def test_clearing_a_session_leaves_the_others(self, workshop: Workshop, moment: str) -> None:
        workshop.take_in(event("gone", session_id="s1"), event("kept", session_id="s2"), event("kept too"))
        self._at(workshop, moment, lambda: clear(workshop, session="s1"))
        workshop.extract_all()
        assert facts(workshop) == ["User said: kept", "User said: kept too"]
        assert workshop.texts(kind=Kind.EXCERPT) == ["kept", "kept too"]
        assert workshop.statuses() == ["skipped", "done", "done"]

    def test_clearing_a_session_takes_back_what_a_crashed_worker_wrote(self, workshop: Workshop) -> None:
        workshop.take_in(event("gone", session_id="s1"), event("kept", session_id="s2"))
        workshop.store.after["insert"] = crash
        with pytest.raises(Crash):
            workshop.extract_all()
        workshop.store.up()
        clear(workshop, session="s1")
        assert facts(workshop) == []
        workshop.extract_all()
        assert facts(workshop) == ["User said: kept"]

    def test_excerpts_still_to_come_outlive_the_clearing_of_another_session(self, workshop: Workshop) -> None:
        workshop.store.before["insert"] = store_down
        workshop.take_in(event("gone", session_id="s1"), event("kept", session_id="s2"))
        workshop.store.up()
        clear(workshop, session="s1")
        workshop.some_time_passes(60)
        workshop.house.upkeep.sweeps(workshop.broker).complete_excerpts()
        assert workshop.texts(kind=Kind.EXCERPT) == ["kept"]

    def _at(self, workshop: Workshop, moment: str, do: Callable[[], None]) -> None:
        def once() -> None:
            workshop.store.up()
            workshop.llm.after = lambda: None
            do()

        match moment:
            case "while the LLM thinks":
                workshop.llm.after = once
            case "before the write":
                workshop.store.before["insert"] = once
            case _:
                workshop.store.after["insert"] = once
