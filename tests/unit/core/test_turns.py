from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from afterword.schemas import ConversationFinished
from afterword.schemas.fence import fenced
from afterword.workers.core.turns import Turn, turns_of
from afterword.workers.text.storable import storable
from tests.support.batches import NOON, turn


def event(*messages: dict[str, Any]) -> ConversationFinished:
    return ConversationFinished.parse({"user_id": "ada", "occurred_at": NOON, "messages": messages})


def said(content: Any, role: str = "user") -> list[str]:
    return [turn.text for turn in turns_of(event({"role": role, "content": content}))]


def test_only_user_and_assistant_are_learned_from() -> None:
    roles = ["system", "user", "tool", "assistant", "developer"]
    turns = turns_of(event(*[{"role": role, "content": role} for role in roles]))
    assert [(turn.position, turn.role) for turn in turns] == [(1, "user"), (3, "assistant")]


def test_a_turn_keeps_where_it_comes_from() -> None:
    later = NOON + timedelta(minutes=5)
    turns = turns_of(
        event(
            {"role": "user", "content": "a", "id": "m1", "name": "Ada", "created_at": later},
            {"role": "user", "content": "b"},
        )
    )
    assert turns == (turn("a", 0, at=later, message_id="m1", name="Ada"), turn("b", 1, at=NOON))


def test_injected_memories_are_not_learned_again() -> None:
    assert said(f"hello {fenced('likes tea')} there") == ["hello there"]
    assert said(fenced("likes tea")) == []


def test_turns_without_words_are_left_out() -> None:
    assert said(" \n") == said("") == said(None) == said([{"type": "image", "url": "…"}]) == said("\x00") == []


def test_what_postgresql_cannot_keep_is_taken_out() -> None:
    assert said("a\x00b \ud83d c") == ["ab ? c"]


@given(st.text(st.characters()))
def test_what_is_storable_stays_as_it_is(text: str) -> None:
    kept = storable(text)
    assert "\x00" not in kept
    assert storable(kept) == kept
    assert kept.encode().decode() == kept
    if text.isprintable():
        assert kept == text


def test_json_and_back() -> None:
    for each in (turn("你好", 3, message_id="m", name="Ada"), turn("x")):
        assert Turn.from_json(json.loads(json.dumps(each.to_json()))) == each


def test_its_tokens_are_those_of_its_text() -> None:
    assert turn("x" * 40).tokens == 10
