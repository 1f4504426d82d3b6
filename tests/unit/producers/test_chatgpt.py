"""Conversations of ChatGPT's data export."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from afterword.producers.chatgpt import conversation_of_chatgpt
from afterword.producers.imports import ImportItem, import_items
from afterword.schemas import ConversationFinished, InvalidInput


def node(name: str, parent: str | None, role: str | None = None, *parts: Any, **more: Any) -> dict[str, Any]:
    """A node of the tree; without a role, one without a message."""
    content = {"content_type": more.pop("content_type", "text"), "parts": list(parts)}
    message = {"id": name, "author": {"role": role}, "create_time": 1777636800.5, "content": content, **more}
    return {"id": name, "parent": parent, "children": [], "message": message if role else None}


def conversation(*nodes: dict[str, Any], last: str | None = None, **more: Any) -> dict[str, Any]:
    mapping = {each["id"]: each for each in nodes}
    return {"conversation_id": "c-1", "title": "Trips", "mapping": mapping, "current_node": last, **more}


HIDDEN = {"metadata": {"is_visually_hidden_from_conversation": True}}
TREE = conversation(
    node("root", None),
    node("sys", "root", "system", "You are kind."),
    node("profile", "sys", "user", "I am a spy", **HIDDEN),
    node("q1", "profile", "user", "Where is Lisbon?"),
    node("old", "q1", "assistant", "In Spain."),
    node("new", "q1", "assistant", "In Portugal.", create_time=None),
    node("call", "new", "assistant", "search()", recipient="browser"),
    node("thought", "call", "assistant", "I wonder", content_type="thoughts"),
    node("found", "thought", "tool", "a page"),
    node(
        "q2",
        "found",
        "user",
        {"content_type": "image_asset_pointer", "asset_pointer": "file"},
        {"content_type": "audio_transcription", "text": "And this?"},
        content_type="multimodal_text",
    ),
    last="q2",
)


def test_the_branch_that_was_shown_last_with_words_and_times_alone() -> None:
    event, left_out = conversation_of_chatgpt(TREE)
    assert [(each["role"], each["content"], each["id"]) for each in event["messages"]] == [
        ("user", "Where is Lisbon?", "q1"),
        ("assistant", "In Portugal.", "new"),
        ("user", "And this?", "q2"),
    ]
    assert left_out == 5
    assert event["occurred_at"] == "2026-05-01T12:00:00.500000+00:00"
    assert "created_at" not in event["messages"][1]
    kept = ConversationFinished.model_validate({**event, "user_id": "ann"})
    assert (kept.session_id, kept.messages[0].created_at) == ("c-1", kept.occurred_at)


def test_a_thread_that_went_on_is_another_event_of_the_same_session() -> None:
    event, _ = conversation_of_chatgpt(TREE)
    later = conversation(*TREE["mapping"].values(), node("a2", "q2", "assistant", "Porto."), last="a2")
    more, _ = conversation_of_chatgpt(later)
    assert conversation_of_chatgpt(TREE)[0] == event
    assert more["session_id"] == event["session_id"]
    assert more["event_id"] != event["event_id"]


@pytest.mark.parametrize(
    "odd",
    [
        {"mapping": {}},
        {"mapping": {"a": 5}, "current_node": "a"},
        conversation(node("a", "b", "system", "x"), node("b", "a", "system", "y"), last="a"),
        conversation(node("a", None, "user", None, 5, ["x"]), last="a"),
        {"mapping": {"a": {"message": {"author": 5, "content": "x"}}}},
    ],
)
def test_one_without_words_is_refused_alone(odd: dict[str, Any]) -> None:
    refused, kept = import_items([odd, TREE])
    assert isinstance(refused, InvalidInput)
    assert isinstance(kept, ImportItem)
    assert kept.left_out == 5


def test_times_that_are_none_are_left_out() -> None:
    for odd in (1e30, -1e30, float("nan"), "soon", True):
        event, _ = conversation_of_chatgpt(conversation(node("a", None, "user", "Hi", create_time=odd), last="a"))
        assert "created_at" not in event["messages"][0]


def test_a_tree_that_leads_back_to_itself_ends() -> None:
    event, _ = conversation_of_chatgpt(conversation(node("a", "b", "user", "x"), node("b", "a", "user", "y"), last="a"))
    assert [each["content"] for each in event["messages"]] == ["y", "x"]


@pytest.mark.parametrize(
    "odd",
    [
        {"current_node": ["q1"]},
        {"current_node": {"id": "q1"}},
        {"conversation_id": "half of a pair \ud800"},
        {"mapping": {"\udfff": node("\udfff", None, "user", "Hello")}},
    ],
)
def test_odd_names_cost_nobody_else_anything(odd: dict[str, Any]) -> None:
    found = list(import_items([{**TREE, **odd}, TREE]))
    assert len(found) == 2
    assert isinstance(found[1], ImportItem)


def test_a_chat_that_is_nested_as_deeply_as_json_goes_costs_itself_alone() -> None:
    deep: Any = "hello"
    for _ in range(sys.getrecursionlimit() * 2):
        deep = [deep]
    found = list(import_items([{"messages": deep}, TREE]))
    assert isinstance(found[0], InvalidInput)
    assert isinstance(found[1], ImportItem)
