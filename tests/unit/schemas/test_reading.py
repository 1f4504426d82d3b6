"""Messages as frameworks hold them: read as they are, and what is none is left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from types import SimpleNamespace
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionMessage

from afterword.schemas import ConversationFinished
from afterword.schemas.reading import read_messages


def read(*items: Any) -> list[tuple[str, str]]:
    """Role and words of each message."""
    event = ConversationFinished.parse({"user_id": "ada", "messages": list(items)})
    return [(message.role, message.text) for message in event.messages]


class Speaker(Enum):
    USER = "user"


@dataclass
class Part:
    """As Pydantic AI's, Gemini's and the Claude Agent SDK's: a dataclass with some of these."""

    text: str | None = None
    content: Any = None
    part_kind: str | None = None
    thought: bool | None = None


@dataclass
class Held:
    role: Any = None
    content: Any = None
    parts: list[Part] | None = None
    kind: str | None = None
    author: str | None = None
    blocks: list[Any] | None = None
    type: str | None = None


@dataclass
class AssistantMessage:
    content: list[Part] = field(default_factory=list)


@dataclass
class ResultMessage:
    result: str = "done"


COMPLETION: dict[str, Any] = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {"index": 0, "finish_reason": "stop", "logprobs": None, "message": {"role": "assistant", "content": "Hello"}}
    ],
}
OUTPUT: list[dict[str, Any]] = [
    {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "I wonder"}]},
    {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "look_up", "arguments": "{}"},
    {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": "Hello", "annotations": []}],
    },
]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param(ChatCompletionMessage(role="assistant", content="Hello"), [("assistant", "Hello")], id="openai"),
        pytest.param(ChatCompletion.model_validate(COMPLETION), [("assistant", "Hello")], id="openai completion"),
        pytest.param(COMPLETION, [("assistant", "Hello")], id="openai completion as a mapping"),
        pytest.param(SimpleNamespace(object="response", output=OUTPUT), [("assistant", "Hello")], id="openai response"),
        pytest.param(OUTPUT[2], [("assistant", "Hello")], id="responses item"),
        pytest.param(
            {"role": "user", "content": [{"type": "text", "text": {"value": "Hello", "annotations": []}}]},
            [("user", "Hello")],
            id="openai assistants",
        ),
        pytest.param({"type": "human", "content": "Hello", "id": None}, [("user", "Hello")], id="langchain"),
        pytest.param(
            {"type": "ai", "data": {"content": [{"type": "text", "text": "Hello"}]}},
            [("assistant", "Hello")],
            id="langchain dict",
        ),
        pytest.param(
            {"lc": 1, "type": "constructor", "id": ["langchain", "HumanMessage"], "kwargs": {"content": "Hello"}},
            [("user", "Hello")],
            id="langchain serialised",
        ),
        pytest.param(("human", "Hello"), [("user", "Hello")], id="pair"),
        pytest.param(
            Held(
                kind="request",
                parts=[
                    Part(content="Be kind", part_kind="system-prompt"),
                    Part(content="Hello", part_kind="user-prompt"),
                    Part(content="42", part_kind="tool-return"),
                ],
            ),
            [("system", "Be kind"), ("user", "Hello")],
            id="pydantic ai request",
        ),
        pytest.param(
            Held(
                kind="response",
                parts=[Part(content="Hm", part_kind="thinking"), Part(content="Hi", part_kind="text")],
            ),
            [("assistant", "Hi")],
            id="pydantic ai response",
        ),
        pytest.param(
            {"role": "user", "blocks": [{"block_type": "text", "text": "Hello"}, {"block_type": "image"}]},
            [("user", "Hello")],
            id="llamaindex",
        ),
        pytest.param(Held(role=Speaker.USER, blocks=[Part(text="Hello")]), [("user", "Hello")], id="llamaindex object"),
        pytest.param(
            {
                "role": "assistant",
                "parts": [{"type": "reasoning", "text": "Hm"}, {"type": "text", "text": "Hello"}, {"type": "tool-x"}],
            },
            [("assistant", "Hello")],
            id="ai sdk",
        ),
        pytest.param({"role": "model", "parts": [{"text": "Hello"}]}, [("assistant", "Hello")], id="gemini"),
        pytest.param(
            Held(role="model", parts=[Part(text="Hm", thought=True), Part(text="Hello")]),
            [("assistant", "Hello")],
            id="gemini objects",
        ),
        pytest.param(
            Held(author="travel_agent", content=Held(role="model", parts=[Part(text="Hello")])),
            [("assistant", "Hello")],
            id="adk event",
        ),
        pytest.param(
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm", "signature": "s"},
                    {"type": "text", "text": "Hello"},
                    {"type": "tool_use", "id": "t", "name": "look_up", "input": {"text": "x"}},
                ],
            },
            [("assistant", "Hello")],
            id="anthropic",
        ),
        pytest.param(
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "a dump"}]},
            [("user", "")],
            id="anthropic tool result",
        ),
        pytest.param(
            {"role": "user", "content": [{"text": "Hello"}, {"image": {"format": "png"}}]},
            [("user", "Hello")],
            id="bedrock",
        ),
        pytest.param(AssistantMessage([Part(text="Hello")]), [("assistant", "Hello")], id="claude agent sdk"),
        pytest.param(
            {"role": "user", "content": '{"speaker": "Mary", "content": "Hello"}'}, [("user", "Hello")], id="speaker"
        ),
        pytest.param(
            {"role": "assistant", "content": None, "tool_calls": [{"id": "c"}]}, [("assistant", "")], id="tool call"
        ),
    ],
)
def test_a_message_of_any_framework(item: Any, expected: list[tuple[str, str]]) -> None:
    assert read(item, {"role": "user", "content": "x"}) == [*expected, ("user", "x")]


