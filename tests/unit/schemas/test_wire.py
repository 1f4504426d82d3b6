from __future__ import annotations

import json
import re
from unittest import mock

import pytest
from dramatiq import Message

from afterword.schemas import ConversationFinished, ListUsers
from afterword.schemas.wire import (
    ACTORS,
    REPLY_PREFIX,
    Queue,
    bell_key,
    encode_message,
    enqueue_commands,
    messages_key,
    new_reply_key,
    queue_key,
    ring_commands,
)
from afterword.workers.actors import commands, context, extraction, ingest, telemetry
from afterword.workers.broker import build_broker

EVENT = ConversationFinished.parse(
    {"event_id": "e", "user_id": "ada", "messages": [{"role": "user", "content": 'say "hi" 你好 \n'}]}
)


def test_dramatiq_reads_the_message() -> None:
    message = Message.decode(encode_message(Queue.CONVERSATIONS, EVENT, now_ms=1_700_000_000_000, message_id="m"))
    assert (message.queue_name, message.actor_name) == ("conversations", "ingest_conversation")
    assert (message.message_id, message.message_timestamp) == ("m", 1_700_000_000_000)
    assert message.options == {"redis_message_id": "m"}
    assert message.kwargs == {}
    (body,) = message.args
    assert ConversationFinished.parse(body) == EVENT


def test_what_is_not_set_is_not_sent() -> None:
    encoded = json.loads(encode_message(Queue.CONVERSATIONS, EVENT, now_ms=0, message_id="m"))
    assert "agent_id" not in encoded["args"][0]


def test_dramatiq_encodes_the_same() -> None:
    encoded = encode_message(Queue.COMMANDS, ListUsers(reply_to=new_reply_key()), now_ms=5, message_id="m")
    assert json.loads(Message.decode(encoded).encode()) == json.loads(encoded)


def test_an_enqueue_is_four_commands() -> None:
    assert enqueue_commands(Queue.CONTEXT, "m", b"{}") == [
        ("HSET", "afterword:context.msgs", "m", b"{}"),
        ("RPUSH", "afterword:context", "m"),
        ("LPUSH", "afterword:context.bell", 1),
        ("LTRIM", "afterword:context.bell", 0, 0),
    ]


@pytest.mark.parametrize("queue", list(Queue))
def test_keys_have_one_prefix(queue: Queue) -> None:
    keys = {queue_key(queue), messages_key(queue), bell_key(queue)}
    assert len(keys) == 3
    assert all(key.startswith(f"afterword:{queue.value}") for key in keys)
    assert {command[1] for command in ring_commands(queue)} == {bell_key(queue)}


def test_reply_keys_cannot_be_guessed() -> None:
    keys = {new_reply_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(re.fullmatch(f"{REPLY_PREFIX}[0-9a-f]{{32}}", key) for key in keys)


def test_the_actors_are_declared_by_these_names() -> None:
    broker = build_broker("redis://localhost:1")
    anything = mock.Mock()
    ingest.declare(broker, anything)
    extraction.declare(broker, anything)
    context.declare(broker, anything, anything, anything, anything)
    commands.declare(broker, anything, anything, anything)
    telemetry.declare(broker, anything, anything)
    declared = {broker.get_actor(name).queue_name: name for name in broker.get_declared_actors()}
    broker.close()
    assert declared == {queue.value: name for queue, name in ACTORS.items()}
