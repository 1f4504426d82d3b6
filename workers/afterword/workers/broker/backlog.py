"""The backlog in Redis: the messages of each queue, and the memory they take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis

from afterword.schemas import wire

_HEAD = 10
"""Places at the head of a queue to look at: a message that was dropped leaves an empty place."""


@dataclass(frozen=True, slots=True)
class QueueBacklog:
    """The messages of one queue by state, and the age in seconds of the one that is next; None when none waits.

    `in_flight` are with workers, `delayed` wait for a retry, `dead` were given up on. `looked_age` is the seconds since
    a worker last looked after the queue; None when none ever did.
    """

    waiting: int
    in_flight: int
    delayed: int
    dead: int
    oldest_age: float | None
    looked_age: float | None


@dataclass(frozen=True, slots=True)
class RedisMemory:
    """Bytes; `limit` is None where Redis takes what it needs."""

    used: int
    limit: int | None


def read_backlog(client: redis.Redis, queue: str, now_ms: int) -> QueueBacklog:
    """A queue's backlog, in four round trips mostly, however long it is. Raises: redis.RedisError."""
    key = wire.queue_key(queue)
    workers: Any = client.zrange(f"{wire.NAMESPACE}:__heartbeats__", 0, -1)
    with client.pipeline(transaction=False) as pipe:
        pipe.llen(key)
        pipe.hlen(wire.messages_key(f"{queue}.DQ"))
        pipe.zcard(f"{key}.XQ")
        pipe.lrange(key, 0, _HEAD - 1)
        pipe.zscore(f"{wire.NAMESPACE}:__looks__", queue)
        # Dramatiq keeps the messages in work by worker, and no list of them for the queue.
        for worker in workers:
            pipe.scard(f"{wire.NAMESPACE}:__acks__.{worker.decode()}.{queue}")
        waiting, delayed, dead, head, looked_at, *in_flight = pipe.execute()
    looked_age = None if looked_at is None else max(now_ms - looked_at, 0) / 1000
    return QueueBacklog(waiting, sum(in_flight), delayed, dead, _age(client, queue, head, now_ms), looked_age)


def read_memory(client: redis.Redis) -> RedisMemory:
    """The memory that Redis uses, and may use. Raises: redis.RedisError."""
    told: Any = client.info("memory")
    return RedisMemory(int(told["used_memory"]), int(told.get("maxmemory", 0)) or None)


def _age(client: redis.Redis, queue: str, head: Sequence[bytes], now_ms: int) -> float | None:
    # One after the other: a message may be large, and nearly always the first is there.
    for message_id in head:
        size: Any = client.hstrlen(wire.messages_key(queue), message_id)
        if not 0 < size <= wire.MAX_MESSAGE_BYTES:
            continue
        data: Any = client.hget(wire.messages_key(queue), message_id)
        sent_at = wire.sent_at_ms(wire.read_message(data or b"")[0].get("message_timestamp"), now_ms)
        if sent_at is not None:
            return max(now_ms - sent_at, 0) / 1000
    return None
