"""How messages travel: queue, actor and key names, and the encoding. The one place that knows them.

An enqueue is four Redis commands in one MULTI, in Dramatiq's own layout plus a doorbell:

    HSET  afterword:<queue>.msgs <id> <json>     the message
    RPUSH afterword:<queue> <id>                 its place in the queue
    LPUSH afterword:<queue>.bell 1               wakes one idle worker
    LTRIM afterword:<queue>.bell 0 0             one token is enough: a worker that leaves work behind rings again
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any
from uuid import uuid4

from afterword.schemas.conversation import MAX_BYTES
from afterword.schemas.values import Model

NAMESPACE = "afterword"
REPLY_PREFIX = f"{NAMESPACE}:reply:"
REPLY_TTL_MS = 30_000

MAX_MESSAGE_BYTES = 3 * MAX_BYTES + 64 * 1024
"""The largest message that is taken from a queue: the largest event and its envelope. JSON may escape whatever is not
ASCII, which makes characters up to three times as long. A larger message becomes a dead letter without being read."""

_YEAR_MS = 366 * 24 * 3600 * 1000
_DAY_MS = 24 * 3600 * 1000


def sent_at_ms(told: object, now_ms: int) -> int | None:
    """When a message was sent, as its envelope says, in milliseconds since 1970; None for no number, or one far off.

    >>> sent_at_ms(1_780_000_000_000, now_ms=1_780_000_000_500)
    1780000000000
    >>> sent_at_ms(float("nan"), now_ms=1_780_000_000_500) is None
    True
    """
    # Compared before it is converted: a number in JSON may have thousands of digits.
    if isinstance(told, int | float) and now_ms - _YEAR_MS <= told <= now_ms + _DAY_MS:
        return int(told)
    return None


class Queue(StrEnum):
    CONVERSATIONS = "conversations"
    EXTRACTION = "extraction"
    CONTEXT = "context"
    COMMANDS = "commands"
    TELEMETRY = "telemetry"


ACTORS: dict[Queue, str] = {
    Queue.CONVERSATIONS: "ingest_conversation",
    Queue.EXTRACTION: "extract_subject",
    Queue.CONTEXT: "answer_context",
    Queue.COMMANDS: "run_command",
    Queue.TELEMETRY: "record_events",
}
"""The one actor of each queue, by Dramatiq's actor name."""


def queue_key(queue: str) -> str:
    return f"{NAMESPACE}:{queue}"


def messages_key(queue: str) -> str:
    return f"{NAMESPACE}:{queue}.msgs"


def bell_key(queue: str) -> str:
    return f"{NAMESPACE}:{queue}.bell"


def new_reply_key() -> str:
    """A list only its asker can name: 122 random bits."""
    return f"{REPLY_PREFIX}{uuid4().hex}"


def encode_message(queue: Queue, body: Model, *, now_ms: int, message_id: str) -> bytes:
    """A Dramatiq message with `body` as its only argument. `message_id` is unique to this enqueue."""
    return encode_json(queue, body.model_dump_json(exclude_none=True), now_ms=now_ms, message_id=message_id)


def encode_json(queue: Queue, body: str, *, now_ms: int, message_id: str) -> bytes:
    """As `encode_message`, of a body that is JSON already."""
    head = json.dumps(
        {
            "queue_name": queue.value,
            "actor_name": ACTORS[queue],
            "kwargs": {},
            "options": {"redis_message_id": message_id},
            "message_id": message_id,
            "message_timestamp": now_ms,
        }
    )
    # The body is already JSON; splicing it saves decoding and encoding it once more.
    return f'{head[:-1]}, "args": [{body}]}}'.encode()


def read_message(data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """The envelope and the body of a message that may be anything; each is empty where it cannot be read."""
    try:
        envelope = json.loads(data)
    # RecursionError: nested more deeply than the decoder goes.
    except (ValueError, RecursionError):
        return {}, {}
    if not isinstance(envelope, dict):
        return {}, {}
    arguments = envelope.get("args")
    body = arguments[0] if isinstance(arguments, list) and arguments else None
    return envelope, body if isinstance(body, dict) else {}


def enqueue_commands(queue: Queue, message_id: str, encoded: bytes) -> list[tuple[Any, ...]]:
    """The Redis commands of one enqueue, to be sent in one MULTI."""
    return [
        ("HSET", messages_key(queue), message_id, encoded),
        ("RPUSH", queue_key(queue), message_id),
        *ring_commands(queue),
    ]


def ring_commands(queue: str) -> list[tuple[Any, ...]]:
    """Wake one idle worker of the queue."""
    return [("LPUSH", bell_key(queue), 1), ("LTRIM", bell_key(queue), 0, 0)]
