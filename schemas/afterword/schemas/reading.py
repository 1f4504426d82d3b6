"""Messages as agent frameworks hold them, read into the contract's shape.

Read are mappings and objects alike: OpenAI chat messages and whole completions, Responses items and responses, items
and results of the Agents SDK, Anthropic and Bedrock messages, Gemini contents and ADK events, LangChain messages
(objects, dumped or serialised), Pydantic AI requests and responses, LlamaIndex messages, AI SDK messages with `parts`,
`(role, text)` pairs. What is no message (tool calls, reasoning, anything else) is left out and counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from afterword.schemas.content import Content, normalised, speaker_of
from afterword.schemas.foreign import has, kind_of, label, look

ROLES = {
    **dict.fromkeys(("user", "human", "customer", "end_user", "end-user"), "user"),
    **dict.fromkeys(("assistant", "ai", "model", "bot", "chatbot", "agent"), "assistant"),
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("tool", "function", "ipython"), "tool"),
}
"""The contract's role for each name that frameworks have for it."""

_FIELDS = frozenset({"role", "content", "name", "id", "created_at"})
_CLASS = re.compile(r"(User|Human|AI|Assistant|System|Tool|Function)(?:Text)?Message(?:Chunk)?")
_PROMPT_PARTS = {"user-prompt": "user", "system-prompt": "system", "instruction": "system"}
_NO_ID = "__fake_id__"
"""The id that the Agents SDK gives to every answer of an LLM that gives none: by it they cannot be told apart."""
_DEEPEST = 8
"""Wrappings that a message may have. A library's object may hold itself."""
_MILLISECONDS_FROM = 10**11
"""Seconds since 1970 reach this in the year 5138, milliseconds did in 1973."""


def read_messages(given: Any) -> tuple[list[Any], int]:
    """The messages in `given`, in order, and how many of its items were none.

    >>> read_messages([{"type": "human", "content": "Hi"}, {"type": "reasoning", "summary": []}])
    ([{'role': 'user', 'content': 'Hi'}], 1)

    Raises:
        ValueError: `given` is no list of messages, nor a single one.
    """
    messages: list[Any] = []
    skipped = 0
    for item in items_of(given):
        try:
            found = _read(item)
        except Exception:  # noqa: BLE001 - somebody else's object may raise whatever it likes, even asked for its class
            found = []
        messages += found
        skipped += not found
    return messages, skipped


def items_of(given: Any) -> list[Any]:
    """The items among which messages are looked for, as they are: those of a list, or a single message.

    Raises:
        ValueError: `given` is neither.
    """
    if isinstance(given, str | bytes) or not (isinstance(given, Iterable | Mapping) or _read(given)):
        raise ValueError("must be a list of messages")
    # A mapping or a model is a message itself: iterating over it would give its fields.
    if isinstance(given, Mapping) or (kind_of(given) and _read(given)):
        return [given]
    try:
        return list(given)
    except Exception as error:
        raise ValueError("must be a list of messages") from error


def _read(item: Any, depth: int = 0) -> list[Any]:
    """The messages that one item holds: mostly one, none where it is no message."""
    if _is_plain(item):
        return [item]
    # By name: `conversation` imports this module, so its class cannot be imported here.
    if kind_of(item) == "Message" and type(item).__module__ == "afterword.schemas.conversation":
        return [item]
    if isinstance(item, tuple | list):
        pair = len(item) == 2 and isinstance(item[0], str) and item[0].lower() in ROLES
        return _message(ROLES[item[0].lower()], item[1], {}) if pair else []
    if isinstance(item, str | bytes | int | float) or item is None:
        return []
    return (_inner(item, depth + 1) if depth < _DEEPEST else []) or _own(item)


def _is_plain(item: Any) -> bool:
    """Whether an item is of the contract's shape already. Most are: looking for other shapes costs five times as long
    as reading them, and publishing happens on the agent's own time.
    """
    if type(item) is not dict or item.get("role") not in ("user", "assistant") or not item.keys() <= _FIELDS:
        return False
    content = item.get("content")
    # What begins with a brace may be words beside their speaker; a number is no ISO time.
    return type(content) is str and content[:1] != "{" and type(item.get("created_at")) not in (int, float)


