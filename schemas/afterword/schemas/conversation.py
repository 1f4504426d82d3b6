"""The event: a conversation has finished."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import uuid4

from pydantic import BeforeValidator, Field, ValidationError, field_validator

from afterword.schemas.content import Content, normalised, plain_text
from afterword.schemas.errors import InvalidEvent, UnsupportedVersion
from afterword.schemas.values import DEFAULT_TENANT, VERSION, Id, Metadata, Model, Time

MAX_MESSAGES = 500
MAX_BYTES = 1024 * 1024

Role = Literal["user", "assistant", "system", "tool"]
LEARNED_ROLES: frozenset[str] = frozenset({"user", "assistant"})
"""Only what these roles say is learned from."""

_ROLE_NAMES = {
    "human": "user",
    "ai": "assistant",
    "model": "assistant",
    "developer": "system",
    "function": "tool",
}


def _role(value: Any) -> Any:
    return _ROLE_NAMES.get(value, value) if isinstance(value, str) else value


class Message(Model):
    """One turn. `content` is a string, a list of typed parts, or a JSON string of either."""

    role: Annotated[Role, BeforeValidator(_role)]
    content: Annotated[Content, BeforeValidator(normalised)] = ""
    name: Id | None = None
    id: Id | None = None
    created_at: Time | None = None

    @property
    def text(self) -> str:
        """The words of the message; empty when it holds none."""
        return plain_text(self.content)


class ConversationFinished(Model):
    """A finished run of an agent, published once and forgotten.

    `event_id` makes a publish idempotent: the first event of an id wins; the same id with another body is
    recorded as a conflict. `occurred_at` is when the conversation took place; relative dates in it
    ("yesterday") resolve against it. `session_id` is the thread, `run_id` this run of it.
    `part` and `parts` are set by `split`: the parts of an oversize event share its id.
    """

    version: Literal[1] = VERSION
    event_id: Id = Field(default_factory=lambda: str(uuid4()))
    occurred_at: Time = Field(default_factory=lambda: datetime.now(UTC))
    tenant_id: Id = DEFAULT_TENANT
    user_id: Id
    agent_id: Id | None = None
    session_id: Id | None = None
    run_id: Id | None = None
    messages: tuple[Message, ...]
    metadata: Metadata = Field(default_factory=dict)
    part: Annotated[int, Field(ge=1)] = 1
    parts: Annotated[int, Field(ge=1)] = 1

    @field_validator("messages", mode="before")
    @classmethod
    def _some_messages(cls, value: Any) -> Any:
        if isinstance(value, list | tuple) and not value:
            raise ValueError("must hold at least one message")
        return value

    @classmethod
    def parse(cls, body: Any) -> ConversationFinished:
        """The event in a decoded JSON body.

        Raises:
            UnsupportedVersion: it was written by a newer contract.
            InvalidEvent: it breaks the contract; names the field and the mend.
        """
        check_version(body)
        try:
            return cls.model_validate(body)
        except ValidationError as error:
            raise InvalidEvent.from_validation(error) from None


def check_version(body: Any) -> None:
    """Raises: UnsupportedVersion, before anything else of an unknown contract is judged."""
    if isinstance(body, dict) and body.get("version", VERSION) != VERSION:
        raise UnsupportedVersion(body["version"], VERSION)


def split(
    event: ConversationFinished, *, max_messages: int = MAX_MESSAGES, max_bytes: int = MAX_BYTES
) -> list[ConversationFinished]:
    """An oversize event as parts under one event_id, each within both limits; a small one as itself.

    A message that is larger than a part by itself is cut into several of the same role. Nothing is dropped.
    """
    if len(event.messages) <= max_messages and _encoded_size(event) <= max_bytes:
        return [event]
    room = max(max_bytes - _encoded_size(event.model_copy(update={"messages": ()})) - 64, 1024)
    groups = _packed([piece for message in event.messages for piece in _cut(message, room)], max_messages, room)
    return [
        event.model_copy(update={"messages": tuple(group), "part": number, "parts": len(groups)})
        for number, group in enumerate(groups, start=1)
    ]


def _encoded_size(value: Model) -> int:
    return len(value.model_dump_json().encode())


def _packed(messages: list[Message], max_messages: int, room: int) -> list[list[Message]]:
    groups: list[list[Message]] = [[]]
    filled = 0
    for message in messages:
        size = _encoded_size(message) + 1
        if groups[-1] and (len(groups[-1]) >= max_messages or filled + size > room):
            groups.append([])
            filled = 0
        groups[-1].append(message)
        filled += size
    return groups


def _cut(message: Message, room: int) -> list[Message]:
    if _encoded_size(message) <= room:
        return [message]
    frame = _encoded_size(message.model_copy(update={"content": ""})) + 16
    texts = _cut_text(message.text, max(room - frame, 256))
    return [
        message.model_copy(update={"content": text, "id": f"{message.id}#{number}"[-256:] if message.id else None})
        for number, text in enumerate(texts, start=1)
    ]


def _cut_text(text: str, room: int) -> list[str]:
    """Pieces whose JSON form fits in `room` bytes, halved as often as needed, at a space where there is one."""
    if len(text) <= 1 or len(json.dumps(text, ensure_ascii=False).encode()) <= room:
        return [text]
    middle = len(text) // 2
    space = text.rfind(" ", 1, middle)
    cut = space if space > middle // 2 else middle
    return _cut_text(text[:cut], room) + _cut_text(text[cut:], room)
