"""Taking conversations in: once, cleaned, searchable at once, whatever is away."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from afterword.schemas import ClearMemories, ConversationFinished, Kind, Scope, split
from afterword.schemas.fence import fenced
from afterword.schemas.wire import Queue
from afterword.workers.core.errors import LedgerUnavailable
from afterword.workers.services.ingest.recorder import Outcome
from afterword.workers.stores.ledger import agents
from afterword.workers.stores.ledger.agents import Agent
from tests.fixtures.workshops import OpenWorkshop
from tests.support.fake_openai import FakeOpenAI
from tests.support.workshop import NOON, REPLY_TO, Crash, Workshop, crash, event, question


def clear(workshop: Workshop, user: str = "ann") -> None:
    workshop.house.commands.commands(workshop.broker).run(ClearMemories(user_id=user, reply_to=REPLY_TO))


class TestRecording:
    def test_an_event_is_recorded_with_its_subject_and_audit(self, workshop: Workshop) -> None:
        said = event("I play the cello.", agent_id="coach", session_id="s1", metadata={"app": "web"})
        assert workshop.take_in(said) == [Outcome.STORED]
        assert workshop.statuses() == ["stored"]
        subject = workshop.subject()
        assert subject.pending_tokens > 0
        assert subject.due_in <= 0
        row, _ = workshop.audited()
        assert (row.type, row.event_id, row.agent_id, row.session_id) == (
            "conversation_received",
            said.event_id,
            "coach",
            "s1",
        )
        assert "cello" not in json.dumps(row.metadata)

    def test_the_same_event_again_is_a_duplicate(self, workshop: Workshop) -> None:
        said = event("I play the cello.", event_id="e1")
        later = said.model_copy(update={"occurred_at": NOON + timedelta(hours=1)})
        assert workshop.take_in(said, said, later) == [Outcome.STORED, Outcome.DUPLICATE, Outcome.DUPLICATE]
        assert workshop.statuses() == ["stored"]
        assert workshop.audit_types() == ["conversation_received", "memory_save"]

    def test_another_body_under_the_same_id_is_a_conflict_and_the_first_wins(self, workshop: Workshop) -> None:
        first, second = event("I play the cello.", event_id="e1"), event("I play the harp.", event_id="e1")
        stranger = event("I play the cello.", event_id="e1", user="bob")
        outcomes = workshop.take_in(first, second, stranger)
        assert outcomes == [Outcome.STORED, Outcome.CONFLICT, Outcome.STORED]
        assert workshop.texts(user_id="ann") == ["I play the cello."]
        assert workshop.audit_types() == ["conversation_received", "memory_save", "conversation_conflict"]

    def test_tenants_have_event_ids_of_their_own(self, workshop: Workshop) -> None:
        ours, theirs = event("a", event_id="e"), event("b", event_id="e", tenant_id="other")
        assert workshop.take_in(ours, theirs) == [Outcome.STORED, Outcome.STORED]
        assert workshop.texts(tenant_id="other") == ["b"]

    def test_parts_of_a_split_event_are_one_conversation(self, workshop: Workshop) -> None:
        whole = event(*(f"Sentence number {number}." for number in range(7)), event_id="e1")
        parts = split(whole, max_messages=3)
        assert workshop.take_in(*parts, parts[0]) == [Outcome.STORED] * 3 + [Outcome.DUPLICATE]
        assert len(workshop.memories()) == 7
        assert {memory.event_id for memory in workshop.memories()} == {"e1"}

    def test_a_due_subject_is_hinted_at_once_and_a_debounced_one_is_not(self, open_workshop: OpenWorkshop) -> None:
        at_once = open_workshop()
        at_once.take_in(event("now"))
        assert at_once.broker.admin.queue_length(Queue.EXTRACTION) == 1
        at_once.close()
        patient = open_workshop(extract_after=30.0)
        patient.take_in(event("later", user="bob"))
        assert patient.broker.admin.queue_length(Queue.EXTRACTION) == 1
        assert 20 < patient.subject("bob").due_in <= 30

    def test_many_tokens_make_a_subject_due_at_once(self, open_workshop: OpenWorkshop) -> None:
        workshop = open_workshop(extract_after=30.0, extract_at_tokens=50)
        workshop.take_in(event("few words"))
        assert workshop.subject().due_in > 20
        workshop.take_in(event("many words " * 40))
        assert workshop.subject().due_in <= 0

    def test_the_first_event_bounds_the_wait(self, open_workshop: OpenWorkshop) -> None:
        workshop = open_workshop(extract_after=30.0, extract_within=40.0)
        workshop.take_in(event("first"))
        workshop.rows("UPDATE subjects SET first_at = first_at - interval '20 seconds'")
        workshop.take_in(event("second"))
        assert workshop.subject().due_in <= 20


class TestSkipping:
    def test_the_master_switch(self, open_workshop: OpenWorkshop) -> None:
        workshop = open_workshop(memory_enabled=False)
        assert workshop.take_in(event("I play the cello.")) == [Outcome.SKIPPED]
        assert_skipped(workshop, "memory is switched off")

    def test_an_agent_that_does_not_remember(self, workshop: Workshop) -> None:
        with workshop.database.transaction() as connection:
            agents.put(connection, Agent("default", "silent", memory_enabled=False))
        assert workshop.take_in(event("I play the cello.", agent_id="silent")) == [Outcome.SKIPPED]
        assert_skipped(workshop, "memory is off for this agent")
        assert workshop.take_in(event("I play the cello.", agent_id="other")) == [Outcome.STORED]

    def test_only_system_and_tool_messages(self, workshop: Workshop) -> None:
        messages = [{"role": "system", "content": "Be kind."}, {"role": "tool", "content": "42"}]
        said = ConversationFinished.parse({"user_id": "ann", "messages": messages})
        assert workshop.take_in(said) == [Outcome.SKIPPED]
        assert_skipped(workshop, "no words of user or assistant")

    def test_verbatim_mode_keeps_excerpts_and_extracts_nothing(self, open_workshop: OpenWorkshop) -> None:
        workshop = open_workshop(llm="none")
        assert workshop.take_in(event("I play the cello.")) == [Outcome.STORED]
        assert workshop.texts(kind=Kind.EXCERPT) == ["I play the cello."]
        assert workshop.statuses() == ["skipped"]
        assert workshop.subject().due_at is None


def assert_skipped(workshop: Workshop, reason: str) -> None:
    [row] = workshop.rows("SELECT status, reason, turns FROM conversations")
    assert (row.status, row.reason, row.turns) == ("skipped", reason, None)
    assert workshop.memories() == []
    assert workshop.subject().due_at is None
    [skipped] = workshop.audited()
    assert (skipped.type, skipped.metadata["reason"]) == ("conversation_skipped", reason)


class TestExcerpts:
    def test_they_are_found_at_once_without_any_llm(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        workshop.take_in(event("I play the cello in an orchestra.", agent_id="coach", session_id="s1"))
        reply = workshop.ask(question("Who plays the cello?"))
        [memory] = reply.memories
        assert memory.text == "I play the cello in an orchestra."
        assert (memory.kind, memory.scope, memory.role) == (Kind.EXCERPT, Scope.USER, "user")
        assert (memory.user_id, memory.agent_id, memory.session_id) == ("ann", "coach", "s1")
        assert memory.occurred_at == NOON
        assert llm.chats == []

    def test_all_turns_take_one_embedding_call_and_one_write(self, workshop: Workshop) -> None:
        workshop.take_in(event(*(f"Sentence number {number}." for number in range(30))))
        assert [len(texts) for texts in workshop.embedder.batches] == [30]
        assert workshop.store.calls == ["insert"]

    def test_injected_memories_are_cut_out(self, workshop: Workshop) -> None:
        workshop.take_in(event(fenced("- Ann likes tea") + "\nWhat is the weather?", fenced("- only memories")))
        assert workshop.texts() == ["What is the weather?"]

    def test_overlapping_windows_store_each_turn_once(self, workshop: Workshop) -> None:
        said = [f"Turn number {number} of the thread." for number in range(20)]
        for start in range(11):
            workshop.take_in(event(*said[start : start + 10], session_id="s1"))
        assert len(workshop.memories()) == 20
        workshop.take_in(event(*said[:10], session_id="another"))
        assert len(workshop.memories()) == 30

    def test_equal_message_ids_with_other_words_are_other_turns(self, workshop: Workshop) -> None:
        """Some frameworks give every message the same id."""
        said = [{"role": "user", "content": f"answer {number}", "id": "__fake_id__"} for number in range(4)]
        for window in (said[:3], said[1:], said):
            workshop.take_in(ConversationFinished.parse({"user_id": "ann", "session_id": "s1", "messages": window}))
        assert workshop.texts(kind=Kind.EXCERPT) == [f"answer {number}" for number in range(4)]
        kept = [len(row.turns) for row in workshop.rows("SELECT turns FROM conversations WHERE turns IS NOT NULL")]
        assert kept == [3, 1]

    def test_message_ids_tell_turns_of_the_same_words_apart(self, workshop: Workshop) -> None:
        messages = [{"role": "user", "content": "Yes.", "id": name} for name in ("m1", "m2", "m1")]
        workshop.take_in(ConversationFinished.parse({"user_id": "ann", "messages": messages}))
        assert sorted(str(memory.message_id) for memory in workshop.memories()) == ["m1", "m2"]

    def test_a_long_turn_is_kept_verbatim_in_pieces(self, workshop: Workshop) -> None:
        said = "See https://example.com/a.b?c=1.5 for more.\nThe price is 3.14 euros. " * 60
        workshop.take_in(event(said))
        kept = sorted(workshop.memories(), key=lambda memory: said.index(memory.text[:60]))
        assert len(kept) > 1
        assert all(memory.text in said for memory in kept)

    def test_nul_and_half_characters_do_not_stop_an_event(self, workshop: Workshop) -> None:
        messages = json.loads('[{"role": "user", "content": "half \\ud83d and nul \\u0000 here"}]')
        outcome = workshop.take_in(ConversationFinished.parse({"user_id": "ann", "messages": messages}))
        assert outcome == [Outcome.STORED]
        [text] = workshop.texts()
        assert text.startswith("half")
        assert "\x00" not in text

    def test_an_event_of_a_mebibyte(self, workshop: Workshop) -> None:
        said = " ".join(f"word{number}" for number in range(95_000))
        assert len(said) > 1_000_000 / 1.1
        workshop.take_in(event(said))
        assert sum(len(memory.text) for memory in workshop.memories()) > 0.99 * len(said)
        assert workshop.statuses() == ["stored"]


class TestOutages:
    @pytest.mark.parametrize("what", ["store", "closed store", "embedder"])
    def test_an_event_is_recorded_and_its_excerpts_come_with_the_sweep(self, workshop: Workshop, what: str) -> None:
        fail(workshop, what)
        assert workshop.take_in(event("I play the cello.")) == [Outcome.STORED]
        assert workshop.statuses() == ["received"]
        mend(workshop)
        sweeps = workshop.house.upkeep.sweeps(workshop.broker)
        sweeps.complete_excerpts()
        assert workshop.texts() == []  # it may still be in work
        workshop.some_time_passes(60)
        sweeps.complete_excerpts()
        assert workshop.texts() == ["I play the cello."]
        assert workshop.statuses() == ["stored"]

    def test_one_event_that_cannot_be_embedded_holds_up_no_other(self, workshop: Workshop) -> None:
        workshop.store.down()
        workshop.take_in(event("poison"), *(event(f"sound {number}") for number in range(5)))
        workshop.store.up()
        workshop.embedder.fails = lambda text: text == "poison"
        workshop.some_time_passes(60)
        for _ in range(60):
            workshop.house.upkeep.sweeps(workshop.broker).complete_excerpts()
        assert workshop.texts() == [f"sound {number}" for number in range(5)]

    @pytest.mark.parametrize("where", ["before", "after"])
    def test_a_redelivery_after_a_crash_completes_the_excerpts(self, workshop: Workshop, where: str) -> None:
        said = event("I play the cello.", event_id="e1")
        getattr(workshop.store, where)["insert"] = crash
        with pytest.raises(Crash):
            workshop.take_in(said)
        workshop.store.up()
        assert workshop.take_in(said) == [Outcome.DUPLICATE]
        assert workshop.texts() == ["I play the cello."]
        assert workshop.statuses() == ["stored"]

    def test_without_the_ledger_nothing_is_recorded(self, open_workshop: OpenWorkshop) -> None:
        workshop = open_workshop(postgres_url="postgresql://nobody@127.0.0.1:1/none")
        with pytest.raises(LedgerUnavailable):
            workshop.take_in(event("I play the cello."))
        assert workshop.memories() == []


def fail(workshop: Workshop, what: str) -> None:
    match what:
        case "store":
            workshop.store.down()
        case "closed store":
            workshop.store.close()
        case _:
            workshop.embedder.fails = lambda _: True


def mend(workshop: Workshop) -> None:
    workshop.store.up()
    workshop.embedder.fails = lambda _: False
    workshop.house.collections.prepare()


class TestClearing:
    def test_excerpts_written_over_a_clear_are_taken_back(self, workshop: Workshop) -> None:
        workshop.store.after["insert"] = lambda: clear(workshop)
        workshop.take_in(event("I play the cello."))
        assert workshop.memories() == []
        workshop.store.up()
        assert workshop.statuses() == ["skipped"]
        assert workshop.rows("SELECT 1 FROM conversations WHERE turns IS NOT NULL") == []

    def test_excerpts_that_came_after_the_clear_stay(self, workshop: Workshop) -> None:
        """Words that are said once more have the very ids that the first writer takes back."""

        def clear_and_say_again() -> None:
            workshop.store.up()
            clear(workshop)
            workshop.take_in(event("I play the cello.", "I play the cello.", session_id="s1"))

        workshop.store.after["insert"] = clear_and_say_again
        workshop.take_in(event("I play the cello.", session_id="s1"))
        assert workshop.texts() == ["I play the cello."]

    def test_a_cleared_event_does_not_come_back_with_its_redelivery(self, workshop: Workshop) -> None:
        said = event("I play the cello.")
        workshop.take_in(said)
        clear(workshop)
        assert workshop.take_in(said) == [Outcome.DUPLICATE]
        workshop.some_time_passes(60)
        workshop.house.upkeep.sweeps(workshop.broker).complete_excerpts()
        assert workshop.memories() == []


def test_metadata_of_an_event_is_kept_with_its_excerpts(workshop: Workshop) -> None:
    metadata: dict[str, Any] = {"app": "web", "paid": True, "score": 1.5, "nothing": None}
    workshop.take_in(event("I play the cello.", metadata=metadata))
    assert workshop.memories()[0].metadata == metadata