def _inner(item: Any, depth: int) -> list[Any]:
    """The messages of something that holds messages."""
    kind = label(item, "kind")
    if kind in ("request", "response") and (parts := _list(item, "parts")) is not None:
        return _of_parts(parts, kind == "response")
    # Whatever has a role is a message itself, not a wrapper around one.
    if look(item, "role") is None:
        # LangChain's serialised form: its class is the last step of its path.
        if look(item, "lc") is not None and (path := _list(item, "id")) and look(item, "kwargs") is not None:
            return _own(look(item, "kwargs"), role=_role_of_class(path[-1]))
        # LangChain's `messages_to_dict`.
        if (data := look(item, "data")) is not None and (role := _role(look(item, "type"))):
            return _own(data, role=role)
        if choices := _list(item, "choices"):
            return _read(look(choices[0], "message"), depth)
        if label(item, "object") == "response" and (output := _list(item, "output")) is not None:
            return [message for each in output for message in _read(each, depth)]
        if (message := look(item, "message")) is not None and look(item, "content") is None:
            return _read(message, depth)
        # The Agents SDK's items, and its results, which hold those of a run.
        if (raw := look(item, "raw_item")) is not None:
            return _read(raw, depth)
        if (items := _list(item, "new_items")) is not None:
            return [message for each in items for message in _read(each, depth)]
    return []


def _of_parts(parts: Iterable[Any], answers: bool) -> list[Any]:
    """Pydantic AI's: a request holds what system, user and tools said, a response what the model said."""
    if answers:
        said = [part for part in parts if label(part, "part_kind") == "text"]
        return _message("assistant", said, {}) if said else []
    roles = ((_PROMPT_PARTS.get(label(part, "part_kind") or ""), part) for part in parts)
    return [message for role, part in roles if role for message in _message(role, look(part, "content"), part)]


def _own(item: Any, role: str | None = None) -> list[Any]:
    role = role or _role_in(item)
    if role is None or label(item, "type") in ("function_call", "function_call_output", "reasoning"):
        return []
    content = look(item, "content", "parts", "blocks", "text", "items")
    if isinstance(inner := look(content, "parts"), list | tuple):
        content = inner
    # A call of a tool is a message without words; an object with nothing but a role is none.
    if content is None and not has(item, "content", "tool_calls"):
        return []
    return _message(role, content, item)


def _message(role: str, content: Any, item: Any) -> list[Any]:
    try:
        words: Content = normalised(content)
    except ValueError:
        return []
    about = {
        "name": label(item, "name") or speaker_of(content) or look(item, "name"),
        "id": None if look(item, "id") == _NO_ID else look(item, "id"),
        "created_at": _time(look(item, "created_at", "createdAt", "timestamp")),
    }
    return [{"role": role, "content": words, **{name: value for name, value in about.items() if value is not None}}]


def _role_in(item: Any) -> str | None:
    named = _role(look(item, "role")) or _role(look(item, "type")) or _role(look(item, "source", "sender"))
    if named or look(item, "role") is not None:
        return named
    author = look(item, "author")
    if isinstance(author, str):
        # ADK's events: every author but the user is an agent, under its own name.
        return _role(author) or "assistant"
    return _role_of_class(kind_of(item))


def _role(name: Any) -> str | None:
    return ROLES.get(name.lower()) if isinstance(name, str) else None


def _role_of_class(name: Any) -> str | None:
    match = _CLASS.fullmatch(name) if isinstance(name, str) else None
    return ROLES[match[1].lower()] if match else None


def _time(value: Any) -> Any:
    """Seconds or milliseconds since 1970 as a time; anything else as it is."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return value
    try:
        return datetime.fromtimestamp(value / 1000 if value >= _MILLISECONDS_FROM else value, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _list(item: Any, name: str) -> list[Any] | None:
    value = look(item, name)
    return list(value) if isinstance(value, list | tuple) else None
