"""Conversations as they are sent."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID, uuid4

from afterword.producers.outbox import Parcel
from afterword.producers.settings import ClientSettings
from afterword.schemas.conversation import ConversationFinished, PublishCounts, split
from afterword.schemas.errors import AfterwordError, InvalidInput
from afterword.schemas.values import Scalar
from afterword.schemas.wire import Queue, encode_message, enqueue_commands

GivenConversation = ConversationFinished | Mapping[str, Any]


class ConversationFields(TypedDict, total=False):
    """The fields of an event that a caller gives; see `ConversationFinished`. A checker of types finds a wrong name."""

    event_id: str | int | UUID
    occurred_at: datetime | str
    time_zone: str | None
    tenant_id: str
    user_id: str | int | UUID
    agent_id: str | int | UUID | None
    session_id: str | int | UUID | None
    run_id: str | int | UUID | None
    # As a framework holds them: messages, whole answers, lists of its own items.
    messages: Any
    metadata: Mapping[str, Scalar]


def conversation_of(given: GivenConversation | None, fields: Mapping[str, Any], tenant_id: str) -> ConversationFinished:
    """The event that a caller means: one that it made, the fields of one, or both (then the fields win). The event
    belongs to the client's tenant.

    Raises:
        UnsupportedVersion, InvalidInput: it breaks the contract.
    """
    unknown = sorted(fields.keys() - ConversationFinished.model_fields.keys())
    # The contract ignores unknown fields, for newer writers; a misspelt keyword must not be lost that way.
    if unknown:
        raise InvalidInput(unknown[0], "a keyword argument", "is not a field of the event: check the spelling")
    if isinstance(given, ConversationFinished):
        if not fields and "tenant_id" in given.model_fields_set:
            return _of_tenant(given, tenant_id)
        # Only what was set, so that no default overrules the client's tenant. The id and the time were drawn when the
        # event was made, and stay the same when it is published again.
        given = given.model_dump(exclude_unset=True) | {"event_id": given.event_id, "occurred_at": given.occurred_at}
    elif given is not None and not isinstance(given, Mapping):
        raise InvalidInput("event", type(given).__name__, "must be a ConversationFinished or a mapping of its fields")
    try:
        event = ConversationFinished.parse({"tenant_id": tenant_id, **(given or {}), **fields})
    except AfterwordError:
        raise
    except Exception as error:
        raise InvalidInput.unreadable("event", error) from error
    return _of_tenant(event, tenant_id)


def _of_tenant(event: ConversationFinished, tenant_id: str) -> ConversationFinished:
    if event.tenant_id != tenant_id:
        raise InvalidInput(
            "tenant_id", "another tenant than the client's", "must be the client's: publish with client.for_tenant(id)"
        )
    return event


def parcel_of(event: ConversationFinished, settings: ClientSettings, counts: Counter[str] | None = None) -> Parcel:
    """The event as Redis commands, in several parts when it is oversize; the first tells the `counts`.

    Raises:
        InvalidInput: something in it has no JSON form, or what is not messages leaves no room for them.
    """
    counts = counts if counts is not None else Counter()
    telling = event.model_copy(update={"publishes": PublishCounts(**counts) if counts else None})
    try:
        messages = _encoded(telling, settings)
    # InvalidInput is a ValueError, too.
    except InvalidInput:
        raise
    except ValueError as error:  # pydantic's serialization error, or a lone surrogate
        raise InvalidInput("event", type(error).__name__, "must hold only what JSON can say") from None
    return Parcel(
        event_id=event.event_id,
        key=messages[0][0],
        commands=tuple(
            command
            for message_id, encoded in messages
            for command in enqueue_commands(Queue.CONVERSATIONS, message_id, encoded)
        ),
        size=sum(len(encoded) for _, encoded in messages),
        counts=counts,
        skipped=event.skipped,
    )


def _encoded(event: ConversationFinished, settings: ClientSettings) -> list[tuple[str, bytes]]:
    if len(event.messages) <= settings.max_messages:
        whole = _message(event)
        # Measuring an event is encoding it: the usual, small one is encoded once.
        if len(whole[1]) <= settings.max_bytes:
            return [whole]
    parts = split(event, max_messages=settings.max_messages, max_bytes=settings.max_bytes)
    # The counts travel with the first part: every part would count them once more.
    return [_message(part if part.part == 1 else part.model_copy(update={"publishes": None})) for part in parts]


def _message(event: ConversationFinished) -> tuple[str, bytes]:
    message_id = str(uuid4())
    return message_id, encode_message(Queue.CONVERSATIONS, event, now_ms=int(time.time() * 1000), message_id=message_id)
