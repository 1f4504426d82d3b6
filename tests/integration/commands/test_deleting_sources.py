"""Deleting a fact with the words that it was learned from."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from afterword.cli.app import app
from afterword.schemas import Command, Kind, Removed
from afterword.schemas.commands import AddMemory, DeleteMemory
from afterword.workers.core.errors import NotFound
from afterword.workers.runtime.roles import Role, start_role
from tests.support.fake_openai import Fact, FakeOpenAI, given
from tests.support.workshop import REPLY_TO, Workshop, event, store_down


def delete(workshop: Workshop, **given: Any) -> Removed:
    made: Command = DeleteMemory(reply_to=REPLY_TO, **{"user_id": "ann", "with_source": True, **given})
    removed = workshop.house.commands.commands(workshop.broker).run(made)
    assert isinstance(removed, Removed)
    return removed


@pytest.fixture
def fact(workshop: Workshop, llm: FakeOpenAI) -> str:
    """The id of a fact from the second turn of a conversation, and of a thread of which nothing else is known."""
    llm.answer_with(given(Fact("Ann lives in Rome", source=1)))
    workshop.take_in(event("Hello.", "I live in Rome.", session_id="s"), event("I live in Rome.", user="bob"))
    workshop.extract_all()
    return next(each.id for each in workshop.memories(kind=Kind.FACT, user_id="ann"))


def test_the_fact_and_its_turn_go_and_nothing_else(workshop: Workshop, fact: str) -> None:
    [source] = workshop.memories(text="I live in Rome.", user_id="ann")
    assert delete(workshop, memory_id=fact, asked_by="an-admin") == Removed(removed=2)
    assert workshop.texts(user_id="ann") == ["Hello."]
    assert "I live in Rome." in workshop.texts(user_id="bob")
    rows = {row.memory_id: row.metadata for row in workshop.audited() if row.type == "memory_delete"}
    assert rows[fact] == {"scope": "user", "kind": "fact", "by": "an-admin"}
    assert rows[source.id] == {"scope": "user", "kind": "excerpt", "source_of": fact, "by": "an-admin"}
    assert "Rome" not in str(workshop.rows("SELECT turns FROM conversations WHERE user_id = 'ann'"))
    with pytest.raises(NotFound):
        delete(workshop, memory_id=fact)


def test_without_being_asked_for_the_words_stay(workshop: Workshop, fact: str) -> None:
    assert delete(workshop, memory_id=fact, with_source=False) == Removed(removed=1)
    assert workshop.texts(user_id="ann") == ["Hello.", "I live in Rome."]


def test_what_a_store_could_not_remove_is_hidden_and_pending(workshop: Workshop, fact: str) -> None:
    workshop.store.before["delete_where"] = store_down
    assert delete(workshop, memory_id=fact).pending
    workshop.store.up()
    workshop.house.upkeep.forgetting.complete_deletions()
    assert workshop.texts(user_id="ann") == ["Hello."]


def test_a_note_has_no_words_behind_it(workshop: Workshop) -> None:
    added = workshop.house.commands.commands(workshop.broker).run(
        AddMemory(reply_to=REPLY_TO, user_id="ann", text="By hand")
    )
    assert delete(workshop, memory_id=added.id) == Removed(removed=1)  # type: ignore[attr-defined]


def test_an_agents_owner_cannot_take_a_users_words() -> None:
    with pytest.raises(ValueError, match="what was said is its user"):
        DeleteMemory(reply_to=REPLY_TO, agent_id="coach", by="acme", memory_id="m", with_source=True)


def test_from_the_command_line_beside_adding_and_cleaning_up(
    workshop: Workshop, fact: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFTERWORD_REDIS_URL", redis_url)
    role = start_role(Role.COMMANDS, workshop.house)

    def told(*arguments: str) -> str:
        ended = CliRunner().invoke(app, ["memories", *arguments])
        assert ended.exit_code == 0, ended.output
        return ended.stdout

    try:
        added = json.loads(told("add", "ann", "Lives in Oslo", "--replaces", fact, "--json"))
        assert workshop.memories(text="Lives in Oslo")[0].replaces == fact
        assert told("delete", "ann", fact, "--with-source") == "2 memories deleted\n"
        assert told("delete", "ann", added["id"]) == "1 memories deleted\n"
        assert workshop.texts(user_id="ann") == ["Hello."]
        assert told("cleanup", "ann", "--older-than", "2") == "0 memories would go\n"
        workshop.rows("UPDATE memories SET created_at = now() - interval '3 days' WHERE user_id = 'ann'")
        assert told("cleanup", "ann", "--older-than", "2") == "1 memories would go\n"
        assert told("cleanup", "ann", "--older-than", "2", "--now") == "1 memories went\n"
        assert workshop.texts(user_id="ann") == []
    finally:
        role.stop(10)
