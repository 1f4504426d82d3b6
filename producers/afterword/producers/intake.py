"""The check of everything that callers give, and the treatment of what is invalid."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from afterword.producers.calls import Call, checked_call
from afterword.producers.outbox import BATCH_BYTES, BATCH_PARCELS, Parcel
from afterword.producers.parcels import GivenConversation, conversation_of, parcel_of
from afterword.producers.runs import GivenMessage, Opening
from afterword.producers.settings import ClientSettings, checked_tenant
from afterword.schemas.context import ContextReply, ContextRequest
from afterword.schemas.errors import InvalidInput, UnsupportedVersion
from afterword.schemas.reading import items_of
from afterword.schemas.wire import Queue

logger = logging.getLogger("afterword.producers")

Invalid = InvalidInput | UnsupportedVersion
INVALID = (InvalidInput, UnsupportedVersion)


@dataclass(frozen=True)
class PublishResult:
    """The result for one of many conversations: its event id, or why it was refused."""

    event_id: str | None = None
    error: Invalid | None = None

    @classmethod
    def of(cls, checked: Parcel | Invalid) -> PublishResult:
        """The result for a conversation that `Intake` has checked."""
        if isinstance(checked, Parcel):
            return cls(event_id=checked.event_id)
        return cls(error=checked)


class Intake:
    """Checks what is published and asked in the name of one tenant."""

    def __init__(self, tenant_id: str, settings: ClientSettings) -> None:
        self.tenant_id = checked_tenant(tenant_id)
        self._settings = settings

    def parcel(self, given: GivenConversation | None, fields: Mapping[str, Any], counts: Counter[str]) -> Parcel:
        """An event that tells these counts. Raises: InvalidInput, UnsupportedVersion."""
        return parcel_of(conversation_of(given, fields, self.tenant_id), self._settings, counts)

    def parcels(self, conversations: Iterable[GivenConversation], counts: Counter[str]) -> list[Parcel | Invalid]:
        """Many events at once. Errors are returned, not raised; the first valid event tells the counts."""
        checked: list[Parcel | Invalid] = []
        for given in conversations:
            try:
                checked.append(self.parcel(given, {}, counts))
                counts = Counter()
            except INVALID as error:
                checked.append(error)
        return checked

    def context_call(self, fields: Mapping[str, Any]) -> Call[ContextReply]:
        """The call that asks for context. Raises: InvalidInput."""
        return checked_call(Queue.CONTEXT, ContextRequest, ContextReply, {"tenant_id": self.tenant_id, **fields})

    def opening(self, turns: Sequence[GivenMessage], system_prompt: str, fields: Mapping[str, Any]) -> Opening:
        """The start of a run. What is wrong with its event shows now, not when the run is over.

        Raises:
            InvalidInput: unless the client is set to log.
        """
        given = {name: value for name, value in fields.items() if value is not None}
        items: list[GivenMessage] = []
        # Read once, for the event and for the LLM: it may be an iterator, or a single message. The event's own check
        # refuses what is neither.
        with suppress(ValueError):
            items = items_of(turns)
        try:
            event = conversation_of(None, {"messages": items or turns, **given}, self.tenant_id)
            # Made and thrown away: only encoding shows whether the event can be sent.
            parcel_of(event, self._settings)
        except INVALID as error:
            self.refuse(error)
            return Opening(None, tuple(items), system_prompt)
        return Opening(event, tuple(items), system_prompt)

    def refuse(self, error: Invalid) -> None:
        """Raise the error, or log it without the text of messages, as the client is set to."""
        if self._settings.on_invalid == "raise":
            raise error
        self.log_refusal(error)

    def log_refusal(self, error: Invalid) -> None:
        """Log the error without the text of messages."""
        reason = f"{error.field}: {error.mend}" if isinstance(error, InvalidInput) else str(error)
        logger.error("invalid, and not sent: %s", reason)


def in_batches(parcels: Sequence[Parcel]) -> list[list[Parcel]]:
    """The parcels in order, in as few transactions as their sizes allow."""
    batches: list[list[Parcel]] = []
    size = 0
    for parcel in parcels:
        size += parcel.size
        if not batches or len(batches[-1]) >= BATCH_PARCELS or size > BATCH_BYTES:
            batches.append([])
            size = parcel.size
        batches[-1].append(parcel)
    return batches
