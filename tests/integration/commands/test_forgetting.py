"""Forgetting while a store is away, before extraction, and wherever a message may lie."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import redis

from afterword.schemas import (
    AddMemory,
    ClearMemories,
    Command,
    DeleteMemory,
    GetDeletion,
    GetMemory,
    Kind,
    ListMemories,
    Removed,
    wire,
)
from afterword.schemas.wire import Queue
from afterword.workers.core.errors import NotFound, VectorStoreUnavailable
from afterword.workers.services.ingest.recorder import Outcome
from afterword.workers.stores.ledger import agents
from afterword.workers.stores.ledger.agents import Agent
from afterword.workers.stores.ledger.deletions import Deletion
from afterword.workers.stores.ledger.upkeep import dead_letters
from afterword.workers.stores.ledger.upkeep.dead_letters import DeadLetter
from tests.support.extractions import facts
from tests.support.fake_openai import Fact, FakeOpenAI, given
from tests.support.waiting import wait_until
from tests.support.workshop import REPLY_TO, Crash, Workshop, crash, event, question, store_down


def run(workshop: Workshop, command: type[Any], **given: Any) -> Any:
    made: Command = command(reply_to=REPLY_TO, **given)
    return workshop.house.commands.commands(workshop.broker).run(made)


def is_pending(answer: object) -> bool:
    """And names something to ask after."""
    return isinstance(answer, Removed) and answer.pending and answer.removed == 0 and answer.deletion_id is not None


def recalled(workshop: Workshop, user: str = "ann", **more: Any) -> list[str]:
    return sorted(memory.text for memory in workshop.ask(question(None, user, **more)).memories)


def listed(workshop: Workshop) -> list[str]:
    return sorted(memory.text for memory in run(workshop, ListMemories, user_id="ann").memories)


def complete(workshop: Workshop) -> None:
    workshop.house.upkeep.forgetting.complete_deletions()


def excerpt(workshop: Workshop, text: str) -> str:
    [memory] = workshop.memories(kind=Kind.EXCERPT, text=text)
    return memory.id


def test_a_clear_that_takes_longer_than_its_asker_waits_is_pending_and_goes_on(workshop: Workshop) -> None:
    workshop.take_in(event("I play the cello."))
    workshop.extract_all()
    go_on, finished = threading.Event(), threading.Event()

    def wait() -> None:
        go_on.wait(30)

    workshop.store.before["delete_where"] = wait
    workshop.store.after["delete_where"] = finished.set
    command = ClearMemories(reply_to=REPLY_TO, user_id="ann")
    assert is_pending(workshop.house.commands.commands(workshop.broker).run(command, 0.5))
    assert recalled(workshop) == []
    go_on.set()
    assert finished.wait(30)
    wait_until(lambda: not workshop.rows("SELECT 1 FROM deletions WHERE finished_at IS NULL"))
    workshop.store.up()
    assert workshop.texts(user_id="ann") == []
    assert run(workshop, ClearMemories, user_id="ann") == Removed(removed=0)


class TestClearingWhileTheStoreIsAway:
    def test_it_is_pending_hidden_and_completed(self, workshop: Workshop) -> None:
        workshop.take_in(event("I play the cello."), event("Bob here.", user="bob"))
        workshop.extract_all()
        workshop.store.before["delete_where"] = store_down
        assert is_pending(run(workshop, ClearMemories, user_id="ann"))
        assert workshop.texts(user_id="ann") != [], "the store still has them"
        assert recalled(workshop) == []
        assert run(workshop, ListMemories, user_id="ann").memories == ()
        complete(workshop)
        assert workshop.rows("SELECT 1 FROM deletions WHERE finished_at IS NULL") != []
        assert "memory_clear" not in workshop.audit_types()

        workshop.store.up()
        complete(workshop)
        assert workshop.memories(user_id="ann") == []
        assert workshop.rows("SELECT 1 FROM deletions WHERE finished_at IS NULL") == []
        assert workshop.texts() == ["Bob here.", "User said: Bob here."]
        told = workshop.audited()[-1]
        assert (told.type, told.result_count, told.metadata) == ("memory_clear", 2, {"stored": 2})
        complete(workshop)
        assert workshop.audit_types().count("memory_clear") == 1

    def test_its_owner_can_ask_how_far_it_is(self, workshop: Workshop) -> None:
        workshop.take_in(event("I play the cello.", session_id="s1"), event("And the harp.", session_id="s2"))
        workshop.extract_all()
        workshop.store.before["delete_where"] = store_down
        answer = run(workshop, ClearMemories, user_id="ann", session_id="s1")
        asked = {"deletion_id": answer.deletion_id}
        before = run(workshop, GetDeletion, user_id="ann", **asked)
        assert (before.pending, before.finished_at) == (True, None)
        workshop.store.up()
        complete(workshop)
        after = run(workshop, GetDeletion, user_id="ann", session_id="s1", **asked)
        assert not after.pending
        assert after.memories == before.memories > 0
        assert after.finished_at > after.requested_at == before.requested_at

    @pytest.mark.parametrize(
        "asked",
        [{"user_id": "bob"}, {"tenant_id": "other"}, {"session_id": "s2"}]
        + [{"deletion_id": odd} for odd in ("nothing", "9" * 30, "-1", "²")],
        ids=str,
    )
    def test_nobody_else_can_and_no_odd_id_is_found(self, workshop: Workshop, asked: dict[str, str]) -> None:
        workshop.store.before["delete_where"] = store_down
        answer = run(workshop, ClearMemories, user_id="ann")
        with pytest.raises(NotFound):
            run(workshop, GetDeletion, **{"user_id": "ann", "deletion_id": answer.deletion_id, **asked})

    def test_another_process_hides_it_too(self, workshop: Workshop) -> None:
        workshop.take_in(event("I play the cello."))
        workshop.store.before["delete_where"] = store_down
        run(workshop, ClearMemories, user_id="ann")
        pending = workshop.house.stores.pending_deletions
        pending._listed = {}  # as in a process that has not heard of it
        pending.read()
        assert recalled(workshop) == []

    def test_what_is_said_after_it_stays(self, workshop: Workshop) -> None:
        workshop.take_in(event("Before."))
        workshop.store.before["delete_where"] = store_down
        run(workshop, ClearMemories, user_id="ann")
        workshop.take_in(event("After."))
        workshop.extract_all()
        assert listed(workshop) == ["After.", "User said: After."]
        workshop.store.up()
        complete(workshop)
        assert workshop.texts(user_id="ann") == ["After.", "User said: After."]

    def test_a_fact_that_is_learned_again_meanwhile_is_kept(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        llm.answer_with(given(Fact("Plays the cello")))
        workshop.take_in(event("I play the cello."))
        workshop.extract_all()
        workshop.store.before["delete_where"] = store_down
        run(workshop, ClearMemories, user_id="ann")
        workshop.take_in(event("The cello is mine."))
        workshop.extract_all()
        workshop.store.up()
        complete(workshop)
        assert facts(workshop) == ["Plays the cello"]

    def test_one_session_of_it(self, workshop: Workshop) -> None:
        workshop.take_in(event("here", session_id="s1"), event("there", session_id="s2"))
        workshop.store.before["delete_where"] = store_down
        assert is_pending(run(workshop, ClearMemories, user_id="ann", session_id="s2"))
        assert recalled(workshop) == ["here"]
        workshop.store.up()
        complete(workshop)
        assert workshop.texts() == ["here"]

    def test_an_agent_s(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        llm.answer_with(given(Fact("Short answers", "agent"), Fact("Ann's own")))
        workshop.take_in(event("Hello.", agent_id="coach"))
        workshop.extract_all()
        with workshop.database.transaction() as connection:
            agents.put(connection, Agent("default", "coach", "acme"))
        workshop.store.before["delete_where"] = store_down
        assert is_pending(run(workshop, ClearMemories, agent_id="coach", by="acme"))
        assert recalled(workshop, agent_id="coach") == ["Ann's own"]
        workshop.store.up()
        complete(workshop)
        assert facts(workshop) == ["Ann's own"]

    def test_facts_of_a_batch_in_work_go_with_it(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        llm.answer_with(given(Fact("Ann's"), Fact("The agent's", "agent")))
        workshop.take_in(event("Hello.", agent_id="coach"))

        def clear_then_lose_the_store() -> None:
            workshop.store.after = {}
            workshop.store.before["delete_where"] = store_down
            assert is_pending(run(workshop, ClearMemories, user_id="ann"))

        workshop.store.after["insert"] = clear_then_lose_the_store
        workshop.extract_all()
        workshop.store.up()
        complete(workshop)
        assert workshop.texts() == []
        assert workshop.extract_all() == 0


class TestAWorkerThatWasKilled:
    """It wrote after the clear, and did not come to take it back."""

    def an_hour_passes(self, workshop: Workshop) -> None:
        workshop.rows("UPDATE deletions SET requested_at = requested_at - interval '61 minutes'")
        workshop.house.upkeep.forgetting.settle_deletions()

    def crash_after_the_insert(self, workshop: Workshop) -> None:
        """The clear comes between the journal and the insert; the worker ends after the insert."""
        workshop.store.before["insert"] = self.cleared(workshop)
        workshop.store.after["insert"] = crash

    def cleared(self, workshop: Workshop) -> Callable[[], None]:
        def clear() -> None:
            workshop.store.before = {}
            run(workshop, ClearMemories, user_id="ann")

        return clear

    def test_its_facts_go(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        llm.answer_with(given(Fact("Ann's"), Fact("The agent's", "agent")))
        workshop.take_in(event("Hello.", agent_id="coach"))
        self.crash_after_the_insert(workshop)
        with pytest.raises(Crash):
            workshop.extract_all()
        workshop.store.up()
        assert len(facts(workshop)) == 2
        self.an_hour_passes(workshop)
        assert workshop.texts() == []

    def test_its_excerpts_go_unless_the_same_was_said_again(self, workshop: Workshop) -> None:
        self.crash_after_the_insert(workshop)
        with pytest.raises(Crash):
            workshop.take_in(event("My secret.", "Yes.", session_id="s1"))
        workshop.store.up()
        workshop.take_in(event("No?", "Yes.", session_id="s1"))
        assert workshop.texts() == ["My secret.", "No?", "Yes."]
        self.an_hour_passes(workshop)
        assert workshop.texts() == ["No?", "Yes."]
        assert workshop.rows("SELECT 1 FROM deletions WHERE settled_at IS NULL") == []


class TestDeletingOne:
    def test_while_the_store_is_away(self, workshop: Workshop) -> None:
        workshop.take_in(event("I play the cello.", "And the harp."))
        gone = excerpt(workshop, "I play the cello.")
        workshop.store.down()
        assert is_pending(run(workshop, DeleteMemory, user_id="ann", memory_id=gone))
        assert recalled(workshop) == ["And the harp."], "from the ledger"
        workshop.store.up()
        assert recalled(workshop) == ["And the harp."]
        with pytest.raises(NotFound):
            run(workshop, GetMemory, user_id="ann", memory_id=gone)
        complete(workshop)
        assert workshop.texts(kind=Kind.EXCERPT) == ["And the harp."]
        assert workshop.audit_types().count("memory_delete") == 1

    @pytest.mark.parametrize("asked", [{"user_id": "bob"}, {"user_id": "ann", "session_id": "other"}], ids=str)
    def test_somebody_else_s_is_not_deleted_by_the_ledger_either(
        self, workshop: Workshop, asked: dict[str, str]
    ) -> None:
        workshop.take_in(event("I play the cello."))
        kept = excerpt(workshop, "I play the cello.")
        workshop.store.down()
        with pytest.raises(VectorStoreUnavailable):
            run(workshop, DeleteMemory, memory_id=kept, **asked)
        workshop.store.up()
        assert workshop.texts() == ["I play the cello."]

    @pytest.mark.parametrize("session", [{}, {"session_id": "s1"}], ids=["event", "session"])
    def test_nothing_is_learned_from_an_excerpt_that_was_deleted_before(
        self, workshop: Workshop, llm: FakeOpenAI, session: dict[str, str]
    ) -> None:
        workshop.take_in(event("My secret.", "I play the cello.", **session))
        assert run(workshop, DeleteMemory, user_id="ann", memory_id=excerpt(workshop, "My secret.")).removed == 1
        workshop.extract_all()
        assert facts(workshop) == ["User said: I play the cello."]
        assert "My secret." not in str(llm.chats[-1].messages)
        assert workshop.statuses() == ["done"]
        assert workshop.extract_all() == 0

    def test_of_a_conversation_with_nothing_else_in_it(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        workshop.take_in(event("My secret."))
        run(workshop, DeleteMemory, user_id="ann", memory_id=excerpt(workshop, "My secret."))
        workshop.extract_all()
        assert (llm.chats, workshop.statuses()) == ([], ["skipped"])
        assert workshop.extract_all() == 0
        assert workshop.rows("SELECT 1 FROM conversations WHERE turns::text LIKE '%secret%'") == []

    def test_while_its_batch_is_in_work(self, workshop: Workshop) -> None:
        workshop.take_in(event("My secret.", "I play the cello."))

        def delete() -> None:
            workshop.llm.after = lambda: None
            run(workshop, DeleteMemory, user_id="ann", memory_id=excerpt(workshop, "My secret."))

        workshop.llm.after = delete
        workshop.extract_all()
        assert facts(workshop) == ["User said: I play the cello."]
        assert workshop.statuses() == ["done"]

    def test_after_its_batch_was_journalled(self, workshop: Workshop) -> None:
        workshop.take_in(event("My secret.", "I play the cello."))

        def delete() -> None:
            workshop.store.after = {}
            run(workshop, DeleteMemory, user_id="ann", memory_id=excerpt(workshop, "My secret."))

        workshop.store.after["insert"] = delete
        workshop.extract_all()
        assert facts(workshop) == ["User said: I play the cello."]
        assert workshop.statuses() == ["done"]

    def test_it_does_not_come_back_with_the_next_window(self, workshop: Workshop) -> None:
        workshop.take_in(event("My secret.", "I play the cello.", session_id="s1"))
        run(workshop, DeleteMemory, user_id="ann", memory_id=excerpt(workshop, "My secret."))
        workshop.take_in(event("My secret.", "I play the cello.", "And the harp.", session_id="s1"))
        workshop.extract_all()
        assert "secret" not in str(workshop.texts())
        assert "And the harp." in workshop.texts()


class TestMessages:
    """Messages that lie in a queue, or as dead letters, when their user is cleared."""

    @pytest.fixture
    def client(self, redis_url: str) -> Any:
        with redis.Redis.from_url(redis_url) as client:
            yield client

    def die(self, client: redis.Redis, queue: Queue, body: object, message_id: str = "m", **more: object) -> None:
        key = f"{wire.queue_key(queue)}.XQ"
        client.zadd(key, {message_id: int(datetime.now(UTC).timestamp() * 1000)})
        client.hset(f"{key}.msgs", message_id, json.dumps({"args": [body], **more}))

    @pytest.mark.parametrize("queue", [Queue.CONTEXT, Queue.COMMANDS, Queue.CONVERSATIONS, Queue.TELEMETRY])
    @pytest.mark.parametrize(
        "body",
        [{"user_id": "ann", "query": "secret"}, {"user": "ann"}, {"events": [{"user_id": "ann"}]}, ["ann's"]],
        ids=str,
    )
    def test_dead_ones_go_before_the_sweep(
        self, workshop: Workshop, client: redis.Redis, queue: Queue, body: object
    ) -> None:
        self.die(client, queue, body)
        self.die(client, queue, {"user_id": "bob", "content": '{"user": "ann"}'}, "bob's")
        run(workshop, ClearMemories, user_id="ann")
        workshop.house.upkeep.sweeps(workshop.broker).keep_dead_messages()
        left = {row.message_id for row in workshop.rows("SELECT message_id FROM dead_letters")}
        assert left == {"bob's"} | ({"m"} if isinstance(body, list) else set())

    def test_one_that_dies_after_a_clear_and_was_sent_before_it(self, workshop: Workshop, client: redis.Redis) -> None:
        before = int(datetime.now(UTC).timestamp() * 1000) - 5_000
        run(workshop, ClearMemories, user_id="ann")
        run(workshop, ClearMemories, user_id="7", session_id="s1")
        self.die(client, Queue.CONTEXT, {"user_id": "ann", "query": "secret"}, "old", message_timestamp=before)
        self.die(client, Queue.CONTEXT, {"user_id": "ann", "query": "fresh"}, "new")
        self.die(client, Queue.CONTEXT, {"user_id": "bob"}, "bob's", message_timestamp=before)
        self.die(client, Queue.CONTEXT, {"user_id": 7, "session_id": "s1"}, "s1's", message_timestamp=before)
        self.die(client, Queue.CONTEXT, {"user_id": 7, "session_id": "s2"}, "s2's", message_timestamp=before)
        workshop.house.upkeep.sweeps(workshop.broker).keep_dead_messages()
        rows = workshop.rows("SELECT message_id, user_id FROM dead_letters")
        assert {row.message_id for row in rows} == {"new", "bob's", "s2's"}
        assert {row.user_id for row in rows} == {"ann", "bob", "7"}
        assert client.keys("*XQ*") == []

    def test_letters_that_are_nobody_s_by_their_columns(self, workshop: Workshop) -> None:
        def letter(
            message_id: str, body: object, tenant: str | None = "default", user: str | None = None
        ) -> DeadLetter:
            data = json.dumps({"args": [body]}).encode()
            return DeadLetter(message_id, "context", "why", data, datetime.now(UTC), tenant, user)

        with workshop.database.transaction() as connection:
            letters = [
                letter("number", {"user_id": 7}),
                letter("nested", {"events": [{"user_id": "7"}]}, None),
                letter("another tenant's", {"user_id": "7"}, "other"),
                letter("70's", {"user_id": 70}),
                letter("another session's", {"user_id": "7", "session_id": "s2"}, user="7"),
            ]
            dead_letters.write(connection, letters)
        run(workshop, ClearMemories, user_id="7", session_id="s1")
        assert len(workshop.rows("SELECT 1 FROM dead_letters")) == 5
        run(workshop, ClearMemories, user_id="7")
        left = {row.message_id for row in workshop.rows("SELECT message_id FROM dead_letters")}
        assert left == {"another tenant's", "70's"}


class TestEventIds:
    """They are a user's own: platforms count their runs for each user."""

    def test_two_users_events_of_one_id_are_two(self, workshop: Workshop) -> None:
        first, second = event("I am Ann.", event_id="run-1"), event("I am Bob.", user="bob", event_id="run-1")
        assert workshop.take_in(first, second) == [Outcome.STORED, Outcome.STORED]
        workshop.extract_all()
        assert workshop.texts(user_id="ann") == ["I am Ann.", "User said: I am Ann."]
        assert workshop.texts(user_id="bob") == ["I am Bob.", "User said: I am Bob."]
        assert workshop.take_in(first, second) == [Outcome.DUPLICATE, Outcome.DUPLICATE]
        assert workshop.take_in(event("Not Bob.", user="bob", event_id="run-1")) == [Outcome.CONFLICT]

    def test_ids_do_not_meet_where_the_same_is_said(self, workshop: Workshop) -> None:
        same = {"event_id": "run-1", "agent_id": "coach"}
        workshop.take_in(event("Hello.", **same), event("Hello.", user="bob", **same))
        workshop.extract_all()
        assert len(workshop.memories()) == 4

    def test_an_agent_s_fact_of_another_user_s_event_takes_no_turn_s_place(
        self, workshop: Workshop, llm: FakeOpenAI
    ) -> None:
        llm.answer_with(given(Fact("Answers in verse", "agent")))
        workshop.take_in(event("Verse, please.", event_id="run-1", agent_id="coach"))
        workshop.extract_all()
        workshop.take_in(event("I have two cats.", user="bob", event_id="run-1", agent_id="coach"))
        assert recalled(workshop, "bob", agent_id="coach") == ["Answers in verse", "I have two cats."]


