"""Turns: what user and assistant said, ready to be remembered. Pure functions over an event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from afterword.schemas import ConversationFinished
from afterword.schemas.conversation import LEARNED_ROLES
from afterword.schemas.spoken import spoken
from afterword.workers.text.storable import storable
from afterword.workers.text.tokens import estimate


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a conversation. `position` is its place among the event's messages, 0 the first."""

    position: int
    role: str
    text: str
    at: datetime
    message_id: str | None = None
    name: str | None = None

    @property
    def tokens(self) -> int:
        """Estimated LLM tokens of its text."""
        return estimate(self.text)

    def to_json(self) -> dict[str, Any]:
        """The form in which the ledger keeps it."""
        return {
            "position": self.position,
            "role": self.role,
            "text": self.text,
            "at": self.at.isoformat(),
            "message_id": self.message_id,
            "name": self.name,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Turn:
        """The inverse of `to_json`."""
        return cls(**{**value, "at": datetime.fromisoformat(value["at"])})


def turns_of(event: ConversationFinished) -> tuple[Turn, ...]:
    """The turns to learn from: user's and assistant's, with words in them, without injected memories."""
    turns = (
        Turn(
            position=position,
            role=message.role,
            text=spoken(storable(message.text), message.role),
            at=message.created_at or event.occurred_at,
            message_id=message.id,
            name=message.name,
        )
        # Counted before anything is left out: the provenance of a memory names the message of the event as it was
        # sent.
        for position, message in enumerate(event.messages)
        if message.role in LEARNED_ROLES
    )
    return tuple(turn for turn in turns if turn.text)
