"""By whose clock a conversation is told."""

from __future__ import annotations

from typing import Any

import pytest

from afterword.schemas import ConversationFinished
from afterword.workers.core.speaking import told_locally

UTC_TIME = "2026-03-04T23:30:00Z"


def told(*known: str | None, created_at: str | None = None, **fields: Any) -> tuple[str, str | None]:
    """The times of an event and of its message."""
    messages = [{"role": "user", "content": "hi", "created_at": created_at}]
    event = ConversationFinished.parse({"user_id": "ada", "messages": messages, "occurred_at": UTC_TIME, **fields})
    local = told_locally(event, known)
    said_at = local.messages[0].created_at
    return local.occurred_at.isoformat(), said_at.isoformat() if said_at else None


@pytest.mark.parametrize(
    ("known", "fields", "expected"),
    [
        ((), {}, "2026-03-04T23:30:00+00:00"),
        ((), {"time_zone": "Asia/Shanghai"}, "2026-03-05T07:30:00+08:00"),
        ((None, "Asia/Shanghai"), {}, "2026-03-05T07:30:00+08:00"),
        (("Asia/Tokyo", "Asia/Shanghai"), {}, "2026-03-05T08:30:00+09:00"),
        (("no such zone", "Asia/Shanghai"), {}, "2026-03-05T07:30:00+08:00"),
        (("Asia/Tokyo",), {"time_zone": "-05:00"}, "2026-03-04T18:30:00-05:00"),
        (("Asia/Tokyo",), {"occurred_at": "2026-03-05T07:30:00+08:00"}, "2026-03-05T07:30:00+08:00"),
        ((), {"time_zone": "Asia/Tokyo", "occurred_at": "2026-03-05T07:30:00+08:00"}, "2026-03-05T07:30:00+08:00"),
    ],
)
def test_the_nearest_that_is_known_tells_the_time(known: Any, fields: dict[str, Any], expected: str) -> None:
    assert told(*known, **fields)[0] == expected


def test_a_message_in_utc_is_told_by_the_clock_of_its_conversation() -> None:
    """Frameworks keep the times of messages as numbers, which have no offset."""
    _, said_at = told("Asia/Tokyo", created_at=UTC_TIME, occurred_at="2026-03-05T07:30:00+08:00")
    assert said_at == "2026-03-05T07:30:00+08:00"


def test_a_conversation_in_utc_is_told_by_the_clock_of_its_messages() -> None:
    assert told(created_at="2026-03-05T07:29:00+08:00") == ("2026-03-05T07:30:00+08:00", "2026-03-05T07:29:00+08:00")
