"""Messages that a careless or hostile producer puts into the queues by hand, and what must become of each."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from itertools import count
from typing import Any

import redis

from afterword.schemas import ConversationFinished
from afterword.schemas.conversation import Message
from afterword.schemas.wire import ACTORS, MAX_MESSAGE_BYTES, REPLY_PREFIX, Queue, bell_key, messages_key, queue_key
from afterword.workers.broker.received import RETRIES
from tests.support.canaries import canary

_BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
_HUGE = 10**400
_FAR_MS = 32_503_680_000_000
"""The year 3000."""
_EMPTY_PLACES = 20_000
_IN_A_HAND = 12
"""A strike puts so many kinds: a short run has a few strikes, and a long one all kinds many times."""
_PUT_SECONDS = 90.0
"""Redis is killed and stalled meanwhile."""


class Fate(StrEnum):
    """The end that a message must come to. Nothing of it stays in Redis in any case."""

    DEAD = "dead and listed"
    REFUSED = "answered or passed over, and no dead letter"
    KEPT = "a conversation like any other"


@dataclass(frozen=True)
class HostileMessage:
    """A message under its id in Redis. `event` is what is to be kept of one that is sound but for its envelope."""

    kind: str
    queue: Queue
    redis_id: bytes
    data: bytes
    fate: Fate
    event: ConversationFinished | None = None


_Kind = tuple[str, Callable[["HostileProducer", str], Iterator[HostileMessage]]]


@dataclass
class HostileProducer:
    """Puts kinds of hostile messages into the queues, by chance, and remembers them. One thread at a time.

    `sent` are those that Redis has acknowledged.
    """

    redis_url: str
    chance: random.Random
    sent: list[HostileMessage] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    @property
    def events(self) -> list[ConversationFinished]:
        """The conversations that must be kept although they came with hostile envelopes."""
        return [each.event for each in self.sent if each.event is not None]

    def put_some(self) -> None:
        """A hand of kinds, and places and bell tokens without a message. Raises: AssertionError, if Redis stays away"""
        for kind, make in self.chance.sample(_KINDS, _IN_A_HAND):
            for message in make(self, kind):
                self._until_acknowledged(partial(_put, message))
                self.sent.append(message)
        for queue in Queue:
            self._until_acknowledged(partial(_put_nothing, queue))

    def _until_acknowledged(self, put: Callable[[redis.client.Pipeline], None]) -> None:
        deadline = time.monotonic() + _PUT_SECONDS
        while True:
            try:
                with redis.Redis.from_url(self.redis_url) as client, client.pipeline() as pipe:
                    put(pipe)
                    pipe.execute()
                return
            except redis.RedisError as error:
                if time.monotonic() > deadline:
                    raise AssertionError(f"Redis took no hostile message: {type(error).__name__}") from None
                time.sleep(0.2)

    # Kinds.

    def unreadable(self, kind: str) -> Iterator[HostileMessage]:
        for queue in Queue:
            for data in (b"\xff\xfe\x00" + canary("bytes").encode(), b"", b"[]", b'{"queue_name": "', b"[" * 100_000):
                yield HostileMessage(kind, queue, self._id(), data, Fate.DEAD)

    def long_ids(self, kind: str) -> Iterator[HostileMessage]:
        for length in (600, 3000):
            for queue in Queue:
                yield HostileMessage(kind, queue, self._id() + b"i" * length, b"no message", Fate.DEAD)
            yield self._conversation(kind, redis_id=self._id() + b"i" * length)

    def ids_of_any_bytes(self, kind: str) -> Iterator[HostileMessage]:
        for odd in (b"\xff\x00", b"\na forged line", b"\x1b[2J", "\u202e".encode()):
            yield HostileMessage(kind, Queue.CONVERSATIONS, self._id() + odd, b"no message", Fate.DEAD)

    def oversize(self, kind: str) -> Iterator[HostileMessage]:
        for queue in (Queue.CONVERSATIONS, self.chance.choice(list(Queue))):
            yield self._message(kind, queue, {"text": canary("large") + "x" * MAX_MESSAGE_BYTES}, Fate.DEAD)

    def options(self, kind: str) -> Iterator[HostileMessage]:
        for options in (
            {"eta": _FAR_MS},
            {"eta": float("inf")},
            {"eta": _HUGE},
            {"eta": -_HUGE, RETRIES: float("inf")},
            {RETRIES: _HUGE, "retries": 99, "max_retries": 0},
            {"throws": ["ValueError"], "min_backoff": _FAR_MS, "requeue_timestamp": _FAR_MS},
            {"pipe_target": {"actor_name": "nobody"}, "on_failure": "nobody", "time_limit": 0, "max_age": 0},
        ):
            redis_id = self._id()
            fields = {"options": {"redis_message_id": redis_id.decode()} | options}
            yield self._conversation(kind, redis_id=redis_id, fields=fields)

    def envelope_times(self, kind: str) -> Iterator[HostileMessage]:
        for told in (float("nan"), float("-inf"), _HUGE, -_HUGE, 10**30, 0, "now", None):
            yield self._conversation(kind, fields={"message_timestamp": told})

    def envelope_fields(self, kind: str) -> Iterator[HostileMessage]:
        event = self._event()
        for fields in (
            {"queue_name": "elsewhere"},
            {"actor_name": ["a", "list"]},
            {"message_id": "m" * 3000},
            {"kwargs": [1]},
            {"options": [1]},
        ):
            yield self._message(kind, Queue.CONVERSATIONS, event, Fate.DEAD, fields=fields)

    def other_actors(self, kind: str) -> Iterator[HostileMessage]:
        for queue in Queue:
            yield self._message(kind, queue, {"user_id": "u"}, Fate.DEAD, fields={"actor_name": "nobody"})

    def other_arguments(self, kind: str) -> Iterator[HostileMessage]:
        arguments: list[Any] = [[], [{}, {}], {}, "ab"]
        for fields in (*({"args": each} for each in arguments), {"kwargs": {"who": canary("argument")}}):
            for queue in (Queue.CONVERSATIONS, Queue.COMMANDS):
                yield self._message(kind, queue, {}, Fate.DEAD, fields=fields)

    def bodies(self, kind: str) -> Iterator[HostileMessage]:
        none: list[Any] = [None, 5, float("nan"), [], "text", {}]
        for body in (*none, {"version": 2}, {"version": float("nan")}, {"user_id": []}):
            for queue in (Queue.CONVERSATIONS, Queue.TELEMETRY):
                yield self._message(kind, queue, body, Fate.DEAD)
            for queue in (Queue.CONTEXT, Queue.COMMANDS, Queue.EXTRACTION):
                yield self._message(kind, queue, body, Fate.REFUSED)

    def long_owners(self, kind: str) -> Iterator[HostileMessage]:
        for name in ("event_id", "user_id", "tenant_id", "session_id"):
            for owner in ("u" * 600, "u" * 3000, "\U0001f600" * 200, "u\x00", "\ud800", "  two  spaces\n"):
                yield self._message(kind, Queue.CONVERSATIONS, self._event() | {name: owner}, Fate.DEAD)

    def conversation_times(self, kind: str) -> Iterator[HostileMessage]:
        for told in (float("nan"), float("inf"), _HUGE, -_HUGE, 1e30, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
            yield self._message(kind, Queue.CONVERSATIONS, self._event() | {"occurred_at": told}, Fate.DEAD)

    def telemetry_numbers(self, kind: str) -> Iterator[HostileMessage]:
        event = {"tenant_id": "default", "user_id": "u", "query_length": 1, "result_length": 1, "result_count": 1}
        for told in (float("nan"), float("inf"), float("-inf"), _HUGE, -_HUGE, 10**30):
            for name in ("at", "seconds", "result_count", "relevance"):
                body = {"events": [event | {"at": _BEGIN.isoformat(), "seconds": 0.1, name: told}]}
                yield self._message(kind, Queue.TELEMETRY, body, Fate.DEAD)

    def commands(self, kind: str) -> Iterator[HostileMessage]:
        asked = {"version": 1, "request_id": "r", "reply_to": "afterword:__heartbeats__", "user_id": "u"}
        for body in (
            {"command": canary("command")},
            {"command": "x" * 100_000},
            {"command": ["list"]},
            {"command": "list", "limit": _HUGE},
            {"command": "search", "query": 5},
            {"command": "clear", "session_id": None},
            {"command": "get", "memory_id": "m" * 3000},
            {"command": "list", "deadline_ms": float("nan")},
            {"command": "list", "deadline_ms": _HUGE},
            {"command": "list", "deadline_ms": -_HUGE},
            {"command": "\ud800", "reply_to": f"{REPLY_PREFIX}nobody"},
            {"command": "none", "request_id": "\ud800", "reply_to": f"{REPLY_PREFIX}nobody"},
            {"command": "none", "request_id": ["r" * 100_000], "reply_to": f"{REPLY_PREFIX}\ud800"},
        ):
            yield self._message(kind, Queue.COMMANDS, asked | body, Fate.REFUSED)
            yield self._message(kind, Queue.CONTEXT, asked | body, Fate.REFUSED)

    def deep(self, kind: str) -> Iterator[HostileMessage]:
        for depth in (500, 900, 5_000, 100_000):
            nested = b'{"a":' * depth + b"1" + b"}" * depth
            for queue in (Queue.CONVERSATIONS, Queue.TELEMETRY):
                message = self._message(kind, queue, 0, Fate.DEAD)
                yield replace(message, data=message.data.replace(b'"args": [0]', b'"args": [' + nested + b"]"))

    # Parts of them.

    def _id(self) -> bytes:
        return f"hostile-{next(self._numbers)}-".encode()

    def _event(self) -> dict[str, Any]:
        """A conversation of the contract, as JSON has it."""
        number = next(self._numbers)
        event = ConversationFinished(
            event_id=f"hostile-event-{number}",
            occurred_at=_BEGIN + timedelta(minutes=number),
            user_id=f"stranger-{number % 5}",
            agent_id="agent-0",
            messages=(Message(role="user", content=f"h{number:06d} was said of the harbour"),),
        )
        return dict(event.model_dump(mode="json", exclude_none=True))

    def _conversation(
        self, kind: str, *, redis_id: bytes | None = None, fields: Mapping[str, Any] | None = None
    ) -> HostileMessage:
        body = self._event()
        found = self._message(kind, Queue.CONVERSATIONS, body, Fate.KEPT, redis_id=redis_id, fields=fields)
        return replace(found, event=ConversationFinished.model_validate(body))

    def _message(
        self,
        kind: str,
        queue: Queue,
        body: Any,
        fate: Fate,
        *,
        redis_id: bytes | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> HostileMessage:
        """A message of the wire's own form, but for its body and these fields of its envelope."""
        place = redis_id or self._id()
        envelope = {
            "queue_name": queue.value,
            "actor_name": ACTORS[queue],
            "args": [body],
            "kwargs": {},
            "options": {"redis_message_id": place.decode()},
            "message_id": f"m-{next(self._numbers)}",
            "message_timestamp": int(time.time() * 1000),
        }
        return HostileMessage(kind, queue, place, json.dumps(envelope | dict(fields or {})).encode(), fate)


