"""What a message says, whatever shape the platform keeps it in."""

from __future__ import annotations

import json
from typing import Any

Content = str | list[dict[str, Any]]

_TEXT_PARTS = frozenset({"text", "input_text", "output_text"})


def _is_parts(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(part, dict) and isinstance(part.get("type"), str) for part in value)
    )


def normalised(value: Any) -> Content:
    """A string, or a list of typed parts; a JSON string of either (as some platforms store them) is opened.

    JSON that is not message content (a user pasting `[1, 2]`, say) stays the text it is.

    Raises:
        ValueError: the value is neither text nor a list of typed parts.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return _opened(value)
    if isinstance(value, dict) and isinstance(value.get("type"), str):
        return [value]
    if value == [] or _is_parts(value):
        return list(value)
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return [{"type": "text", "text": part} for part in value]
    raise ValueError('must be text, or a list of parts such as {"type": "text", "text": "…"}')


def _opened(text: str) -> Content:
    if text[:1] not in ('"', "[", "{"):
        return text
    try:
        inner = json.loads(text)
    except ValueError:
        return text
    if isinstance(inner, str):
        return inner
    if isinstance(inner, dict) and isinstance(inner.get("type"), str) and "text" in inner:
        return [inner]
    return inner if _is_parts(inner) else text


def plain_text(content: Content) -> str:
    """The words of a message; parts that hold no text (images, audio, tool calls) have none."""
    if isinstance(content, str):
        return content
    texts = (part.get("text") for part in content if part["type"] in _TEXT_PARTS)
    return "\n".join(text for text in texts if isinstance(text, str) and text)
