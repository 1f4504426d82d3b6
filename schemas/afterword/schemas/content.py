"""What a message says, whatever shape the platform keeps it in."""

from __future__ import annotations

import json
from typing import Any

Content = str | list[dict[str, Any]]

_TEXT_PARTS = frozenset({"text", "input_text", "output_text"})
_WORDLESS_PARTS = frozenset(
    {
        *("image", "image_url", "input_image", "audio", "input_audio", "video", "video_url", "file", "input_file"),
        *("document", "tool_use", "tool_call", "tool_result", "function_call", "thinking", "reasoning", "refusal"),
    }
)


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
    except (ValueError, RecursionError):
        return text
    if isinstance(inner, str):
        # As deep as it goes: opening what was opened before changes nothing.
        return _opened(inner)
    parts = [inner] if isinstance(inner, dict) else inner
    return parts if _is_parts(parts) and _is_content(parts) else text


def _is_content(parts: list[dict[str, Any]]) -> bool:
    # Other JSON has a "type" as well: GeoJSON, forms, schemas.
    says = any(part["type"] in _TEXT_PARTS and isinstance(part.get("text"), str) for part in parts)
    return says or all(part["type"] in _WORDLESS_PARTS for part in parts)


def plain_text(content: Content) -> str:
    """The words of a message; parts that hold no text (images, audio, tool calls) have none."""
    if isinstance(content, str):
        return content
    texts = (part.get("text") for part in content if part["type"] in _TEXT_PARTS)
    return "\n".join(text for text in texts if isinstance(text, str) and text)
