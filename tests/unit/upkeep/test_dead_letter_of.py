from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from afterword.schemas import ConversationFinished
from afterword.schemas.wire import Queue, encode_message
from afterword.workers.broker import DeadMessage
from afterword.workers.services.upkeep.sweeps import letter_of
from afterword.workers.stores.ledger.upkeep.dead_letters import DeadLetter

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def letter(data: bytes, message_id: str = "m") -> DeadLetter:
    return letter_of(Queue.CONVERSATIONS, DeadMessage(message_id.encode("utf-8", "surrogatepass"), data, NOON))


def test_it_tells_whose_it_is_and_why_it_died() -> None:
    event = ConversationFinished.parse(
        {"event_id": "e", "tenant_id": "t", "user_id": "u", "messages": [{"role": "user", "content": "x"}]}
    )
    message: dict[str, Any] = json.loads(encode_message(Queue.CONVERSATIONS, event, now_ms=0, message_id="m"))
    message["options"]["error"] = "InvalidEvent: user_id"
    data = json.dumps(message).encode()
    assert letter(data) == DeadLetter(
        message_id="m",
        queue="conversations",
        error="InvalidEvent: user_id",
        body=data,
        died_at=NOON,
        tenant_id="t",
        user_id="u",
        event_id="e",
    )


def test_a_tenant_that_is_not_named_is_the_default() -> None:
    assert letter(b'{"args": [{"user_id": "u"}]}').tenant_id == "default"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no json",
        b"\xff\xfe",
        b"[" * 100_000,
        b"null",
        b"[1]",
        b"{}",
        b'{"args": null}',
        b'{"args": []}',
        b'{"args": 5}',
        b'{"args": "text"}',
        b'{"args": {"user_id": "u"}}',
        b'{"args": ["text"]}',
        b'{"args": [{}], "options": "none"}',
        b'{"args": [], "options": {"error": ""}}',
    ],
)
def test_whatever_a_message_holds_there_is_a_letter(data: bytes) -> None:
    found = letter(data)
    assert (found.body, found.user_id, found.event_id) == (data, None, None)
    assert found.error == "the message could not be read"


def test_it_holds_nothing_that_postgresql_cannot_keep() -> None:
    body = {
        "args": [{"user_id": "u\x00\ud800", "tenant_id": 5, "event_id": ["e"]}],
        "options": {"error": "a\x00\ud800"},
    }
    found = letter(json.dumps(body).encode(), "m\x00")
    assert (found.user_id, found.error) == ("u?", "a?")
    assert found.message_id.startswith("m#")
    assert found.message_id != letter(b"", "m\x00\x00").message_id, "two messages stay two letters"
    assert (found.tenant_id, found.event_id) == ("default", None)
