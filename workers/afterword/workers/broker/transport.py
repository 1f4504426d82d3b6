"""Transport: the commands that a worker sends to Redis. All methods raise redis.RedisError."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import redis
from redis.commands.core import Script
from redis.exceptions import NoPermissionError, RedisError, ResponseError

from afterword.schemas import wire
from afterword.workers.broker import script
from afterword.workers.broker.clock import ServerClock

BATCH = 1000
"""The most messages of one fetch."""

_UNJUDGED = frozenset({wire.Queue.EXTRACTION.value})
"""A hint says nothing that could kill, and handing hints out one by one would hold up extraction."""

_REDIS_WITH_FLAGS = 7
_WHEN_FULL = "#!lua flags=allow-oom\n"

# Only while the message is this worker's: else it would come back after its settling, with nobody to remove it.
_REWRITE = 'if redis.call("sismember", KEYS[1], ARGV[1]) == 1 then redis.call("hset", KEYS[2], ARGV[1], ARGV[2]) end'

_LOGGED = 100
"""Bytes of an id that are worth a place in a log line."""

_WEEK_MS = 7 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often a worker looks at its queue, and how long it waits; in seconds, unless a name says `ms`."""

    maintenance: float = 1.0
    """Between heartbeats, well below their timeout; each also brings a dead worker's messages back."""
    poll: float = 1.0
    """The longest wait for the bell before the queue is looked at all the same."""
    reply: float = 4.0
    """How long Redis may take to answer, a wait for the bell not counted."""
    heartbeat_timeout_ms: int = 6000
    """The silence after which a worker's messages go to others."""
    dead_message_ttl_ms: int = _WEEK_MS
    """How long Redis keeps a dead message that no sweep has copied to PostgreSQL."""


def is_delay_queue(queue_name: str) -> bool:
    """Whether the queue holds messages for later; those have no bell and are looked at with each maintenance."""
    return queue_name.endswith(".DQ")


@dataclass(frozen=True, slots=True)
class Fetched:
    """The messages that a fetch found, with their ids in Redis; how many places are left in the queue; and whether the
    next message wants more room than there was: fewer messages or bytes in this worker's hands.
    """

    messages: Sequence[tuple[bytes, bytes]]
    left: int
    blocked: bool


