"""A variable that happens to be None must not widen what is removed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from afterword.producers import AsyncMemories, InvalidInput, Memories, Removed
from afterword.producers.calls import Call
from afterword.schemas.catalogue import parse_command

SENT: dict[str, Any] = {"command": "clear", "user_id": "ada", "reply_to": "afterword:reply:1"}


def refuse(call: Call[Any], timeout: float) -> Any:
    raise AssertionError(f"{call.request} was sent, to be waited for {timeout} s")


async def refuse_async(call: Call[Any], timeout: float) -> Any:
    raise AssertionError(f"{call.request} was sent, to be waited for {timeout} s")


@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("clear", {"user_id": "ada", "session_id": None}),
        ("clear", {"user_id": "ada", "agent_id": None, "by": None, "session_id": None}),
    ],
)
def test_none_is_refused_before_anything_is_sent(method: str, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"session_id.*leave the field out"):
        getattr(Memories("default", refuse), method)(**given)
    with pytest.raises(InvalidInput, match=r"session_id.*leave the field out"):
        asyncio.run(getattr(AsyncMemories("default", refuse_async), method)(**given))


def test_what_is_left_out_is_not_lost() -> None:
    asked: list[Any] = []

    def answer(call: Call[Any], timeout: float) -> Any:
        asked.append(call.request)
        assert timeout > 0
        return Removed(removed=1)

    memories = Memories("default", answer)
    memories.clear(user_id="ada")
    memories.add("likes tea", user_id="ada", session_id=None)
    assert [(each.user_id, each.session_id) for each in asked] == [("ada", None), ("ada", None)]


def test_null_on_the_wire_is_refused_too() -> None:
    assert parse_command(SENT).wire_name() == "clear"
    with pytest.raises(InvalidInput, match="session_id"):
        parse_command({**SENT, "session_id": None})
