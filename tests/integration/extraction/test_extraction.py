"""Extraction over real servers: one call to the LLM for all scopes, each fact with its owner, time and source."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from afterword.schemas import ConversationFinished, Kind, Scope
from afterword.workers.embedded.authored import new_messages
from afterword.workers.stores.ledger import agents
from afterword.workers.stores.ledger.agents import Agent
from afterword.workers.stores.ledger.extraction import progress
from afterword.workers.stores.ledger.ingest.conversations import Conversation
from tests.fixtures.workshops import OpenWorkshop
from tests.support.extractions import count, facts, shown, shown_new
from tests.support.fake_openai import Fact, FakeOpenAI, by_content, given
from tests.support.fake_openai import text as answering
from tests.support.workshop import NOON, Workshop, event, said_json

CELLO = "Ann plays the cello"


class TestFacts:
    def test_one_call_gives_the_facts_of_all_scopes(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        llm.answer_with(
            given(
                Fact(CELLO, "user", source=0),
                Fact("Short answers work best", "agent", "assistant", source=1),
                Fact("They are planning a concert", "session", source=0),
            )
        )
        said = conversation(("user", "I play the cello."), ("assistant", "Noted."), agent_id="coach", session_id="s1")
        workshop.take_in(said)
        assert workshop.extract_all() == 1
        assert len(llm.chats) == 1
        user, agent, session = (workshop.memories(scope=scope, kind=Kind.FACT) for scope in Scope)
        [of_user], [of_agent], [of_session] = user, agent, session
        assert (of_user.text, of_user.user_id, of_user.agent_id, of_user.session_id) == (CELLO, "ann", None, None)
        assert (of_agent.user_id, of_agent.agent_id, of_agent.session_id) == (None, "coach", None)
        assert (of_session.user_id, of_session.agent_id, of_session.session_id) == ("ann", None, "s1")
        assert workshop.statuses() == ["done"]

    def test_a_fact_has_the_time_and_source_of_its_message(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        yesterday = datetime(2026, 4, 30, 9, tzinfo=UTC)
        messages = [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "I play the cello.", "created_at": yesterday.isoformat(), "id": "m-1"},
            {"role": "user", "content": "And the harp."},
        ]
        said = ConversationFinished.parse(
            {"user_id": "ann", "messages": messages, "occurred_at": NOON.isoformat(), "event_id": "e1"}
        )
        llm.answer_with(by_content({"cello": [Fact("cello")], "harp": [Fact("harp", attributed_to="assistant")]}))
        workshop.take_in(said)
        workshop.extract_all()
        cello, harp = workshop.memories(kind=Kind.FACT)
        assert (cello.event_id, cello.message, cello.message_id, cello.occurred_at) == ("e1", 1, "m-1", yesterday)
        assert (harp.message, harp.message_id, harp.occurred_at) == (2, None, NOON)
        assert (cello.attributed_to, harp.attributed_to) == ("user", "assistant")

    def test_what_is_unclear_goes_to_the_user(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        llm.answer_with(
            answering(said_json({"text": "no scope"}, {"text": "odd scope", "scope": "world", "source": "x"}))
        )
        workshop.take_in(event("Hello there.", agent_id="coach", session_id="s1"))
        workshop.extract_all()
        assert facts(workshop, scope=Scope.USER, user_id="ann") == ["no scope", "odd scope"]

    def test_the_same_words_may_be_a_fact_in_two_scopes(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        llm.answer_with(given(Fact("Tea is at five", "user"), Fact("Tea is at five", "agent"), Fact("Tea is at five")))
        workshop.take_in(event("Tea is at five.", agent_id="coach"))
        workshop.extract_all()
        assert sorted(memory.scope for memory in workshop.memories(kind=Kind.FACT)) == ["agent", "user"]

    def test_words_that_look_like_markup_stay_as_they_are(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        odd = ["Ann writes <think>tags</think>", "Ann likes ```code```", "half \ud83d nul \x00 too", "茶 & 咖啡"]
        llm.answer_with(answering(json.dumps({"memory": [{"text": each} for each in odd]})))
        workshop.take_in(event("Hello."))
        workshop.extract_all()
        assert workshop.statuses() == ["done"]
        kept = facts(workshop)
        assert len(kept) == 4
        assert {odd[0], odd[1], odd[3]} <= set(kept)

    def test_an_answer_without_facts_is_done(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        llm.answer_with(given())
        workshop.take_in(event("Hello."))
        assert workshop.extract_all() == 1
        assert (facts(workshop), workshop.statuses()) == ([], ["done"])
        assert workshop.subject().due_at is None

    def test_session_facts_have_an_end_and_are_swept(self, open_workshop: OpenWorkshop, llm: FakeOpenAI) -> None:
        workshop = open_workshop(session_ttl=0.3)
        llm.answer_with(given(Fact("for now", "session"), Fact("for good", "user")))
        workshop.take_in(event("Hello.", session_id="s1"))
        workshop.extract_all()
        [fleeting] = workshop.memories(scope=Scope.SESSION)
        assert fleeting.expires_at is not None
        threading.Event().wait(max(0.0, (fleeting.expires_at - datetime.now(UTC)).total_seconds()) + 0.01)
        # Said again, it is no duplicate of one that has ended.
        workshop.take_in(event("Hello again.", session_id="s1"))
        workshop.extract_all()
        assert facts(workshop, scope=Scope.SESSION) == ["for now", "for now"]
        workshop.house.upkeep.expiry.drop_expired_memories()
        assert facts(workshop, scope=Scope.USER) == ["for good"]
        assert len(facts(workshop, scope=Scope.SESSION)) <= 1

    def test_what_it_cost_is_audited_and_counted(self, workshop: Workshop) -> None:
        workshop.take_in(event("I play the cello.", event_id="e1"))
        workshop.extract_all()
        received, kept, learned, added = workshop.audited()
        assert received.type == "conversation_received"
        assert (kept.type, kept.metadata["kind"], kept.result_count) == ("memory_save", "excerpt", 1)
        assert (learned.type, learned.metadata["kind"], learned.result_count) == ("memory_save", "fact", 1)
        assert (learned.metadata["messages"], learned.metadata["success"]) == (1, True)
        assert 0 < learned.metadata["seconds"] < 60
        assert learned.metadata["events"] == ["e1"]
        assert learned.metadata["prompt_tokens"] > 100
        assert added.type == "memory_add"
        assert added.memory_id == workshop.memories(kind=Kind.FACT)[0].id
        assert count(workshop, "afterword_llm_calls_total", outcome="ok", model="fake-model") == 1
        assert count(workshop, "afterword_extracted_conversations_total", outcome="done") == 1


class TestPrompt:
    def test_existing_memories_of_all_scopes_are_shown(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        llm.answer_with(given(Fact("user: tea", "user"), Fact("agent: tea", "agent"), Fact("session: tea", "session")))
        workshop.take_in(event("I drink tea.", agent_id="coach", session_id="s1"))
        workshop.take_in(event("Bob drinks tea too.", user="bob"))
        workshop.extract_all()
        llm.answer_with(given())
        workshop.take_in(event("More tea.", agent_id="coach", session_id="s1"))
        workshop.extract_all()
        prompt = shown(llm)
        assert all(text in prompt for text in ("user: tea", "agent: tea", "session: tea"))
        assert "Bob" not in prompt

    def test_agents_instructions_and_earlier_turns_are_shown(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        with workshop.database.transaction() as connection:
            agents.put(connection, Agent("default", "coach", instructions="Remember every injury."))
        workshop.take_in(event("My knee hurts.", agent_id="coach", session_id="s1"))
        workshop.extract_all()
        later = NOON + timedelta(hours=1)
        workshop.take_in(event("It is better now.", agent_id="coach", session_id="s1", occurred_at=later))
        workshop.extract_all()
        assert "Remember every injury." in shown(llm)
        assert "My knee hurts." in shown(llm)
        assert [each["content"] for each in new_messages(llm.chats[-1].messages)] == ["It is better now."]

    def test_conversations_that_wait_share_a_call_in_the_order_they_happened(
        self, workshop: Workshop, llm: FakeOpenAI
    ) -> None:
        workshop.take_in(*(event(f"hour {hour}", occurred_at=NOON + timedelta(hours=hour)) for hour in (3, 1, 2)))
        assert workshop.extract_all() == 1
        [call] = llm.chats
        assert [each["content"] for each in new_messages(call.messages)] == ["hour 1", "hour 2", "hour 3"]
        assert workshop.statuses() == ["done"] * 3

    def test_a_long_conversation_takes_several_calls(self, open_workshop: OpenWorkshop, llm: FakeOpenAI) -> None:
        workshop = open_workshop(batch_tokens=100)
        said = [f"Sentence number {number} with quite a few words in it, enough to fill." for number in range(20)]
        workshop.take_in(event(*said, event_id="long"), event("short", occurred_at=NOON + timedelta(hours=1)))
        workshop.extract_all()
        asked = [[each["content"] for each in new_messages(call.messages)] for call in llm.chats]
        assert len(asked) > 3
        assert [text for call in asked for text in call] == [*said, "short"]
        assert said[len(asked[0]) - 1] in shown(llm, 1)  # what was said just before
        assert len(facts(workshop)) == 21
        assert workshop.statuses() == ["done", "done"]
        assert count(workshop, "afterword_extracted_conversations_total", outcome="done") == 2

    def test_one_huge_turn_is_embedded_in_part_to_find_what_is_known(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        llm.answer_with(given(Fact(CELLO)))
        workshop.take_in(event("many words " * 10_000))
        workshop.embedder.fails = lambda text: len(text) > 8_000  # as models do
        workshop.extract_all()
        assert facts(workshop) == [CELLO]


class TestIsolation:
    def test_users_and_tenants_never_mix(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        llm.answer_with(by_content({f"I am {name}": [Fact(f"is {name}")] for name in ("one", "two", "three")}))
        workshop.take_in(
            event("I am one", user="ann"),
            event("I am two", user="bob"),
            event("I am three", user="ann", tenant_id="other"),
        )
        assert workshop.extract_all() == 3
        for call in llm.chats:
            assert sum(f"I am {name}" in shown_new(call.messages) for name in ("one", "two", "three")) == 1
        owners = {(fact.text, fact.tenant_id, fact.user_id) for fact in workshop.memories(kind=Kind.FACT)}
        assert owners == {("is one", "default", "ann"), ("is two", "default", "bob"), ("is three", "other", "ann")}

    def test_one_agent_s_fact_of_many_users_at_once_is_stored_once(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        llm.answer_with(given(Fact("Short answers work best", "agent")))
        workshop.take_in(*(event("Be brief.", user=f"user-{number}", agent_id="coach") for number in range(8)))
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(lambda _: workshop.extraction.extract_next(), range(8)))
        assert facts(workshop) == ["Short answers work best"]
        assert workshop.statuses() == ["done"] * 8
        duplicates = workshop.rows("SELECT sum((metadata->>'duplicates')::int) n FROM audit WHERE type='memory_save'")
        assert duplicates[0].n == 7


class TestDebounce:
    def test_what_comes_during_an_extraction_waits_its_own_time(self, open_workshop: OpenWorkshop) -> None:
        """Neither the tokens nor the age of what is being extracted count for it."""
        workshop = open_workshop(extract_after=30.0, extract_within=60.0, extract_at_tokens=60)
        workshop.take_in(event("words " * 58))
        workshop.rows("UPDATE subjects SET first_at = first_at - interval '1 hour'")
        workshop.due_now()
        workshop.llm.after = lambda: take_in_once(workshop, event("a few more words", event_id="late"))
        assert workshop.extract_all() == 1
        subject = workshop.subject()
        assert 20 < subject.due_in <= 30
        assert 0 < subject.pending_tokens < 20
        workshop.due_now()
        assert workshop.extract_all() == 1
        assert workshop.statuses() == ["done", "done"]

    def test_what_comes_as_an_empty_claim_is_let_go_is_not_lost(
        self, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        workshop.take_in(event("Hello."))
        workshop.rows("UPDATE conversations SET status = 'done'")
        looked = progress.pending

        def look_and_miss(*given: Any, **named: Any) -> list[Conversation]:
            found = looked(*given, **named)
            monkeypatch.undo()
            workshop.take_in(event("Goodbye."))
            return found

        monkeypatch.setattr(progress, "pending", look_and_miss)
        assert workshop.extract_all() == 2
        assert workshop.statuses() == ["done", "done"]
        assert facts(workshop) == ["User said: Goodbye."]


def take_in_once(workshop: Workshop, said: ConversationFinished) -> None:
    workshop.llm.after = lambda: None
    workshop.take_in(said)


def conversation(*messages: tuple[str, str], **more: Any) -> ConversationFinished:
    listed = [{"role": role, "content": content} for role, content in messages]
    return ConversationFinished.parse({"user_id": "ann", "messages": listed, **more})