class Transport:
    """Runs the broker's script, and rings bells, in the name of one worker. Thread-safe."""

    def __init__(self, client: redis.Redis, *, worker_id: str, pace: Pace) -> None:
        self.logger = logging.getLogger(__name__)
        self.clock = ServerClock(client)
        self.pace = pace
        self._client = client
        self._worker_id = worker_id
        self._broken_bells: set[str] = set()
        self._script: Script | None = None

    # The script.

    def dispatch(self, command: str, queue_name: str, *arguments: Any, maintenance: bool = False) -> Fetched:
        """Run the script: a heartbeat, maintenance if asked for, then the command if the script knows it."""
        run = self._draining_script()
        reply = run(keys=[wire.NAMESPACE], args=self._arguments(command, queue_name, arguments, maintenance))
        return self._read_reply(queue_name, reply)

    def fetch(self, queue_name: str, room: int, room_bytes: int, *, maintenance: bool) -> Fetched:
        """Take messages, `room` and `room_bytes` of them at most; with empty hands one, whatever its size."""
        return self.dispatch("fetch", queue_name, room, room_bytes, maintenance=maintenance)

    def listen_and_fetch(self, queue_name: str, room: int, room_bytes: int, seconds: float) -> Fetched:
        """Wait for the bell, at most `seconds`, then fetch: two commands sent at once.

        Redis runs the second as soon as the first is served, which saves the way back and forth in between.
        """
        arguments = self._arguments("fetch", queue_name, (room, room_bytes), maintenance=False)
        with self._client.pipeline(transaction=False) as pipe:
            pipe.execute_command("BLPOP", wire.bell_key(queue_name), seconds)
            pipe.execute_command("EVALSHA", self._draining_script().sha, 1, wire.NAMESPACE, *arguments)
            rung, found = pipe.execute(raise_on_error=False)
        self._note_bell(queue_name, rung)
        if isinstance(found, RedisError):
            raise found
        return self._read_reply(queue_name, found)

    def _read_reply(self, queue_name: str, reply: Any) -> Fetched:
        found, left, blocked, aside = reply
        for redis_id, why in zip(aside[::2], aside[1::2], strict=True):
            self.tell_aside(queue_name, redis_id, why.decode())
        return Fetched(tuple(zip(found[::2], found[1::2], strict=True)), int(left), bool(blocked))

    def tell_aside(self, queue_name: str, redis_id: bytes, why: str) -> None:
        """Log that a message is dead unread; its id escaped and in bounded length, since anybody may have chosen it."""
        self.logger.warning("Message %r of queue %r is set aside as dead: %s", redis_id[:_LOGGED], queue_name, why)

    def requeue(self, queue_name: str, ids: Collection[bytes]) -> None:
        """Put messages back at the end of their queue, and ring."""
        self.dispatch("requeue", queue_name, *ids)
        self.ring(queue_name)

    # Messages.

    def add(self, queue_name: str, message_id: str, encoded: bytes) -> None:
        """Add a message and ring, in one round trip."""
        commands = [
            ("HSET", wire.messages_key(queue_name), message_id, encoded),
            ("RPUSH", wire.queue_key(queue_name), message_id),
        ]
        ring = [] if is_delay_queue(queue_name) else wire.ring_commands(queue_name)
        try:
            replies = self._transaction([*commands, *ring])
        except NoPermissionError:
            # If it is the bell that is forbidden, the message must get through without.
            replies = self._transaction(commands)
        for reply in replies[: len(commands)]:
            if isinstance(reply, RedisError):
                raise reply

    def read(self, queue_name: str, ids: Sequence[bytes]) -> list[bytes | None]:
        """The messages with these ids, None where there is none."""
        found: Any = self._client.hmget(wire.messages_key(queue_name), ids)
        return list(found)

    def rewrite(self, queue_name: str, redis_id: bytes, encoded: bytes) -> None:
        """Replace a message that is in this worker's hands."""
        keys = (self._acks_key(queue_name), wire.messages_key(queue_name))
        self._client.eval(_REWRITE, len(keys), *keys, redis_id, encoded)

    def unacknowledged(self, queue_name: str) -> set[bytes]:
        """The ids that Redis believes to be in this worker's hands."""
        ids: Any = self._client.smembers(self._acks_key(queue_name))
        return set(ids)

    # The bell.

    def ring(self, queue_name: str) -> None:
        """Wake one idle worker of the queue; a delay queue has no bell."""
        if is_delay_queue(queue_name):
            return
        with self._client.pipeline() as pipe:
            for command in wire.ring_commands(queue_name):
                pipe.execute_command(*command)
            try:
                pipe.execute()
            except ResponseError as error:
                self._note_bell(queue_name, error)

    def bell_works(self, queue_name: str) -> bool:
        """Whether the queue's bell did not fail when it was last tried."""
        return queue_name not in self._broken_bells

    def _note_bell(self, queue_name: str, reply: object) -> None:
        if not isinstance(reply, RedisError):
            if queue_name in self._broken_bells:
                self._broken_bells.discard(queue_name)
                self.logger.info("The bell of queue %r works again.", queue_name)
        elif queue_name not in self._broken_bells:
            self._broken_bells.add(queue_name)
            self.logger.warning("The bell of queue %r fails, polling instead: %s", queue_name, reply)

    def _draining_script(self) -> Script:
        """The script, allowed to run in a full Redis: else workers could not drain the queues that fill it.

        Before Redis 7 a script cannot ask for that: there a full Redis stays full until it is given more memory.
        """
        if self._script is None:
            version = str(dict(self._client.info("server"))["redis_version"])
            runs_flagged = int(version.split(".")[0]) >= _REDIS_WITH_FLAGS
            self._script = self._client.register_script(
                _WHEN_FULL + script.DISPATCH if runs_flagged else script.DISPATCH
            )
        return self._script

    def _transaction(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        with self._client.pipeline() as pipe:
            for command in commands:
                pipe.execute_command(*command)
            return pipe.execute(raise_on_error=False)

    def _arguments(self, command: str, queue_name: str, arguments: tuple[Any, ...], maintenance: bool) -> list[Any]:
        # The order is the script's.
        return [
            command,
            self.clock.now_ms(),
            queue_name,
            self._worker_id,
            self.pace.heartbeat_timeout_ms,
            self.pace.dead_message_ttl_ms,
            int(maintenance),
            int(not is_delay_queue(queue_name) and queue_name not in _UNJUDGED),
            wire.MAX_MESSAGE_BYTES,
            script.MOST_PASSED_OVER,
            script.DEATHS_ALONE,
            script.SUSPECTED_MS,
            *arguments,
        ]

    def _acks_key(self, queue_name: str) -> str:
        return f"{wire.NAMESPACE}:__acks__.{self._worker_id}.{queue_name}"
