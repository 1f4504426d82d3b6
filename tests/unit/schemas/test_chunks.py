"""The words in what an LLM streams."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessage

from afterword.schemas.chunks import answer_texts, chunk_text


def openai_chunk(content: str | None) -> ChatCompletionChunk:
    return ChatCompletionChunk.model_validate(
        {
            "id": "c",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "delta": {"content": content}, "finish_reason": None}],
        }
    )


@pytest.mark.parametrize(
    ("chunk", "text"),
    [
        ("Hi", "Hi"),
        ("", ""),
        (None, ""),
        (5, ""),
        (b"Hi", "Hi"),
        ("\ud83d", "?"),
        (openai_chunk("Hi"), "Hi"),
        (openai_chunk(None), ""),
        ({"choices": []}, ""),
        ({"choices": [{"delta": {"role": "assistant"}}]}, ""),
        ({"type": "response.output_text.delta", "delta": "Hi"}, "Hi"),
        ({"type": "response.function_call_arguments.delta", "delta": "{"}, ""),
        ({"type": "response.reasoning_summary_text.delta", "delta": "Hm"}, ""),
        ({"type": "response.completed", "response": {"text": "x"}}, ""),
        ({"type": "content.delta", "delta": "Hi", "snapshot": "Hi"}, "Hi"),
        ({"type": "content.done", "content": "Hi"}, ""),
        ({"type": "raw_response_event", "data": {"type": "response.output_text.delta", "delta": "Hi"}}, "Hi"),
        ({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hi"}}, "Hi"),
        ({"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": "{"}}, ""),
        ({"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "Hm"}}, ""),
        ({"contentBlockDelta": {"delta": {"text": "Hi"}}}, "Hi"),
        ({"candidates": [{"content": {"parts": [{"text": "Hi"}, {"text": "Hm", "thought": True}]}}]}, "Hi"),
        (SimpleNamespace(content=[{"type": "text", "text": "Hi"}], type="AIMessageChunk"), "Hi"),
        ((SimpleNamespace(content="Hi", type="AIMessageChunk"), {"langgraph_node": "agent"}), "Hi"),
        (SimpleNamespace(delta="Hi", message=None), "Hi"),
        (object(), ""),
    ],
)
def test_a_chunk(chunk: Any, text: str) -> None:
    assert chunk_text(chunk) == text


@pytest.mark.parametrize(
    ("answer", "texts"),
    [
        ("Hi", ["Hi"]),
        (None, []),
        ("", []),
        (5, []),
        (ChatCompletionMessage(role="assistant", content=None), []),
        (ChatCompletionMessage(role="assistant", content="Hi"), ["Hi"]),
        (
            ChatCompletion.model_validate(
                {
                    "id": "c",
                    "object": "chat.completion",
                    "created": 1,
                    "model": "m",
                    "choices": [
                        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi"}}
                    ],
                }
            ),
            ["Hi"],
        ),
        ([{"type": "text", "text": "Hi"}], ["Hi"]),
        ([{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}], ["Hi"]),
        (object(), []),
    ],
)
def test_an_answer(answer: Any, texts: list[str]) -> None:
    assert answer_texts(answer) == texts
