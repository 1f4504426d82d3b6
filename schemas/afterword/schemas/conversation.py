"""The event: a conversation has finished."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self
from uuid import uuid4

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic.config import JsonDict

from afterword.schemas.content import Content, normalised, plain_text
from afterword.schemas.errors import InvalidInput, UnsupportedVersion
from afterword.schemas.reading import ROLES, read_messages
from afterword.schemas.values import DEFAULT_TENANT, MAX_COUNT, MAX_ID_LENGTH, VERSION, GivenMetadata, Id, Model, Time
from afterword.schemas.zones import TimeZone

MAX_MESSAGES = 500
MAX_BYTES = 1024 * 1024
"""A client splits an event that has more than either of these."""
MAX_MESSAGES_TAKEN = 10 * MAX_MESSAGES
"""The most messages of one event that a worker takes from a queue: some seconds of a thread's work."""

MessageRole = Literal["user", "assistant", "system", "tool"]
LEARNED_ROLES: frozenset[str] = frozenset({"user", "assistant"})
"""Only what these roles say is learned from."""


def _role(value: Any) -> Any:
    return ROLES.get(value.lower(), value) if isinstance(value, str) else value


def _printable(value: Any) -> Any:
    """A name without what cannot be printed, such as joiners, and within its length."""
    return "".join(filter(str.isprintable, value))[:MAX_ID_LENGTH] if isinstance(value, str) else value


