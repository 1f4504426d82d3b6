"""Administration of the queues: services send, count, read and remove messages without being workers."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import redis
from redis.exceptions import RedisError

from afterword.schemas import wire
from afterword.schemas.errors import MemoryUnavailable
from afterword.schemas.values import Model
from afterword.workers.broker.backlog import QueueBacklog, RedisMemory, read_backlog, read_memory
from afterword.workers.broker.transport import Transport

MOST_KEPT = 8 * 1024 * 1024
"""Bytes of a dead message that are kept: more than twice what the contract allows. In Compose the scheduler has 224 MB
of memory."""

_BYTES_AT_ONCE = 2 * MOST_KEPT
_BEGINNING = 'return string.sub(redis.call("hget", KEYS[1], ARGV[1]) or "", 1, ARGV[2])'


@dataclass(frozen=True, slots=True)
class DeadMessage:
    """A message that was given up on. `data` is its JSON, with `options.error` where an actor failed; `error` is why
    the broker itself set it aside. Of a message of more than `MOST_KEPT` bytes, `data` is the beginning.
    """

    redis_id: bytes
    data: bytes
    died_at: datetime
    error: str | None = None

    @property
    def message_id(self) -> str:
        """Its id in Redis as text."""
        return self.redis_id.decode(errors="replace")


class QueueAdmin:
    """The queues as services see them. Every method raises MemoryUnavailable while Redis is away. Thread-safe.

    >>> admin = build_broker("redis://localhost").admin  # doctest: +SKIP
    >>> admin.enqueue_body(Queue.EXTRACTION, ExtractionHint())  # doctest: +SKIP
    >>> admin.queue_length(Queue.EXTRACTION)  # doctest: +SKIP
    1
    """

    def __init__(self, client: redis.Redis, transport: Transport) -> None:
        self._client = client
        self._transport = transport

    # Sending.

    def enqueue_body(self, queue: wire.Queue, body: Model) -> str:
        """Enqueue `body` for the queue's actor, in one round trip. Returns the message's id."""
        message_id = uuid4().hex
        encoded = wire.encode_message(queue, body, now_ms=int(time.time() * 1000), message_id=message_id)
        self.enqueue_encoded(queue.value, message_id, encoded)
        return message_id

    def enqueue_encoded(self, queue: str, message_id: str, encoded: bytes) -> None:
        """Enqueue a message that is encoded already."""
        try:
            self._transport.add(queue, message_id, encoded)
        except RedisError as error:
            # Its class only, without its cause: redis-py quotes the failing command, which holds the message.
            raise MemoryUnavailable(f"Redis: {type(error).__name__}") from None

    # Counting.

    def queue_length(self, queue: str) -> int:
        """How many messages wait, those in work and those delayed not counted."""
        with _redis_needed():
            return int(self._client.llen(wire.queue_key(queue)))

    def backlog(self, queue: str) -> QueueBacklog:
        """How many messages of the queue wait, are in work, are delayed and are dead."""
        with _redis_needed():
            return read_backlog(self._client, queue, self._transport.clock.now_ms())

    def memory(self) -> RedisMemory:
        """How much memory Redis uses, and how much it may use."""
        with _redis_needed():
            return read_memory(self._client)

    # Dead messages.

    def dead_messages(self, queue: str, limit: int, *, skip: int = 0) -> list[DeadMessage]:
        """The queue's dead messages, oldest first, without the `skip` oldest: `limit`, or as many as are not too large
        to be read at once.
        """
        key = _dead_key(queue)
        with _redis_needed():
            died: Any = self._client.zrange(key, skip, skip + limit - 1, withscores=True)
            if not died:
                return []
            sizes = self._sizes(f"{key}.msgs", [redis_id for redis_id, _ in died])
            whys: Any = self._client.hmget(f"{key}.why", [redis_id for redis_id, _ in died])
            found: list[DeadMessage] = []
            read = 0
            for (redis_id, at), size, why in zip(died, sizes, whys, strict=True):
                read += min(size, MOST_KEPT)
                if found and read > _BYTES_AT_ONCE:
                    break
                error = why.decode(errors="replace") if why else None
                if size > MOST_KEPT:
                    error = f"{error or 'dead'}; of its {size} bytes the first {MOST_KEPT} are kept"
                data = self._dead_data(key, redis_id, size)
                found.append(DeadMessage(redis_id, data, datetime.fromtimestamp(at / 1000, UTC), error))
        return found

    def _sizes(self, key: str, ids: Sequence[bytes]) -> list[int]:
        with self._client.pipeline(transaction=False) as pipe:
            for redis_id in ids:
                pipe.hstrlen(key, redis_id)
            return [int(size) for size in pipe.execute()]

    def _dead_data(self, key: str, redis_id: bytes, size: int) -> bytes:
        """All of a message, or its beginning, which is cut in Redis."""
        whole = size <= MOST_KEPT
        messages = f"{key}.msgs"
        data: Any = (
            self._client.hget(messages, redis_id)
            if whole
            else self._client.eval(_BEGINNING, 1, messages, redis_id, MOST_KEPT)
        )
        return data or b""

    def forget_dead(self, queue: str, ids: Collection[bytes]) -> None:
        """Remove dead messages for good, by their ids in Redis."""
        if not ids:
            return
        with _redis_needed(), self._client.pipeline() as pipe:
            pipe.zrem(_dead_key(queue), *ids)
            pipe.hdel(f"{_dead_key(queue)}.msgs", *ids)
            pipe.hdel(f"{_dead_key(queue)}.why", *ids)
            pipe.execute()

    # Messages that a service looks for.

    def messages(self, queue: str) -> Iterator[tuple[str, bytes]]:
        """Every message of a queue with its id: waiting, in work, delayed or dead."""
        with _redis_needed():
            for key in _message_keys(queue):
                for message_id, data in self._client.hscan_iter(key):
                    yield message_id.decode(errors="replace"), data

    def drop(self, queue: str, ids: Collection[str]) -> int:
        """Take messages out of a queue, wherever in it they are. Returns how many were there.

        Their places in the queue stay, and workers pass over them. A message that a worker has begun is not stopped.
        """
        if not ids:
            return 0
        with _redis_needed(), self._client.pipeline() as pipe:
            for key in _message_keys(queue):
                pipe.hdel(key, *ids)
            pipe.zrem(_dead_key(queue), *ids)
            pipe.hdel(f"{_dead_key(queue)}.why", *ids)
            # The last replies count the same dead messages once more.
            return sum(int(count) for count in pipe.execute()[:-2])


def _message_keys(queue: str) -> list[str]:
    return [wire.messages_key(name) for name in (queue, f"{queue}.DQ", f"{queue}.XQ")]


def _dead_key(queue: str) -> str:
    return f"{wire.queue_key(queue)}.XQ"


@contextmanager
def _redis_needed() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise MemoryUnavailable(f"Redis: {type(error).__name__}") from error
