"""Traces in Redis: everything that lies under our keys, for those who look for what is left of somebody."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.exceptions import RedisError, ResponseError

from afterword.schemas import wire
from afterword.schemas.errors import MemoryUnavailable

_NOTICE_KEY = f"{wire.NAMESPACE}:__erasures__"
_QUESTIONS = f"{wire.NAMESPACE}:embedding:*"
_REPLIES = f"{wire.REPLY_PREFIX}*"
_AT_ONCE = 500
_REWRITE_SECONDS = 30.0


class RedisTraces:
    """Reads and removes what lies under our keys. Every method raises MemoryUnavailable while Redis is away.

    >>> RedisTraces(broker.client).announce()  # doctest: +SKIP
    7
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def values(self) -> Iterator[tuple[str, bytes]]:
        """Everything that lies in Redis under our keys: a key, and a value in it. The key itself is one."""
        with _redis_needed():
            for raw in self._client.scan_iter(match=f"{wire.NAMESPACE}*", count=_AT_ONCE):
                key = raw.decode(errors="replace")
                yield key, raw
                for value in self._values_of(raw):
                    yield key, value

    def _values_of(self, key: bytes) -> Iterator[bytes]:
        kind: Any = self._client.type(key)
        match kind:
            case b"string":
                value: Any = self._client.get(key)
                yield value or b""
            case b"list":
                values: Any = self._client.lrange(key, 0, -1)
                yield from values
            case b"hash":
                for field, value in self._client.hscan_iter(key, count=_AT_ONCE):
                    yield field
                    yield value
            case b"set":
                yield from self._client.sscan_iter(key, count=_AT_ONCE)
            case b"zset":
                yield from (member for member, _ in self._client.zscan_iter(key, count=_AT_ONCE))

    def drop_replies(self, is_about: Callable[[bytes], bool]) -> int:
        """Remove the replies that are about somebody, fetched or not. Returns how many there were."""
        with _redis_needed():
            found = 0
            for key in self._client.scan_iter(match=_REPLIES, count=_AT_ONCE):
                values: Any = self._client.lrange(key, 0, -1)
                if any(is_about(value) for value in values):
                    found += int(self._client.delete(key))
            return found

    def drop_question_vectors(self) -> int:
        """Remove the vectors of questions, all of them: they do not say who asked. Returns how many there were."""
        with _redis_needed():
            return sum(
                int(self._client.delete(key)) for key in self._client.scan_iter(match=_QUESTIONS, count=_AT_ONCE)
            )

    def rewrite_log(self) -> bool:
        """Have the append-only file written anew, without what was removed, and wait for it; False: it was not."""
        with _redis_needed():
            if not self._info("aof_enabled"):
                return False
            try:
                self._client.bgrewriteaof()
            except ResponseError:
                # One is under way already, and began before the last removal: the next round asks again.
                return False
            until = time.monotonic() + _REWRITE_SECONDS
            while self._info("aof_rewrite_in_progress") or self._info("aof_rewrite_scheduled"):
                if time.monotonic() > until:
                    return False
                time.sleep(0.05)
            return True

    def _info(self, name: str) -> int:
        told: Any = self._client.info("persistence")
        return int(told.get(name, 0))

    def announce(self) -> int:
        """Tell every worker to drop its caches; the number of this notice."""
        with _redis_needed():
            return int(self._client.incr(_NOTICE_KEY))

    def announced(self) -> int:
        """The number of the last notice."""
        with _redis_needed():
            found: Any = self._client.get(_NOTICE_KEY)
            return int(found or 0)


@contextmanager
def _redis_needed() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise MemoryUnavailable(f"Redis: {type(error).__name__}") from error