class TestWhomAnAgentLearnedFrom:
    def test_its_users_are_not_told(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        llm.answer_with(given(Fact("Answers in verse", "agent")))
        said = event("Verse, please.", event_id="ann-run-1", agent_id="coach")
        workshop.take_in(said)
        workshop.extract_all()
        for asked in (None, "Does it answer in verse?"):
            reply = workshop.ask(question(asked, "bob", agent_id="coach", explain=True))
            assert [memory.text for memory in reply.memories] == ["Answers in verse"]
            assert "ann" not in reply.model_dump_json()

    def test_its_owner_is(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        llm.answer_with(given(Fact("Answers in verse", "agent")))
        workshop.take_in(event("Verse, please.", event_id="ann-run-1", agent_id="coach"))
        workshop.extract_all()
        with workshop.database.transaction() as connection:
            agents.put(connection, Agent("default", "coach", "acme"))
        [memory] = run(workshop, ListMemories, agent_id="coach", by="acme").memories
        assert memory.source.event_id == "ann-run-1"


@pytest.mark.parametrize("refused", [0, 1])
def test_a_deletion_that_can_never_be_carried_out_holds_no_other_up(workshop: Workshop, refused: int) -> None:
    notes = [run(workshop, AddMemory, user_id=user, text=f"{user} likes tea") for user in ("ann", "bob")]
    workshop.store.before["delete_where"] = store_down
    for note, user in zip(notes, ("ann", "bob"), strict=True):
        assert run(workshop, DeleteMemory, user_id=user, memory_id=note.id).pending
    workshop.store.up()

    carrier = workshop.house.commands.deletions
    carry_out = carrier.carry_out

    def refuse_one(deletion: Deletion, *rest: Any) -> Removed:
        if deletion.wanted.memory_ids == (notes[refused].id,):
            return Removed(removed=0, pending=True)
        return carry_out(deletion, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(carrier, "carry_out", refuse_one)
        complete(workshop)
    assert workshop.texts() == [notes[refused].text]
    complete(workshop)
    assert workshop.texts() == []
