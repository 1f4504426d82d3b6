"""Conversations and batches as the ledger would give them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from afterword.workers.core.turns import Turn
from afterword.workers.services.extraction.batch import Batch, Line, take
from afterword.workers.stores.ledger.ingest.conversations import Conversation

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def turn(text: str, position: int = 0, role: str = "user", **fields: Any) -> Turn:
    """A turn said `position` minutes after noon."""
    return Turn(position, role, text, **{"at": NOON + timedelta(minutes=position), **fields})


def conversation(number: int, turns: Sequence[Turn], **fields: Any) -> Conversation:
    """Conversation `number` of Ada's; event `e<number>`."""
    defaults: dict[str, Any] = {
        "id": number,
        "tenant_id": "default",
        "event_id": f"e{number}",
        "user_id": "ada",
        "agent_id": None,
        "session_id": None,
        "occurred_at": NOON,
        "received_at": NOON,
        "generation": 0,
        "turns": tuple(turns),
        "metadata": {},
        "extracted_turns": 0,
    }
    return Conversation(**defaults | fields)


def batch_of(*conversations: Conversation, **fields: Any) -> Batch:
    """A batch of everything that was said in them."""
    lines, slices = take(conversations, tokens=1_000_000)
    return Batch("default", "ada", lines, slices, **fields)


def texts(lines: Sequence[Line]) -> list[str]:
    """The words of the lines."""
    return [line.turn.text for line in lines]
