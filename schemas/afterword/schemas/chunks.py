"""The words in what an LLM streams, whichever SDK streams it."""

from __future__ import annotations

from typing import Any

from afterword.schemas.content import normalised, plain_text
from afterword.schemas.foreign import label, look
from afterword.schemas.reading import read_messages
from afterword.schemas.values import encodable


def chunk_text(chunk: Any) -> str:
    """The words that a chunk adds to the answer; "" for one without any.

    Read are strings, chat completion chunks, events of the Responses API and of the Agents SDK, of Anthropic and
    Bedrock, chunks of LangChain, Gemini and LlamaIndex, and mappings of the same shape.

    >>> chunk_text({"choices": [{"delta": {"content": "Hi"}}]})
    'Hi'
    """
    while isinstance(chunk, tuple) and chunk:
        # LangGraph streams (message, metadata).
        chunk = chunk[0]
    if isinstance(chunk, str):
        return encodable(chunk)
    if isinstance(chunk, bytes):
        return chunk.decode(errors="replace")
    choices = look(chunk, "choices")
    if isinstance(choices, list | tuple):
        delta = look(choices[0], "delta") if choices else None
        return _text(look(delta, "content"))
    if (inner := look(chunk, "contentBlockDelta")) is not None:
        return _text(look(look(inner, "delta"), "text"))
    if isinstance(candidates := look(chunk, "candidates"), list | tuple):
        return _text(look(look(candidates[0], "content"), "parts")) if candidates else ""
    kind = label(chunk, "type", "event_kind")
    if kind is not None and (data := look(chunk, "data")) is not None:
        return _of_event(data) if kind == "raw_response_event" else ""
    return _of_event(chunk)


def _of_event(chunk: Any) -> str:
    kind = label(chunk, "type", "event_kind")
    delta = look(chunk, "delta")
    if isinstance(delta, str):
        # Of OpenAI's events only these are said; deltas of arguments and of reasoning are strings as well.
        return encodable(delta) if kind in (None, "response.output_text.delta", "content.delta") else ""
    if delta is not None:
        said = label(delta, "type", "part_delta_kind") in (None, "text_delta", "text")
        return _text(look(delta, "text", "content_delta", "content")) if said else ""
    if kind is not None and "." in kind:
        return ""
    return _text(look(chunk, "content", "text"))


def answer_texts(answer: Any) -> list[str]:
    """The messages of the assistant in an answer: a string, a message, a completion, a response, or a list of those.

    >>> answer_texts({"role": "assistant", "content": None, "tool_calls": []})
    []
    """
    if isinstance(answer, str | bytes):
        return [text] if (text := chunk_text(answer)) else []
    try:
        messages, _ = read_messages(answer)
    except ValueError:
        return [text] if (text := chunk_text(answer)) else []
    said = [_text(look(each, "content")) for each in messages if look(each, "role") == "assistant"]
    if not messages and (text := _text(answer)):
        # Parts without a message around them.
        return [text]
    return [text for text in said if text]


def _text(content: Any) -> str:
    try:
        return plain_text(normalised(content))
    except ValueError:
        return ""
