"""The answer in a model's message, wherever it was put: in words, in parts, in a tool's call, beside its thinking."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from afterword.schemas.spoken import without_thinking
from afterword.workers.text.storable import storable

_REASONING = ("reasoning_content", "reasoning")
_ARGUMENTS = ("arguments", "parameters", "args", "input")
_BEGINNINGS = 50
"""Braces at which the end of a thought is tried as JSON."""


def answer_text(message: Mapping[str, Any]) -> str:
    """The answer, without what the model thought before it; "" when there is none.

    >>> answer_text({"content": '<think>{"memory": ["a draft"]}</think>{"memory": []}'})
    '{"memory": []}'
    """
    # The surest place first: thinking may hold drafts in JSON, so that it is looked at only when nothing else was
    # said.
    text = _said(message.get("content")) or _called(message) or _behind_thinking(message)
    return storable(text).strip()


def _said(content: Any) -> str:
    text = content if isinstance(content, str) else _of_parts(content)
    if _is_json(text):
        # A mark in a fact's own words is no thinking.
        return _unwrapped(text)
    return without_thinking(text).strip()


def _of_parts(content: Any) -> str:
    if isinstance(content, Mapping) and "type" not in content:
        return json.dumps(content)  # the object itself, where its text was asked for
    if not isinstance(content, list | Mapping):
        return ""
    parts = [part for part in (content if isinstance(content, list) else [content]) if not _is_thought(part)]
    return "".join(_part(part) for part in parts)


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    text = part.get("text") if isinstance(part, Mapping) else None
    if isinstance(text, Mapping):  # an annotated text, as the Assistants API wraps it
        text = text.get("value")
    return text if isinstance(text, str) else ""


def _is_thought(part: Any) -> bool:
    return isinstance(part, Mapping) and (
        part.get("type") in ("thinking", "reasoning", "redacted_thinking") or part.get("thought") is True
    )


def _called(message: Mapping[str, Any]) -> str:
    """The arguments of the one call that a model wrapped its answer in."""
    calls = message.get("tool_calls")
    call = calls[0] if isinstance(calls, list) and calls else message.get("function_call")
    if not isinstance(call, Mapping):
        return ""
    inner = call.get("function") if isinstance(call.get("function"), Mapping) else call
    return _arguments(inner) if isinstance(inner, Mapping) else ""


def _arguments(call: Mapping[str, Any]) -> str:
    for name in _ARGUMENTS:
        found = call.get(name)
        if isinstance(found, str):
            return found
        if isinstance(found, Mapping | list):
            return json.dumps(found)
    return ""


def _unwrapped(text: str) -> str:
    """The arguments of a call that was written as the answer; any other JSON as it is."""
    found = json.loads(text)
    is_call = isinstance(found, Mapping) and isinstance(found.get("name"), str) and len(found) <= 4
    return (_arguments(found) if is_call else "") or text.strip()


def _behind_thinking(message: Mapping[str, Any]) -> str:
    """A server that parts thinking from answer may take all for thinking: then JSON at its very end is the answer."""
    thought = next((text for name in _REASONING if isinstance(text := message.get(name), str) and text.strip()), "")
    text = without_thinking(thought).strip().removesuffix("```").rstrip()
    if not text.endswith(("}", "]")):
        return ""
    place = -1
    for _ in range(_BEGINNINGS):
        place = text.find("{", place + 1)
        if place < 0:
            break
        if _is_json(text[place:]):
            return text[place:]
    return ""


def _is_json(text: str) -> bool:
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
