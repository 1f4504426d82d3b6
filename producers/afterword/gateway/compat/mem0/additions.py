"""The body of mem0's `add`: a conversation to learn from, or with `infer=False` notes that are kept as they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from afterword.gateway.callers import Fields
from afterword.gateway.compat.mem0.expressions import APP_ID, ENTITIES
from afterword.gateway.compat.mem0.moments import read_moment
from afterword.schemas import InvalidInput
from afterword.schemas.conversation import LEARNED_ROLES, Message
from afterword.schemas.errors import described
from afterword.schemas.reading import read_messages

MOST_NOTES = 100

_READ = frozenset({"messages", "filters", "metadata", "infer", "timestamp", *ENTITIES})
# They choose between ways of mem0's own; whatever they say, nothing is lost.
_OF_NO_EFFECT = frozenset({"async_mode", "output_format", "version", "org_id", "project_id", "source"})
_INSTRUCTIONS = "is set for an agent, not for one call: afterword agents set AGENT --instructions"
_NOT_TAKEN: Final = {
    "custom_instructions": _INSTRUCTIONS,
    "agent_custom_instructions": _INSTRUCTIONS,
    "includes": _INSTRUCTIONS,
    "excludes": _INSTRUCTIONS,
    "custom_categories": "is not taken: topics are Afterword's own",
    "structured_data_schema": "is not taken: memories are sentences",
    "expiration_date": "is not taken: how long memories live is a setting of the workers",
    "immutable": "is not taken: nothing changes a memory in place",
    "enable_graph": "is not taken: related memories are linked without it",
}


@dataclass(frozen=True, slots=True)
class Notes:
    """Texts to keep as they are, of one owner. `fields` are those of our `add` besides the text."""

    texts: tuple[str, ...]
    fields: Fields


@dataclass(frozen=True, slots=True)
class Said:
    """A conversation to learn from: the fields of our event, besides its id."""

    fields: Fields


def read_addition(body: Mapping[str, Any]) -> Notes | Said:
    """The notes or the conversation in a body of `add`. Entities may stand in the body or in its `filters`.

    >>> read_addition({"messages": "Likes tea", "user_id": "ada", "infer": False}).texts
    ('Likes tea',)

    Raises: InvalidInput, naming what has no meaning here.
    """
    _refuse_unknown(body)
    fields = _fields(body)
    given = body.get("messages")
    messages = [{"role": "user", "content": given}] if isinstance(given, str) else given
    if body.get("infer") in (None, True):
        return Said(_conversation(fields, messages))
    if body["infer"] is not False:
        raise InvalidInput("infer", described(body["infer"]), "must be true or false")
    return _notes(fields, messages)


def _refuse_unknown(body: Mapping[str, Any]) -> None:
    for name, value in body.items():
        # A client that names an option without using it means nothing by it.
        if name in _READ or name in _OF_NO_EFFECT or value in (None, False):
            continue
        raise InvalidInput(name, described(value), _NOT_TAKEN.get(name, "is no field of this request"))


def _entities(body: Mapping[str, Any]) -> dict[str, Any]:
    filters = body.get("filters")
    if filters is not None and not isinstance(filters, Mapping):
        raise InvalidInput("filters", described(filters), 'must be an object, such as {"user_id": "ada"}')
    named = {**(filters or {}), **{name: body[name] for name in ENTITIES if body.get(name) is not None}}
    if unknown := sorted(named.keys() - set(ENTITIES)):
        raise InvalidInput(f"filters.{unknown[0]}", "another field", f"must be one of {', '.join(ENTITIES)}")
    return {name: value for name, value in named.items() if value is not None}


def _metadata(body: Mapping[str, Any], app_id: Any) -> dict[str, Any]:
    metadata = body.get("metadata") or {}
    if not isinstance(metadata, Mapping):
        raise InvalidInput("metadata", described(metadata), "must be an object")
    return {**metadata, APP_ID: app_id} if app_id is not None else dict(metadata)


def _fields(body: Mapping[str, Any]) -> Fields:
    """The fields that our event and our `add` share."""
    entities = _entities(body)
    given = {
        "user_id": entities.get("user_id"),
        "agent_id": entities.get("agent_id"),
        "session_id": entities.get("run_id"),
        "metadata": _metadata(body, entities.get(APP_ID)) or None,
    }
    if body.get("timestamp") is not None:
        given["occurred_at"] = read_moment(body["timestamp"], "timestamp")
    return {name: value for name, value in given.items() if value is not None}


def _conversation(fields: Fields, messages: Any) -> Fields:
    if "user_id" not in fields and "agent_id" in fields:
        mend = "is required: what is learned belongs to a user; infer=False writes to the agent itself"
        raise InvalidInput("user_id", "nothing", mend)
    return fields if messages is None else {**fields, "messages": messages}


def _notes(fields: Fields, messages: Any) -> Notes:
    if "user_id" in fields and "agent_id" in fields:
        mend = "a note has one owner: give user_id, with run_id for a thread, or agent_id"
        raise InvalidInput("agent_id", "a second owner", mend)
    texts = tuple(_texts(messages))
    if not texts:
        raise InvalidInput("messages", "no words", "must hold something that a user or an assistant said")
    if len(texts) > MOST_NOTES:
        raise InvalidInput("messages", f"{len(texts)} messages", f"must be at most {MOST_NOTES} with infer=False")
    return Notes(texts, fields)


def _texts(messages: Any) -> Iterator[str]:
    try:
        found, _ = read_messages(messages)
        read = [Message.model_validate(message) for message in found]
    except ValidationError as error:
        raise InvalidInput.from_validation(error) from None
    except ValueError as error:
        raise InvalidInput("messages", described(messages), str(error)) from None
    return (message.text for message in read if message.role in LEARNED_ROLES and message.text.strip())
