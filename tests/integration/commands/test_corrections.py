"""Correcting memories over real stores: one version a request, and none of the texts lost."""

from __future__ import annotations

from typing import Any

import pytest

from afterword.schemas import Command, InvalidInput, Kind, Memory
from afterword.schemas.answers import MemoryHistory
from afterword.schemas.commands import (
    AddMemory,
    ClearMemories,
    DeleteMemory,
    FindRelated,
    GetHistory,
    SearchMemories,
    UpdateMemory,
)
from afterword.workers.core.errors import Denied, EmbeddingFailed, NotFound, VectorStoreUnavailable
from tests.support.fake_openai import Fact, FakeOpenAI, given
from tests.support.workshop import REPLY_TO, Crash, Workshop, crash, event, question, store_down


def run(workshop: Workshop, command: type[Any], **given: Any) -> Any:
    made: Command = command(reply_to=REPLY_TO, **{"user_id": "ann", **given})
    return workshop.house.commands.commands(workshop.broker).run(made)


def add(workshop: Workshop, text: str, **more: Any) -> Memory:
    added: Memory = run(workshop, AddMemory, text=text, **more)
    return added


def told(workshop: Workshop, memory_id: str, **more: Any) -> list[str]:
    history: MemoryHistory = run(workshop, GetHistory, memory_id=memory_id, **more)
    return [version.text for version in history.versions]


def versions(workshop: Workshop) -> int:
    return len(workshop.rows("SELECT 1 FROM memory_versions"))


