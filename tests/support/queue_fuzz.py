"""Messages for the queues that are nearly right: a field or two of each hold anything. Drawn by chance, from a seed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from random import Random
from typing import Any
from uuid import UUID

from afterword.schemas import wire
from afterword.schemas.catalogue import COMMANDS
from afterword.schemas.wire import Queue

ODD: list[Any] = [
    *(None, True, False, 0, -1, 1, 5, 2**31, 2**63, -(2**63), 10**30, 10**400, -(10**400), 1.5, 1e308, 5e-324),
    *(math.nan, math.inf, -math.inf, "", " ", "\x00", "\ud83d", "\u200d", "a\nb", "\x1b[31m", "😀" * 128, "😀" * 300),
    *("x" * 256, "x" * 3000, "é" * 70_000, "[" * 3000, '{"a":' * 3000, "<think>", "data:image/png;base64,AAAA", "NaN"),
    *([], {}, [[]], [None], {"": None}, {"\x00": "\ud83d"}, {"a": {"b": []}}, ["x"] * 2000, {"type": ["text"]}),
    *("2026-05-01T12:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "1900-01-01T00:00:00Z"),
    *("Europe/Lisbon", "+08:00", "user", "agent", "default", "%", "'; DROP TABLE x; --", '"', "\\", "{}", "*"),
]
"""Values that some field of some message was once wrong about."""

WORDS = ["I play the cello.", "What does Ann play?", "<think>no</think>Yes.", '{"speaker": "Ann", "content": "Hi"}']


class MessageFuzz:
    """Draws messages; the same ones for the same seed.

    >>> len(MessageFuzz(7).message(Queue.CONTEXT)) > 0
    True
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._bodies: Mapping[Queue, Callable[[], dict[str, Any]]] = {
            Queue.CONVERSATIONS: self._conversation,
            Queue.CONTEXT: self._question,
            Queue.COMMANDS: self._command,
            Queue.TELEMETRY: self._telemetry,
        }

    def message(self, queue: Queue) -> bytes:
        """The bytes of a message: mostly one that is read, with anything in its fields."""
        if self._once_in(12):
            return self._random.randbytes(self._random.randrange(40))
        body = self._spoiled(self._bodies[queue]())
        if body.get("command") in ("clear", "dead_letters_replay", "dead_letters_drop", "users_erase"):
            # They take messages and dead letters away, a clear also unreadable ones that hold the user's id: a test
            # that counts could no longer tell them from lost ones.
            body |= {"tenant_id": "elsewhere", "user_id": self._uuid(), "all_tenants": False}
        fields = {
            "queue_name": queue.value,
            "actor_name": wire.ACTORS[queue],
            "args": [body],
            "kwargs": {},
            "options": {"redis_message_id": "1", **self._options()},
            "message_id": self._uuid(),
            "message_timestamp": self._odd() if self._once_in(3) else 1_780_000_000_000,
        }
        if self._once_in(12):
            fields[self._one("queue_name", "actor_name", "options", "message_id")] = self._odd()
        encoded = json.dumps(fields).encode()
        return encoded[: self._random.randrange(len(encoded))] if self._once_in(20) else encoded

    # Bodies that are right.

    def _conversation(self) -> dict[str, Any]:
        turns = [self._turn() for _ in range(self._random.randrange(1, 5))]
        return {
            **self._owner(),
            "event_id": self._one("e1", "e2", self._uuid()),
            "messages": [self._spoiled(each) for each in turns],
            "occurred_at": "2026-05-01T12:00:00+02:00",
            "time_zone": "Europe/Lisbon",
            "run_id": "r",
            "metadata": self._spoiled({"channel": "web", "n": 1}),
            "skipped": 0,
            "publishes": self._spoiled({"sent": 1, "dropped": 0, "invalid": 0}),
        }

    def _turn(self) -> dict[str, Any]:
        part = self._spoiled({"type": "text", "text": self._one(*WORDS)})
        return {
            "role": self._one("user", "assistant"),
            "content": self._one(self._one(*WORDS), [part, part]),
            "id": self._uuid(),
            "name": "Ann",
            "created_at": "2026-05-01T12:00:00Z",
        }

    def _question(self) -> dict[str, Any]:
        return {
            **self._owner(),
            **self._asked(),
            "query": self._one(*WORDS),
            "scopes": ["user", "session"],
            "limit": 12,
            "token_budget": 500,
            "language": "en",
            "time_zone": "Europe/Lisbon",
            "shares": self._spoiled({"user": 0.5, "agent": 0.3}),
            "always": self._one(True, 3),
            "explain": self._one(True, False),
        }

    def _command(self) -> dict[str, Any]:
        names = [command.wire_name() for command in COMMANDS]
        # Most commands are about one owner: with an agent beside a user they are refused.
        owner = {name: value for name, value in self._owner().items() if name != "agent_id" or self._once_in(8)}
        return {
            **owner,
            **self._asked(),
            "command": self._one(*names),
            "scope": "user",
            "text": self._one(*WORDS),
            "query": self._one(*WORDS),
            "memory_id": self._uuid(),
            "limit": 10,
            "metadata": self._spoiled({"channel": "web"}),
            "all_tenants": False,
            "letter_id": 1,
            "letter_ids": [1, 2],
            "key_id": "0" * 16,
            "secret_hash": "0" * 64,
            "account": "a",
            "roles": ["user"],
        }

    def _telemetry(self) -> dict[str, Any]:
        asked = {
            **self._owner(),
            "at": "2026-05-01T12:00:00Z",
            "query_length": 5,
            "query_hash": "a1",
            "query": self._one(*WORDS),
            "result_length": 10,
            "result_count": 1,
            "relevance": 0.5,
            "seconds": 0.01,
            "degraded": ["embedder"],
        }
        return {"batch_id": self._uuid(), "events": [self._spoiled(asked) for _ in range(self._random.randrange(3))]}

    def _owner(self) -> dict[str, Any]:
        return {"tenant_id": "default", "user_id": self._one("ann", "bob"), "agent_id": "guide", "session_id": "s1"}

    def _asked(self) -> dict[str, Any]:
        reply_to = f"{wire.REPLY_PREFIX}{self._uuid()}"
        return {"request_id": self._uuid(), "reply_to": reply_to, "deadline_ms": self._one(None, 2**52, 1)}

    # Chance.

    def _spoiled(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The fields, of which one or two hold anything or are missing in a third of all cases."""
        while self._once_in(3):
            name = self._one(*fields, "odd")
            if self._once_in(4):
                fields = {key: value for key, value in fields.items() if key != name}
            else:
                fields = {**fields, name: self._odd()}
        return fields

    def _options(self) -> dict[str, Any]:
        names = ("eta", "retries", "afterword_retries", "max_retries", "delay", "throws", "requeue_timestamp", "error")
        return {self._one(*names): self._odd() for _ in range(self._random.randrange(3))}

    def _odd(self) -> Any:
        inner = self._random.choice(ODD)
        return self._one([inner], {"text": inner}, {"type": inner, "text": "Hi"}) if self._once_in(4) else inner

    def _one(self, *choices: Any) -> Any:
        return self._random.choice(choices)

    def _once_in(self, times: int) -> bool:
        return self._random.randrange(times) == 0

    def _uuid(self) -> str:
        return str(UUID(int=self._random.getrandbits(128), version=4))