_KINDS: tuple[_Kind, ...] = (
    ("unreadable bytes", HostileProducer.unreadable),
    ("ids of 600 bytes and of 3 kB", HostileProducer.long_ids),
    ("ids of any bytes", HostileProducer.ids_of_any_bytes),
    ("larger than any message", HostileProducer.oversize),
    ("options that give orders", HostileProducer.options),
    ("impossible times of sending", HostileProducer.envelope_times),
    ("broken envelopes", HostileProducer.envelope_fields),
    ("actors that do not exist", HostileProducer.other_actors),
    ("other arguments", HostileProducer.other_arguments),
    ("bodies of any shape", HostileProducer.bodies),
    ("owners of 600 bytes and of 3 kB", HostileProducer.long_owners),
    ("conversations of impossible times", HostileProducer.conversation_times),
    ("telemetry of impossible numbers", HostileProducer.telemetry_numbers),
    ("commands that are none", HostileProducer.commands),
    ("deep nesting", HostileProducer.deep),
)


def _put(message: HostileMessage, pipe: redis.client.Pipeline) -> None:
    pipe.hset(messages_key(message.queue), message.redis_id, message.data)
    pipe.rpush(queue_key(message.queue), message.redis_id)
    pipe.lpush(bell_key(message.queue), 1)


def _put_nothing(queue: Queue, pipe: redis.client.Pipeline) -> None:
    pipe.rpush(queue_key(queue), *(f"nothing-{number}" for number in range(_EMPTY_PLACES)))
    pipe.lpush(bell_key(queue), *[1] * 1000)
