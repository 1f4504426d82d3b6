"""Conversations of ChatGPT's data export (`conversations.json`). Pure.

The export holds each conversation as a tree, since a message may be edited and an answer made anew. What counts is the
branch that was shown last: from `current_node` up to the root.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid5

from afterword.schemas.errors import InvalidInput, described

# Never changed: a conversation that is imported again must get the id that it got before.
_NAMESPACE = UUID("2f4b7b0e-9d0a-4f3c-8f2e-6a1c5d7e9b10")
_SPEAKERS: Final = ("user", "assistant")
_WORDS: Final = ("text", "multimodal_text")
_HEARD: Final = "audio_transcription"


def is_chatgpt(told: Mapping[str, Any]) -> bool:
    """Whether this is a conversation of such an export."""
    return isinstance(told.get("mapping"), Mapping)


def conversation_of_chatgpt(told: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """A conversation as the fields of our event, and how many of its messages were left out: hidden ones, those of
    system and tools, calls of tools, and whatever holds no words.

    Its id follows from the conversation and from how far it has come. So a later export of a thread that went on is
    another event of the same session, of which only the new turns are learned.

    Raises: InvalidInput, where it has no words of user or assistant.
    """
    mapping = told["mapping"]
    messages = list(_branch(mapping, _last_node(told)))
    said = [found for message in messages if (found := _said(message))]
    if not said:
        raise InvalidInput("mapping", described(mapping), "must hold words of the user or of the assistant")
    thread = str(told.get("conversation_id") or told.get("id") or _id_of(str(said[0])))
    event: dict[str, Any] = {
        "event_id": _id_of(f"{thread} {said[-1]['id']}"),
        "session_id": thread,
        "messages": said,
    }
    ended = said[-1].get("created_at") or _moment(told.get("update_time"))
    return event | ({"occurred_at": ended} if ended else {}), len(messages) - len(said)


def _id_of(name: str) -> str:
    # Halves of a surrogate pair, which JSON may hold, are no text that a digest can be made of.
    return str(uuid5(_NAMESPACE, name.encode(errors="backslashreplace").decode()))


def _last_node(told: Mapping[str, Any]) -> Any:
    mapping, last = told["mapping"], told.get("current_node")
    if isinstance(last, str) and last in mapping:
        return last
    # Older exports name none: the newest message stands last.
    return next(reversed(mapping), None)


def _branch(mapping: Mapping[str, Any], last: Any) -> Iterator[Mapping[str, Any]]:
    """The messages from the root down to a node."""
    branch: dict[Any, Mapping[str, Any]] = {}
    # A tree that was damaged may lead back to itself.
    while isinstance(last, str) and last not in branch and isinstance(node := mapping.get(last), Mapping):
        branch[last] = node
        last = node.get("parent")
    for name, node in reversed(branch.items()):
        message = node.get("message")
        # The root holds none.
        if isinstance(message, Mapping):
            yield {"id": name, **message}


def _said(message: Mapping[str, Any]) -> dict[str, Any] | None:
    author, content, about = (_object(message.get(name)) for name in ("author", "content", "metadata"))
    is_shown = not about.get("is_visually_hidden_from_conversation") and message.get("weight") != 0
    is_to_all = message.get("recipient") in (None, "all")
    if author.get("role") not in _SPEAKERS or content.get("content_type") not in _WORDS or not (is_shown and is_to_all):
        return None
    words = "\n".join(_words(content.get("parts"))).strip()
    if not words:
        return None
    at = _moment(message.get("create_time"))
    said = {"role": author["role"], "content": words, "id": str(message["id"])}
    return said | ({"created_at": at} if at else {})


def _words(parts: Any) -> Iterator[str]:
    for part in parts if isinstance(parts, list) else ():
        if isinstance(part, str):
            yield part
        # Said aloud; pictures and files have no words.
        elif isinstance(part, Mapping) and part.get("content_type") == _HEARD and isinstance(part.get("text"), str):
            yield part["text"]


def _moment(seconds: Any) -> str | None:
    """Seconds since 1970 as a time of the contract."""
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        return None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