class TestOne:
    def test_a_correction_is_found_and_the_old_text_is_kept(self, workshop: Workshop) -> None:
        added = add(workshop, "Ann lives in Rome", metadata={"source": "form"})
        corrected = run(workshop, UpdateMemory, memory_id=added.id, text="Ann lives in Lisbon", asked_by="an-admin")
        assert (corrected.id, corrected.text) == (added.id, "Ann lives in Lisbon")
        assert (corrected.created_at, corrected.metadata) == (added.created_at, added.metadata)
        assert corrected.updated_at > corrected.occurred_at
        [found] = run(workshop, SearchMemories, query="Who lives in Lisbon?").memories
        assert (found.text, found.score > 0.3) == ("Ann lives in Lisbon", True)
        history = run(workshop, GetHistory, memory_id=added.id)
        now, was = history.versions
        assert (now.number, now.text, now.by, now.until) == (2, "Ann lives in Lisbon", "an-admin", None)
        assert (was.number, was.text, was.by, was.until) == (1, "Ann lives in Rome", None, now.since)
        assert was.since == added.created_at
        row = workshop.audited()[-1]
        assert (row.type, row.memory_id) == ("memory_update", added.id)
        assert row.metadata == {"scope": "user", "kind": "note", "version": 2, "by": "an-admin"}
        assert workshop.rows("SELECT text_length FROM memories")[0].text_length == len("Ann lives in Lisbon")

    def test_what_is_left_out_stays(self, workshop: Workshop) -> None:
        added = add(workshop, "Drinks tea", metadata={"source": "form"})
        run(workshop, UpdateMemory, memory_id=added.id, metadata={"source": "call"})
        run(workshop, UpdateMemory, memory_id=added.id, text="Drinks green tea")
        [memory] = workshop.memories()
        assert (memory.text, memory.metadata) == ("Drinks green tea", {"source": "call"})
        with pytest.raises(ValueError, match="text or metadata"):
            UpdateMemory(reply_to=REPLY_TO, user_id="ann", memory_id=added.id)

    def test_history_comes_in_pages(self, workshop: Workshop) -> None:
        added = add(workshop, "1")
        assert told(workshop, added.id) == ["1"]
        for number in range(2, 6):
            run(workshop, UpdateMemory, memory_id=added.id, text=str(number))
        seen: list[str] = []
        cursor = None
        for size in (2, 2, 1):
            page = run(workshop, GetHistory, memory_id=added.id, limit=2, cursor=cursor)
            assert len(page.versions) == size
            seen += [each.text for each in page.versions]
            cursor = page.next_cursor
        assert (seen, cursor) == (["5", "4", "3", "2", "1"], None)
        with pytest.raises(InvalidInput, match="cursor"):
            told(workshop, added.id, cursor="nonsense")

    def test_a_correction_counts_as_told_now(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        llm.answer_with(given(Fact("Ann works at Acme"), Fact("Ann moved to a job at Initech")))
        workshop.take_in(event("Hello."))
        workshop.extract_all()
        [_, acme] = workshop.memories(kind=Kind.FACT)
        run(workshop, UpdateMemory, memory_id=acme.id, text="Ann started a job at Globex")
        context = workshop.ask(question("Where is the job of Ann now?", scopes=["user"]))
        facts = [each.text for each in context.memories if each.kind is Kind.FACT]
        assert facts == ["Ann started a job at Globex", "Ann moved to a job at Initech"]

    def test_an_excerpt_is_what_somebody_said(self, workshop: Workshop) -> None:
        workshop.take_in(event("I live in Rome."))
        [excerpt] = workshop.memories()
        with pytest.raises(InvalidInput, match="excerpt is what somebody said"):
            run(workshop, UpdateMemory, memory_id=excerpt.id, text="I live in Lisbon.")
        assert workshop.texts() == ["I live in Rome."]

    def test_nobody_corrects_or_reads_what_is_not_theirs(self, workshop: Workshop) -> None:
        added = add(workshop, "Ann lives in Rome")
        for command, more in ((UpdateMemory, {"text": "No"}), (GetHistory, {})):
            for whose in ({"user_id": "bob"}, {"tenant_id": "other"}, {"session_id": "other"}):
                with pytest.raises(NotFound):
                    run(workshop, command, memory_id=added.id, **more, **whose)
            with pytest.raises(Denied):
                run(workshop, command, memory_id=added.id, by="bob", **more)
        assert (workshop.texts(), versions(workshop)) == (["Ann lives in Rome"], 0)


class TestOnce:
    def test_the_same_request_makes_one_version(self, workshop: Workshop) -> None:
        added = add(workshop, "one")
        first = run(workshop, UpdateMemory, memory_id=added.id, text="two", request_id="r")
        run(workshop, UpdateMemory, memory_id=added.id, text="three")
        # Sent again after another one: it is not made anew.
        again = run(workshop, UpdateMemory, memory_id=added.id, text="two", request_id="r")
        assert (first.text, again.text) == ("two", "three")
        assert told(workshop, added.id) == ["three", "two", "one"]
        assert workshop.audit_types().count("memory_update") == 2

    @pytest.mark.parametrize("moment", ["before", "after"])
    def test_a_worker_that_dies_while_it_writes_loses_no_text(self, workshop: Workshop, moment: str) -> None:
        added = add(workshop, "one")
        getattr(workshop.store, moment)["replace"] = crash
        with pytest.raises(Crash):
            run(workshop, UpdateMemory, memory_id=added.id, text="two", request_id="r")
        workshop.store.up()
        assert run(workshop, UpdateMemory, memory_id=added.id, text="two", request_id="r").text == "two"
        assert told(workshop, added.id) == ["two", "one"]
        assert workshop.audit_types().count("memory_update") == 1

    def test_a_sweep_writes_what_a_store_was_away_for(self, workshop: Workshop) -> None:
        added = add(workshop, "one")
        workshop.store.before["replace"] = store_down
        with pytest.raises(VectorStoreUnavailable):
            run(workshop, UpdateMemory, memory_id=added.id, text="two")
        workshop.store.up()
        assert workshop.texts() == ["one"]
        workshop.house.commands.corrections.complete()
        assert workshop.texts() == ["two"]
        batches = len(workshop.embedder.batches)
        workshop.house.commands.corrections.complete()
        assert len(workshop.embedder.batches) == batches

    def test_a_sweep_goes_on_past_what_cannot_be_written(self, workshop: Workshop) -> None:
        added = [add(workshop, text) for text in ("one", "two")]
        workshop.store.before["replace"] = store_down
        for each in added:
            with pytest.raises(VectorStoreUnavailable):
                run(workshop, UpdateMemory, memory_id=each.id, text=f"{each.text} corrected")
        workshop.store.up()
        for failing in ("one corrected", "two corrected"):
            # Whichever of the two was asked for first.
            workshop.embedder.fails = lambda text, failing=failing: text == failing
            with pytest.raises(EmbeddingFailed):
                workshop.house.commands.corrections.complete()
            other = next(each for each in ("one corrected", "two corrected") if each != failing)
            assert other in workshop.texts()
            workshop.rows("UPDATE memory_versions SET stored_at = NULL WHERE number = 2")

    def test_the_books_know_how_important_it_is_now(self, workshop: Workshop) -> None:
        added = add(workshop, "I like tea")
        corrected = run(workshop, UpdateMemory, memory_id=added.id, text="I am allergic to nuts")
        assert corrected.importance != added.importance
        assert workshop.rows("SELECT importance FROM memories") == [(corrected.importance,)]

    def test_an_embedder_that_is_away_changes_nothing(self, workshop: Workshop) -> None:
        added = add(workshop, "one")
        workshop.embedder.fails = lambda text: text == "two"
        with pytest.raises(EmbeddingFailed):
            run(workshop, UpdateMemory, memory_id=added.id, text="two")
        assert (told(workshop, added.id), versions(workshop)) == (["one"], 0)

    def test_a_text_without_a_vector_is_found_by_its_words(self, workshop: Workshop) -> None:
        added = add(workshop, "one")
        workshop.embedder.refuses = lambda text: text == "zebras"
        run(workshop, UpdateMemory, memory_id=added.id, text="zebras")
        assert [each.text for each in run(workshop, SearchMemories, query="zebras").memories] == ["zebras"]


class TestForgetting:
    @pytest.mark.parametrize("command", [DeleteMemory, ClearMemories])
    def test_versions_go_with_the_memory(self, workshop: Workshop, command: type[Command]) -> None:
        added = add(workshop, "one")
        run(workshop, UpdateMemory, memory_id=added.id, text="two")
        assert versions(workshop) == 2
        run(workshop, command, **({"memory_id": added.id} if command is DeleteMemory else {}))
        assert versions(workshop) == 0
        with pytest.raises(NotFound):
            run(workshop, GetHistory, memory_id=added.id)

    def test_a_recorded_correction_brings_nothing_back(self, workshop: Workshop) -> None:
        added = add(workshop, "one")
        workshop.store.before["replace"] = store_down
        with pytest.raises(VectorStoreUnavailable):
            run(workshop, UpdateMemory, memory_id=added.id, text="two")
        workshop.store.up()
        run(workshop, DeleteMemory, memory_id=added.id)
        workshop.house.commands.corrections.complete()
        assert workshop.texts() == []


class TestReplacing:
    def test_the_older_one_ranks_below(self, workshop: Workshop) -> None:
        old = add(workshop, "Ann likes her flat in Rome")
        new = add(workshop, "Ann likes her flat in Lisbon", replaces=old.id, occurred_at="2020-01-01T00:00:00Z")
        assert new.replaces == old.id
        found = run(workshop, SearchMemories, query="flat in Rome", explain=True)
        assert [each.id for each in found.memories] == [new.id, old.id]
        assert [each.memory.id for each in run(workshop, FindRelated, memory_id=old.id).related] == [new.id]
        assert workshop.audited()[-1].metadata["replaces"] == old.id

    def test_what_it_replaces_must_be_there(self, workshop: Workshop) -> None:
        bobs = add(workshop, "Bob's", user_id="bob")
        with pytest.raises(NotFound, match="to replace"):
            add(workshop, "Ann's", replaces=bobs.id)
        assert workshop.texts() == ["Bob's"]