def test_the_speaker_of_a_json_text_is_the_messages_name() -> None:
    messages, _ = read_messages([{"role": "user", "content": '{"speaker": "Mary", "content": "Hello"}'}])
    assert messages == [{"role": "user", "content": "Hello", "name": "Mary"}]


@pytest.mark.parametrize(
    "item",
    [
        None,
        5,
        "just words",
        b"bytes",
        [],
        {},
        ("human",),
        object(),
        ResultMessage(),
        {"role": "user"},
        {"content": "who said it?"},
        *OUTPUT[:2],
        {"type": "function_call_output", "call_id": "c1", "output": "42"},
    ],
)
def test_what_is_no_message_is_left_out_and_counted(item: Any) -> None:
    event = ConversationFinished.parse({"user_id": "ada", "messages": [item, {"role": "user", "content": "x"}]})
    assert ([message.text for message in event.messages], event.skipped) == (["x"], 1)


def test_an_object_whose_properties_raise_stops_nothing() -> None:
    class Broken:
        role = "user"

        @property
        def content(self) -> str:
            raise RuntimeError("not loaded")

    assert read(Broken(), {"role": "user", "content": "x"}) == [("user", ""), ("user", "x")]


def test_a_single_message_is_a_list_of_one() -> None:
    event = ConversationFinished.parse({"user_id": "ada", "messages": {"role": "user", "content": "x"}})
    assert len(event.messages) == 1


def test_what_was_skipped_before_is_counted_on() -> None:
    event = ConversationFinished.parse({"user_id": "ada", "messages": [None, ("user", "x")], "skipped": 3})
    assert event.skipped == 4
    assert ConversationFinished.parse(event.model_dump(mode="json")).skipped == 4


def test_the_placeholder_of_the_agents_sdk_is_no_id() -> None:
    part = {"type": "output_text", "text": "Yes."}
    answers = [{"type": "message", "role": "assistant", "id": name, "content": [part]} for name in ("__fake_id__", "m")]
    event = ConversationFinished.parse({"user_id": "ada", "messages": answers})
    assert [message.id for message in event.messages] == [None, "m"]
