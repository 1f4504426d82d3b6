"""Managing memories over real stores."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from afterword.schemas import (
    AddMemory,
    ClearMemories,
    Command,
    DeleteMemory,
    FindOwners,
    GetMemory,
    InvalidEvent,
    Kind,
    ListMemories,
    ListUsers,
    Memory,
    MemoryOwner,
    MemoryPage,
    Removed,
    Scope,
    UserPage,
)
from afterword.schemas.wire import Queue
from afterword.workers.core.errors import Denied, NotFound, StoreUnavailable
from afterword.workers.services.ingest.recorder import Outcome
from afterword.workers.stores.ledger import agents
from afterword.workers.stores.ledger.agents import Agent
from afterword.workers.stores.ledger.upkeep import dead_letters
from afterword.workers.stores.ledger.upkeep.dead_letters import DeadLetter
from tests.support.fake_openai import Fact, FakeOpenAI, given
from tests.support.workshop import REPLY_TO, Crash, Workshop, crash, event, store_down


def run(workshop: Workshop, command: type[Any], **given: Any) -> Any:
    made: Command = command(reply_to=REPLY_TO, **given)
    return workshop.house.commands.commands(workshop.broker).run(made)


def add(workshop: Workshop, text: str, **given: Any) -> Memory:
    added = run(workshop, AddMemory, text=text, **(given or {"user_id": "ann"}))
    assert isinstance(added, Memory)
    return added


def own_agent(workshop: Workshop, owner: str | None = "acme") -> None:
    with workshop.database.transaction() as connection:
        agents.put(connection, Agent("default", "coach", owner))


def said_in_queue(workshop: Workshop) -> list[str]:
    """The words of the conversations that are left in the queue and can be read."""
    queued = [data for _, data in workshop.broker.admin.messages(Queue.CONVERSATIONS) if data.startswith(b"{")]
    return sorted(json.loads(data)["args"][0]["messages"][0]["content"] for data in queued)


class TestListing:
    def test_pages_hold_each_memory_once_newest_first(self, workshop: Workshop) -> None:
        workshop.take_in(*(event(f"number {number}", event_id=f"e{number}") for number in range(7)))
        seen: list[Memory] = []
        cursor = None
        for _ in range(4):
            page: MemoryPage = run(workshop, ListMemories, user_id="ann", limit=2, cursor=cursor)
            seen.extend(page.memories)
            cursor = page.next_cursor
        assert cursor is None
        assert sorted(memory.text for memory in seen) == [f"number {number}" for number in range(7)]

    def test_scope_kind_and_owner_narrow_it(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        llm.answer_with(given(Fact("one"), Fact("two", "agent"), Fact("three", "session")))
        workshop.take_in(event("Hello.", agent_id="coach", session_id="s1"))
        workshop.extract_all()
        add(workshop, "by hand")
        own_agent(workshop)

        def texts(**asked: Any) -> list[str]:
            return sorted(memory.text for memory in run(workshop, ListMemories, **asked).memories)

        assert texts(user_id="ann") == ["Hello.", "by hand", "one", "three"]
        assert texts(user_id="ann", kind=Kind.FACT, scope=Scope.USER) == ["one"]
        assert texts(user_id="ann", session_id="s1", kind=Kind.FACT) == ["three"]
        assert texts(agent_id="coach", by="acme") == ["two"]
        assert texts(user_id="bob") == []
        assert texts(user_id="ann", tenant_id="other") == []

    @pytest.mark.parametrize("told", ["nonsense", "[" * 50_000, '["2026-05-01T12:00:00", "x"]', "[1, 2]", "{}"])
    def test_a_cursor_that_no_page_gave_is_the_caller_s_mistake(self, workshop: Workshop, told: str) -> None:
        for cursor in (told, base64.urlsafe_b64encode(told.encode()).decode()):
            with pytest.raises(InvalidEvent, match="cursor"):
                run(workshop, ListMemories, user_id="ann", cursor=cursor)


class TestOne:
    def test_what_is_added_is_found_and_gone_when_deleted(self, workshop: Workshop) -> None:
        added = add(workshop, "Ann is allergic to nuts", user_id="ann", metadata={"source": "form"})
        assert (added.kind, added.scope, added.metadata) == (Kind.NOTE, Scope.USER, {"source": "form"})
        assert run(workshop, GetMemory, user_id="ann", memory_id=added.id) == added
        assert run(workshop, DeleteMemory, user_id="ann", memory_id=added.id) == Removed(removed=1)
        with pytest.raises(NotFound):
            run(workshop, GetMemory, user_id="ann", memory_id=added.id)
        with pytest.raises(NotFound):
            run(workshop, DeleteMemory, user_id="ann", memory_id=added.id)
        assert workshop.audit_types() == ["memory_save", "memory_add", "memory_delete"]

    def test_a_note_may_be_known_since_long(self, workshop: Workshop) -> None:
        since = datetime(2024, 3, 1, 9, tzinfo=UTC)
        assert add(workshop, "Ann moved to Lisbon", user_id="ann", occurred_at=since).occurred_at == since

    def test_an_id_leads_to_its_owner_within_the_tenant(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        llm.answer_with(given(Fact("Plans by the week", "agent")))
        workshop.take_in(event("Hello.", agent_id="coach", session_id="s1"))
        workshop.extract_all()
        ids = {memory.text: memory.id for memory in workshop.memories()}
        asked = [ids["Hello."], ids["Plans by the week"], "no uuid", "5c1f7c3e-5f0a-4d43-9a34-3f4d1c2b7e61"]
        found = run(workshop, FindOwners, memory_ids=asked).owners
        assert sorted(found, key=lambda owner: owner.scope) == [
            MemoryOwner(memory_id=ids["Plans by the week"], scope=Scope.AGENT, agent_id="coach"),
            MemoryOwner(memory_id=ids["Hello."], scope=Scope.USER, user_id="ann", agent_id="coach", session_id="s1"),
        ]
        assert run(workshop, FindOwners, memory_ids=asked, tenant_id="other").owners == ()

    def test_a_fact_has_an_owner_as_soon_as_it_can_be_found(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        llm.answer_with(given(Fact("Plans by the week", "agent"), Fact("Ann moved to Lisbon")))
        workshop.take_in(event("Hello.", agent_id="coach"))
        # The worker ends between the vector store and the ledger.
        workshop.store.after["insert"] = crash
        with pytest.raises(Crash):
            workshop.extract_all()
        workshop.store.up()
        facts = {memory.id: memory for memory in workshop.memories(kind=Kind.FACT)}
        assert facts
        found = run(workshop, FindOwners, memory_ids=list(facts)).owners
        assert {owner.memory_id: owner.user_id for owner in found} == {
            memory_id: memory.user_id for memory_id, memory in facts.items()
        }

    def test_the_same_request_adds_once(self, workshop: Workshop) -> None:
        first = add(workshop, "once", user_id="ann", request_id="r1")
        assert add(workshop, "once", user_id="ann", request_id="r1") == first
        assert add(workshop, "other words", user_id="ann", request_id="r1").text == "once"
        assert workshop.texts() == ["once"]
        assert workshop.audit_types() == ["memory_save", "memory_add"]

    def test_request_ids_of_different_owners_do_not_meet(self, workshop: Workshop) -> None:
        add(workshop, "ann's", user_id="ann", request_id="1")
        add(workshop, "bob's", user_id="bob", request_id="1")
        add(workshop, "the session's", user_id="ann", session_id="s", request_id="1")
        add(workshop, "another session's", user_id="ann", session_id="s2", request_id="1")
        assert len(workshop.memories()) == 4

    def test_a_memory_of_somebody_else_is_not_there(self, workshop: Workshop) -> None:
        added = add(workshop, "Ann's secret")
        for asked in ({"user_id": "bob"}, {"user_id": "ann", "tenant_id": "other"}):
            for command in (GetMemory, DeleteMemory):
                with pytest.raises(NotFound):
                    run(workshop, command, memory_id=added.id, **asked)
        with pytest.raises(NotFound):
            run(workshop, GetMemory, user_id="ann", memory_id="no uuid")
        assert workshop.texts() == ["Ann's secret"]

    def test_nothing_is_audited_when_the_store_refuses(self, workshop: Workshop) -> None:
        workshop.store.before["insert"] = store_down
        with pytest.raises(StoreUnavailable):
            add(workshop, "lost")
        assert workshop.audited() == []


class TestAccess:
    def test_a_user_s_memories_are_open_to_the_user_only(self, workshop: Workshop) -> None:
        add(workshop, "Ann's", user_id="ann", by="ann")
        with pytest.raises(Denied):
            run(workshop, ListMemories, user_id="ann", by="bob")

    @pytest.mark.parametrize(("owner", "by"), [(None, "acme"), ("acme", "mallory"), ("acme", None)])
    @pytest.mark.parametrize("command", [ListMemories, ClearMemories])
    def test_an_agent_s_memories_are_open_to_its_registered_owner_only(
        self, workshop: Workshop, owner: str | None, by: str | None, command: type[Any]
    ) -> None:
        own_agent(workshop, owner)
        with pytest.raises(Denied):
            run(workshop, command, agent_id="coach", by=by)

    def test_the_owner_of_an_agent_clears_it(self, workshop: Workshop) -> None:
        own_agent(workshop)
        add(workshop, "the agent's", agent_id="coach", by="acme")
        add(workshop, "Ann's")
        assert run(workshop, ClearMemories, agent_id="coach", by="acme") == Removed(removed=1)
        assert workshop.texts() == ["Ann's"]


class TestClearing:
    def test_nothing_of_a_user_is_left(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        llm.answer_with(given(Fact("one"), Fact("the agent's", "agent"), Fact("three", "session")))
        workshop.take_in(event("Hello.", agent_id="coach", session_id="s1"), event("Bob here.", user="bob"))
        workshop.extract_all()
        workshop.take_in(event("Still waiting."))
        with workshop.database.transaction() as connection:
            letter = DeadLetter("m", "conversations", "why", b"words", datetime.now(UTC), "default", "ann")
            dead_letters.write(connection, [letter])
        removed = run(workshop, ClearMemories, user_id="ann")
        assert removed.removed == 4
        assert workshop.memories(user_id="ann") == []
        assert "the agent's" in workshop.texts()
        assert "Bob here." in workshop.texts()
        assert workshop.extract_all() == 0
        assert workshop.rows("SELECT 1 FROM conversations WHERE user_id = 'ann' AND turns IS NOT NULL") == []
        assert workshop.rows("SELECT 1 FROM dead_letters") == []
        told = workshop.audited()[-1]
        assert (told.type, told.result_count, told.metadata) == ("memory_clear", 4, {"stored": 4})
        assert workshop.take_in(event("A new beginning.")) == [Outcome.STORED]
        assert workshop.texts(user_id="ann") == ["A new beginning."]

    def test_one_session(self, workshop: Workshop) -> None:
        workshop.take_in(event("here", session_id="s1"), event("there", session_id="s2"))
        add(workshop, "a note there", user_id="ann", session_id="s2")
        assert run(workshop, ClearMemories, user_id="ann", session_id="s2") == Removed(removed=2)
        assert workshop.texts() == ["here"]
        workshop.extract_all()
        assert workshop.texts(kind=Kind.FACT) == ["User said: here"]

    def test_what_is_queued_goes_too_and_nobody_else_s(self, workshop: Workshop) -> None:
        mine = event("mine", user_id="ann", session_id="s1")
        for queued in (mine, event("mine too", user_id="ann"), event("not mine", user_id="bob")):
            workshop.broker.admin.enqueue_body(Queue.CONVERSATIONS, queued)
        workshop.broker.admin.enqueue_encoded(Queue.CONVERSATIONS, "broken", b"not a message")
        workshop.broker.admin.enqueue_encoded(Queue.CONVERSATIONS, "nested", b"[" * 100_000)
        by_hand = json.dumps({"args": [{"user_id": 7, "messages": [{"role": "user", "content": "seven"}]}]})
        workshop.broker.admin.enqueue_encoded(Queue.CONVERSATIONS, "by hand", by_hand.encode())
        run(workshop, ClearMemories, user_id="7")

        run(workshop, ClearMemories, user_id="ann", session_id="s1")
        assert said_in_queue(workshop) == ["mine too", "not mine"]

        run(workshop, ClearMemories, user_id="ann")
        assert said_in_queue(workshop) == ["not mine"]

    def test_clearing_nobody_is_no_error(self, workshop: Workshop) -> None:
        assert run(workshop, ClearMemories, user_id="nobody") == Removed(removed=0)


class TestUsers:
    def test_they_are_paged_with_their_counts(self, workshop: Workshop) -> None:
        workshop.take_in(
            event("1", "2", user="ann"),
            event("3", user="bob"),
            event("4", user="cy"),
            event("5", user="dan", tenant_id="other"),
        )
        run(workshop, ClearMemories, user_id="cy")
        first: UserPage = run(workshop, ListUsers, limit=2)
        assert [(user.user_id, user.memories) for user in first.users] == [("ann", 2), ("bob", 1)]
        second: UserPage = run(workshop, ListUsers, limit=2, cursor=first.next_cursor)
        assert [(user.user_id, user.memories) for user in second.users] == [("cy", 0)]
        assert second.next_cursor is None
        assert run(workshop, ListUsers, tenant_id="nobody's") == UserPage(users=())
