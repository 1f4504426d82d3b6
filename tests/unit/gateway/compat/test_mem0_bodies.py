"""The bodies of mem0's calls, and the shapes of its answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from afterword.gateway.compat.mem0.additions import MOST_NOTES, Notes, Said, read_addition
from afterword.gateway.compat.mem0.bodies import ListBody, SearchBody, owner_to_clear
from afterword.gateway.compat.mem0.shapes import mem0_history, mem0_memory, mem0_removed
from afterword.schemas import InvalidInput, Kind, Memory, Scope
from afterword.schemas.answers import MemoryHistory, MemoryVersion

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
SAID = [{"role": "user", "content": "I like tea"}, {"role": "assistant", "content": "Noted"}]


def test_a_conversation_is_learned_from() -> None:
    body = {"messages": SAID, "user_id": "ada", "agent_id": "chef", "run_id": "t1", "app_id": "shop"}
    said = read_addition({**body, "metadata": {"channel": "web"}, "timestamp": int(NOON.timestamp())})
    assert said == Said(
        {
            "user_id": "ada",
            "agent_id": "chef",
            "session_id": "t1",
            "metadata": {"channel": "web", "app_id": "shop"},
            "messages": SAID,
            "occurred_at": NOON,
        }
    )


def test_owners_may_stand_in_filters_as_the_client_has_them() -> None:
    said = read_addition({"messages": "I like tea", "filters": {"user_id": "ada"}, "async_mode": True, "infer": True})
    assert said == Said({"user_id": "ada", "messages": [{"role": "user", "content": "I like tea"}]})


def test_without_inference_each_turn_is_a_note() -> None:
    system = {"role": "system", "content": "Be kind"}
    notes = read_addition({"messages": [system, *SAID], "user_id": "ada", "run_id": "t1", "infer": False})
    assert notes == Notes(("I like tea", "Noted"), {"user_id": "ada", "session_id": "t1"})


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"custom_instructions": "Only food"}, "custom_instructions"),
        ({"expiration_date": "2027-01-01"}, "expiration_date"),
        ({"colour": "red"}, "colour"),
        ({"infer": "no"}, "infer"),
        ({"timestamp": "soon"}, "timestamp"),
        ({"filters": {"channel": "web"}}, "filters.channel"),
        ({"filters": "ada"}, "filters"),
        ({"metadata": "web"}, "metadata"),
        ({"infer": False, "agent_id": "chef"}, "agent_id"),
        ({"infer": False, "messages": []}, "messages"),
        ({"infer": False, "messages": 7}, "messages"),
        ({"infer": False, "messages": [{"role": "system", "content": "Be kind"}]}, "messages"),
        ({"infer": False, "messages": SAID * MOST_NOTES}, "messages"),
    ],
)
def test_what_an_addition_cannot_have_is_named(more: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_addition({"messages": SAID, "user_id": "ada", **more})
    assert refused.value.field == field


def test_an_agent_alone_has_no_conversations() -> None:
    with pytest.raises(InvalidInput, match="infer=False"):
        read_addition({"messages": SAID, "agent_id": "chef"})
    assert read_addition({"messages": "Is polite", "agent_id": "chef", "infer": False}) == Notes(
        ("Is polite",), {"agent_id": "chef"}
    )


def test_options_that_are_off_mean_nothing() -> None:
    assert read_addition({"messages": SAID, "user_id": "ada", "enable_graph": False, "immutable": None})


@pytest.mark.parametrize(
    "body",
    [
        {"query": " "},
        {"query": "tea", "user_id": "ada"},
        {"query": "tea", "top_k": 0},
        {"query": "tea", "reference_date": "2026-05-01"},
        {"query": "tea", "show_expired": True},
        {"query": "tea", "colour": "red"},
    ],
)
def test_a_search_that_means_something_else_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SearchBody.model_validate(body)


def test_categories_metadata_and_dates_narrow_a_listing() -> None:
    body = ListBody(filters={"user_id": "ada"}, categories=["food"], start_date="2026-05-01", end_date="2026-05-02")
    expression = body.expression()
    tea = Memory(id="m", text="Tea", scope=Scope.USER, kind=Kind.FACT, occurred_at=NOON, user_id="ada", topic="food")
    assert expression.holds(tea)
    assert not expression.holds(tea.model_copy(update={"topic": "work"}))
    assert not expression.holds(tea.model_copy(update={"occurred_at": NOON.replace(day=3)}))


@pytest.mark.parametrize(
    ("query", "owner"),
    [
        ({"user_id": "ada"}, {"user_id": "ada"}),
        ({"user_id": "ada", "run_id": "t1"}, {"user_id": "ada", "session_id": "t1"}),
        ({"agent_id": "chef", "org_id": "acme"}, {"agent_id": "chef"}),
        ({"filters": '{"user_id": "ada"}'}, {"user_id": "ada"}),
        # As mem0's client writes it.
        ({"filters": "{'user_id': 'ada', 'run_id': 't1'}"}, {"user_id": "ada", "session_id": "t1"}),
    ],
)
def test_one_owner_is_cleared(query: dict[str, str], owner: dict[str, str]) -> None:
    assert owner_to_clear(query, None) == owner


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"user_id": "*"},
        {"run_id": "t1"},
        {"app_id": "shop"},
        {"user_id": "ada", "agent_id": "chef"},
        {"user_id": "ada", "metadata": "{'draft': True}"},
        {"filters": '{"user_id": "ada", "categories": "food"}'},
        {"filters": '{"user_id": "ada", "NOT": {"categories": "food"}}'},
        {"filters": '{"user_id": {"in": ["ada", "bob"]}}'},
        {"filters": "{'user_id': open('x')}"},
        {"filters": "(" * 5000},
        {"filters": "[" * 9999},
        {"user_id": "ada", "filters": '{"user_id": "bob"}'},
    ],
)
def test_nothing_is_cleared_that_only_a_part_of_was_meant(query: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        owner_to_clear(query, None)


@pytest.mark.parametrize("filters", ["[]", "0", "false", "''", "user_id=ada"])
def test_filters_of_no_object_do_not_clear_the_caller(filters: str) -> None:
    assert owner_to_clear({}, "ada") == owner_to_clear({"filters": "null"}, "ada") == {"user_id": "ada"}
    with pytest.raises(InvalidInput, match="must be an object"):
        owner_to_clear({"filters": filters}, "ada")


def test_a_memory_has_mem0s_names() -> None:
    memory = Memory(
        id="m1",
        text="Likes tea",
        scope=Scope.SESSION,
        kind=Kind.NOTE,
        score=0.5,
        occurred_at=NOON,
        created_at=NOON.replace(hour=13),
        user_id="ada",
        session_id="t1",
        topic="food",
        metadata={"app_id": "shop", "channel": "web"},
    )
    told = mem0_memory(memory)
    assert told["memory"] == "Likes tea"
    assert (told["user_id"], told["run_id"], told["app_id"]) == ("ada", "t1", "shop")
    assert (told["categories"], told["metadata"], told["score"]) == (["food"], {"channel": "web"}, 0.5)
    assert (told["created_at"], told["updated_at"]) == ("2026-05-01T12:00:00+00:00", "2026-05-01T13:00:00+00:00")
    assert mem0_memory(memory, ["memory"]) == {"id": "m1", "memory": "Likes tea"}
    was = MemoryVersion(number=1, text="Likes milk", metadata={"app_id": "shop"}, since=NOON)
    now = MemoryVersion(number=2, text="Likes tea", metadata=memory.metadata, since=NOON.replace(hour=13))
    added, updated = mem0_history(memory, MemoryHistory(memory_id="m1", versions=(now, was)))
    assert (added["event"], added["old_memory"], added["new_memory"]) == ("ADD", None, "Likes milk")
    assert (updated["event"], updated["old_memory"], updated["new_memory"]) == ("UPDATE", "Likes milk", "Likes tea")
    assert (added["metadata"], updated["metadata"]) == ({}, {"channel": "web"})


def test_a_deletion_that_waits_for_a_store_says_so() -> None:
    assert mem0_removed("Gone!", pending=False) == {"message": "Gone!"}
    waits = mem0_removed("Gone!", pending=True)
    assert (waits["pending"], "recorded" in waits["message"]) == (True, True)
