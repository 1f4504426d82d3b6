"""Small conversations to publish."""

from __future__ import annotations

from typing import Any


def conversation(event_id: str, user_id: str = "ada", **fields: Any) -> dict[str, Any]:
    """One turn each of a user and an assistant."""
    turns = [{"role": "user", "content": f"I say {event_id}"}, {"role": "assistant", "content": "I see"}]
    return {"event_id": event_id, "user_id": user_id, "messages": turns, **fields}
