"""Things that were kept elsewhere, read into the shapes of the contract: lines of our export, memories of mem0, chats.

Everything here is pure: whoever imports sends what comes out. The command line does so from a file, the gateway from
the body of a request.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid5

from pydantic import ValidationError

from afterword.producers.chatgpt import conversation_of_chatgpt, is_chatgpt
from afterword.schemas.errors import InvalidInput, described
from afterword.schemas.export import EXPORT_FORMAT
from afterword.schemas.imports import GivenMemory

# Never changed: a chat that is imported again must get the id that it got before.
_NAMESPACE = UUID("7f0f1c1a-0d55-4a39-8d0d-6a2f0a5c3f52")
_KEPT: Final = ("id", "text", "occurred_at", "session_id", "role", "metadata", "kind", "scope")
_OF_SOURCE: Final = ("event_id", "message")
_OF_CHAT: Final = ("event_id", "occurred_at", "time_zone", "agent_id", "session_id", "run_id", "messages", "metadata")
_PASSED_OVER: Final = ("profile", "conversation", "audit", "end")
"""Lines of an export that are told and not brought in: what was said in a conversation stands in its memories."""
KNOWN: Final = "must be a line of an export, a memory of mem0, a chat with `messages`, or one of ChatGPT's export"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportItem:
    """One thing of a file or body: a memory, a conversation, or what is known of the user.

    `user_id` is whose it is, where it says so; `objects`, that they object to being remembered; `left_out` counts
    messages of a chat that are nobody's words.
    """

    memory: GivenMemory | None = None
    conversation: Mapping[str, Any] | None = None
    user_id: str | None = None
    objects: bool = False
    left_out: int = 0


def import_items(told: Any) -> Iterator[ImportItem | InvalidInput]:
    """The items of a decoded JSON value: of a line, or of a whole document. What cannot be read is an error beside the
    others.

    >>> list(import_items([{"messages": [{"role": "user", "content": "Hi"}]}, 5]))[1]
    InvalidInput('line: must be an object of JSON (got 5)')
    """
    if isinstance(told, Mapping) and isinstance(told.get("results"), list):
        told = told["results"]
    if isinstance(told, list) and told and all(isinstance(each, Mapping) and _is_message(each) for each in told):
        # Messages by themselves are one chat.
        told = {"messages": told}
    for each in told if isinstance(told, list) else [told]:
        try:
            yield _item(each)
        except InvalidInput as error:
            yield error
        except RecursionError:
            yield InvalidInput("line", "lists within lists", "must be nested less deeply")


def _item(told: Any) -> ImportItem:
    if not isinstance(told, Mapping):
        raise InvalidInput("line", described(told), "must be an object of JSON")
    if is_chatgpt(told):
        conversation, left_out = conversation_of_chatgpt(told)
        return ImportItem(conversation=conversation, left_out=left_out)
    if "messages" in told:
        return ImportItem(conversation=_chat(told))
    if told.get("type") in ("header", "wishes", "memory", *_PASSED_OVER):
        return _line_of_export(told)
    if "memory" in told:
        return _of_mem0(told)
    raise InvalidInput("line", described(told), KNOWN)


def _is_message(told: Mapping[str, Any]) -> bool:
    return "role" in told


def _line_of_export(told: Mapping[str, Any]) -> ImportItem:
    match told["type"]:
        case "header":
            header = _object(told.get("header"), "header")
            if header.get("format") != EXPORT_FORMAT or header.get("version") != 1:
                raise InvalidInput("header", "another format", f"must be {EXPORT_FORMAT}, version 1")
            return ImportItem(user_id=_name(header.get("user_id")))
        case "wishes":
            wishes = _object(told.get("wishes"), "wishes")
            return ImportItem(user_id=_name(wishes.get("user_id")), objects=wishes.get("memory_enabled") is False)
        case "memory":
            memory = _object(_object(told.get("memory"), "memory").get("memory"), "memory")
            source = _object(memory.get("source") or {}, "source")
            given = {name: memory[name] for name in _KEPT if memory.get(name) is not None}
            given |= {name: source[name] for name in _OF_SOURCE if source.get(name) is not None}
            return ImportItem(memory=_checked(given), user_id=_name(memory.get("user_id")))
    return ImportItem()


def _of_mem0(told: Mapping[str, Any]) -> ImportItem:
    # Objects in mem0's metadata have no place here: ours is flat.
    metadata = _object(told.get("metadata") or {}, "metadata").items()
    flat = {name: value for name, value in metadata if value is None or isinstance(value, str | int | float | bool)}
    given = {"id": told.get("id"), "text": told["memory"], "occurred_at": told.get("created_at"), "metadata": flat}
    if told.get("run_id"):
        given["session_id"] = told["run_id"]
    return ImportItem(memory=_checked(given), user_id=_name(told.get("user_id")))


def _chat(told: Mapping[str, Any]) -> dict[str, Any]:
    event_id = str(uuid5(_NAMESPACE, json.dumps(told, sort_keys=True)))
    # What others keep beside a chat, such as its title, is no field of an event.
    return {"event_id": event_id, **{name: told[name] for name in _OF_CHAT if name in told}}


def _checked(given: Mapping[str, Any]) -> GivenMemory:
    try:
        return GivenMemory.model_validate(given)
    except ValidationError as error:
        raise InvalidInput.from_validation(error) from None


def _name(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _object(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidInput(name, described(value), "must be an object of JSON")
    return value