def or_none(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    """Read a field; None where it breaks the contract, so that an odd field costs itself and not its message."""
    try:
        return read(value)
    except ValidationError:
        return None


class Message(Model):
    """One turn. `content` is a string, a list of parts, or a JSON string of either.

    A `name`, `id` or `created_at` that breaks the contract is left out: the turn is worth more than they are.
    """

    role: Annotated[MessageRole, BeforeValidator(_role)]
    content: Annotated[Content, BeforeValidator(normalised)] = ""
    name: Annotated[Id | None, BeforeValidator(_printable), WrapValidator(or_none)] = None
    id: Annotated[Id | None, WrapValidator(or_none)] = None
    created_at: Annotated[Time | None, WrapValidator(or_none)] = None

    @property
    def text(self) -> str:
        """The words of the message; empty when it holds none."""
        return plain_text(self.content)


def _some(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    if not messages:
        raise ValueError("must hold at least one message with a role and content")
    return messages


_EXAMPLE: JsonDict = {
    "version": 1,
    "event_id": "run-7f3a",
    "occurred_at": "2026-05-01T12:00:00Z",
    "user_id": "ada",
    "agent_id": "travel-guide",
    "session_id": "thread-12",
    "messages": [
        {"role": "user", "content": "I moved to Lisbon last week."},
        {"role": "assistant", "content": [{"type": "text", "text": "How do you like it?"}]},
    ],
    "metadata": {"channel": "web"},
}


EventCount = Annotated[int, Field(ge=0, le=MAX_COUNT)]


class PublishCounts(Model):
    """How publishing fared for a client since its event before: events `sent`, `dropped` because its outbox was full,
    or `invalid`. The workers count them; they are no part of what was said.
    """

    sent: EventCount = 0
    dropped: EventCount = 0
    invalid: EventCount = 0


class ConversationFinished(Model):
    """A finished run of an agent, published once and forgotten.

    `event_id` makes a publish idempotent: the first event of an id wins; the same id with another body is
    recorded as a conflict. `occurred_at` is when the conversation took place; relative dates in it
    ("yesterday") resolve against it, on the calendar of its offset. `time_zone` is the speaker's, for times that are
    given in UTC: an IANA name or an offset; it also holds for later events of the user that name none. One that does
    not exist is left out. `session_id` is the thread, `run_id` this run of it.
    `messages` may be as a framework holds them (see `afterword.schemas.reading`); what is no message among them is left
    out, and counted in `skipped`. `part` and `parts` are set by `split`: the parts of an oversize event share its id.
    `publishes` is set by clients.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    version: Literal[1] = VERSION
    event_id: Id = Field(default_factory=lambda: str(uuid4()))
    occurred_at: Time = Field(default_factory=lambda: datetime.now(UTC))
    time_zone: Annotated[TimeZone | None, WrapValidator(or_none)] = None
    tenant_id: Id = DEFAULT_TENANT
    user_id: Id
    agent_id: Id | None = None
    session_id: Id | None = None
    run_id: Id | None = None
    messages: Annotated[tuple[Message, ...], AfterValidator(_some), Field(json_schema_extra={"minItems": 1})]
    metadata: GivenMetadata = Field(default_factory=dict)
    part: Annotated[int, Field(ge=1, le=MAX_COUNT)] = 1
    parts: Annotated[int, Field(ge=1, le=MAX_COUNT)] = 1
    skipped: EventCount = 0
    publishes: Annotated[PublishCounts | None, WrapValidator(or_none)] = None

    @model_validator(mode="before")
    @classmethod
    def _with_messages_read(cls, given: Any) -> Any:
        if not isinstance(given, Mapping) or given.get("messages") is None:
            return given
        try:
            messages, skipped = read_messages(given["messages"])
        # Not a list of messages: the field's own check refuses it, and names the field.
        except ValueError:
            return given
        # A worker reads an event that its client has read already: what was left out there still counts.
        before = given.get("skipped", 0)
        return {**given, "messages": messages, "skipped": before + skipped if isinstance(before, int) else before}

    @model_validator(mode="after")
    def _part_of_parts(self) -> Self:
        if self.part > self.parts:
            raise ValueError("part must not be above parts")
        return self

    @classmethod
    def parse(cls, body: Any) -> ConversationFinished:
        """The event in a decoded JSON body.

        Raises:
            UnsupportedVersion: it was written by a newer contract.
            InvalidInput: it breaks the contract; names the field and the mend.
        """
        check_version(body)
        try:
            return cls.model_validate(body)
        except ValidationError as error:
            raise InvalidInput.from_validation(error) from None


def check_length(event: ConversationFinished) -> None:
    """Refuse an event of more messages than a worker takes at a time. Clients split theirs long before.

    Raises: InvalidInput.
    """
    if len(event.messages) > MAX_MESSAGES_TAKEN:
        mend = f"must be at most {MAX_MESSAGES_TAKEN}: send them as parts (`part`, `parts`) of one event_id"
        raise InvalidInput("messages", str(len(event.messages)), mend)


def check_version(body: Any) -> None:
    """Refuse a body of another contract version, before anything else in it is judged.

    Raises: UnsupportedVersion.
    """
    if isinstance(body, dict) and body.get("version", VERSION) != VERSION:
        raise UnsupportedVersion(body["version"], VERSION)


def split(
    event: ConversationFinished, *, max_messages: int = MAX_MESSAGES, max_bytes: int = MAX_BYTES
) -> list[ConversationFinished]:
    """An oversize event as parts under one event_id, each within both limits; a small one as itself.

    A message that is larger than a part by itself is cut into several of the same role: its words are kept, its
    parts without words (images, tool calls) are not. The first part alone tells of what was `skipped`.

    Raises: InvalidInput, when what is not messages leaves no room for them.
    """
    if len(event.messages) <= max_messages and _encoded_size(event) <= max_bytes:
        return [event]
    # 64 bytes are kept back, since `part` and `parts` get more digits once the parts are counted.
    room = max_bytes - _encoded_size(event.model_copy(update={"messages": ()})) - 64
    groups = _packed([piece for message in event.messages for piece in _cut(message, room)], max_messages, room)
    return [
        event.model_copy(
            update={
                "messages": tuple(group),
                "part": number,
                "parts": len(groups),
                "skipped": event.skipped if number == 1 else 0,
            }
        )
        for number, group in enumerate(groups, start=1)
    ]


_LEAST_ROOM = 16
"""Bytes of any one character as a JSON string, and some."""


def _encoded_size(value: Model) -> int:
    return len(value.model_dump_json().encode())


def _packed(messages: list[Message], max_messages: int, room: int) -> list[list[Message]]:
    groups: list[list[Message]] = [[]]
    filled = 0
    for message in messages:
        # One byte more for the comma between two messages.
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
    # 16 bytes more, since the id of each piece gets a number.
    frame = _encoded_size(message.model_copy(update={"content": ""})) + 16
    if room - frame < _LEAST_ROOM:
        raise InvalidInput("event", "too much beside the messages", "must fit into max_bytes: shorten ids and metadata")
    return [
        message.model_copy(update={"content": text, "id": _piece_id(message.id, number)})
        for number, text in enumerate(_cut_text(message.text, room - frame), start=1)
    ]


def _piece_id(message_id: str | None, number: int) -> str | None:
    # A long id loses its beginning: its end is the number, which tells the pieces apart.
    return f"{message_id}#{number}"[-MAX_ID_LENGTH:] if message_id else None


def _cut_text(text: str, room: int) -> list[str]:
    """Pieces whose JSON form fits in `room` bytes, halved as often as needed, at a space where there is one."""
    if len(text) <= 1 or len(json.dumps(text, ensure_ascii=False).encode()) <= room:
        return [text]
    # By halves: the length in JSON is known only by encoding, which is done once a piece so.
    middle = len(text) // 2
    # A space far from the middle is not used: it would leave one small piece and a large one.
    space = text.rfind(" ", 1, middle)
    cut = space if space > middle // 2 else middle
    return _cut_text(text[:cut], room) + _cut_text(text[cut:], room)
