"""The content of a message, whatever shape the platform keeps it in."""

from __future__ import annotations

import json
from typing import Any

from afterword.schemas.foreign import label, look
from afterword.schemas.values import encodable

Content = str | list[dict[str, Any]]

_TEXT_PARTS = frozenset({"text", "input_text", "output_text"})
# A JSON list of these alone is message content, though it has no words: see `_is_content`.
_WORDLESS_PARTS = frozenset(
    {
        *("image", "image_url", "input_image", "audio", "input_audio", "video", "video_url", "file", "input_file"),
        *("document", "tool_use", "tool_call", "tool_result", "function_call", "thinking", "reasoning", "refusal"),
    }
)
_SILENT_PARTS = frozenset({*_WORDLESS_PARTS, "redacted_thinking", "tool-call", "tool-return", "tool-result"})
"""A text in one of these parts was not said: it is a thought, or belongs to a tool."""

_SPEAKERS = ("speaker", "speaker_name", "speaker_id")
_WORDLESS = {"type": "other"}


def normalised(value: Any) -> Content:
    """A string, or a list of typed parts; a JSON string of either (as some platforms store them) is opened.

    Parts may be typed mappings (OpenAI, Anthropic), untyped ones (Gemini, Bedrock), objects with the same fields, or
    plain strings. A text that stands in an object of its own (`{"text": {"value": "Hi"}}`) is taken out of it. JSON
    that is not message content (a user pasting `[1, 2]`, say) stays the text it is.

    >>> normalised([{"text": "Hi"}, {"inlineData": {"data": "…"}}])
    [{'type': 'text', 'text': 'Hi'}, {'type': 'other'}]

    Raises:
        ValueError: the value is neither text nor parts.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return _opened(encodable(value))
    if isinstance(value, bytes | bytearray):
        return _opened(bytes(value).decode(errors="replace"))
    if isinstance(value, list | tuple):
        return [_part(part) for part in value]
    if isinstance(value, bool | int | float):
        raise ValueError('must be text, or a list of parts such as {"type": "text", "text": "…"}')
    # Gemini's content holds its parts one level down.
    inner = look(value, "parts")
    if isinstance(inner, list | tuple):
        return normalised(inner)
    part = _part(value)
    if part["type"] == "other":
        raise ValueError('must be text, or a list of parts such as {"type": "text", "text": "…"}')
    return [part]


def speaker_of(value: Any) -> str | None:
    """Who speaks, where the words stand in a JSON text beside their speaker: `{"speaker": "Mary", "content": "Hi"}`."""
    wrapped = _wrapped_words(value) if isinstance(value, str) else None
    return wrapped[0] if wrapped else None


def plain_text(content: Content) -> str:
    """The words of a message; parts that hold no text (images, audio, tool calls) have none."""
    if isinstance(content, str):
        return content
    texts = (part.get("text") for part in content if part["type"] in _TEXT_PARTS)
    return "\n".join(text for text in texts if isinstance(text, str) and text)


def _part(value: Any) -> dict[str, Any]:
    """One part, typed. Of a part without words only its type is kept: pictures are large, and nobody reads them."""
    if isinstance(value, str):
        return {"type": "text", "text": encodable(value)}
    kind = encodable(label(value, "type", "block_type", "part_kind", "kind") or "")
    text = _words(value)
    # Gemini marks a thought by a flag on a part that is text otherwise.
    if text is not None and kind not in _SILENT_PARTS and look(value, "thought") is not True:
        return {"type": kind if kind in _TEXT_PARTS else "text", "text": encodable(text)}
    return {"type": kind} if kind else dict(_WORDLESS)


def _words(part: Any) -> str | None:
    text = look(part, "text", "content", "output_text")
    if not isinstance(text, str):
        text = look(text, "value")
    return text if isinstance(text, str) else None


def _opened(text: str) -> Content:
    # Few sentences begin like JSON, so that few are decoded for nothing.
    if text[:1] not in ('"', "[", "{"):
        return text
    wrapped = _wrapped_words(text)
    if wrapped:
        return wrapped[1]
    inner = _decoded(text)
    if isinstance(inner, str):
        # As deep as it goes: opening what was opened before changes nothing.
        return _opened(encodable(inner))
    parts = [inner] if isinstance(inner, dict) else inner
    return [_part(part) for part in parts] if _is_parts(parts) and _is_content(parts) else text


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    # RecursionError: a text of a thousand open brackets nests too deeply for the decoder.
    except (ValueError, RecursionError):
        return None


def _wrapped_words(text: str) -> tuple[str, str] | None:
    """Speaker and words of a JSON text that holds both."""
    # Cheap tests first: every message that is read comes through here.
    if text[:1] != "{" or '"speaker' not in text:
        return None
    inner = _decoded(text)
    speaker, words = look(inner, *_SPEAKERS), look(inner, "content", "text")
    return (str(speaker), encodable(words)) if speaker is not None and isinstance(words, str) else None


def _is_parts(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(part, dict) and isinstance(part.get("type"), str) for part in value)
    )


def _is_content(parts: list[dict[str, Any]]) -> bool:
    # Other JSON has a "type" as well: GeoJSON, forms, schemas.
    says = any(part["type"] in _TEXT_PARTS and _words(part) is not None for part in parts)
    return says or all(part["type"] in _WORDLESS_PARTS for part in parts)
