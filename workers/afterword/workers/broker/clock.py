"""The Redis server's clock: the one time on which all workers agree, whatever their hosts' clocks say."""

from __future__ import annotations

import time

import redis


class ServerClock:
    """The time of a Redis server, asked for at most once in `max_age` seconds and carried on from there."""

    def __init__(self, client: redis.Redis, max_age: float = 1.0) -> None:
        self._client = client
        self._max_age = max_age
        # One tuple, replaced at once, so that threads need no lock: when it was read, and how far Redis was ahead.
        self._reading: tuple[float, float] | None = None

    def now_ms(self) -> int:
        """Milliseconds since 1970 on the server, within a round trip. Raises: redis.RedisError."""
        now = time.monotonic()
        reading = self._reading
        if reading is None or now - reading[0] > self._max_age:
            reading = self._reading = self._read()
        return int((now + reading[1]) * 1000)

    def _read(self) -> tuple[float, float]:
        # The monotonic clock, since stepping a host's wall clock must not move ours.
        seconds, microseconds = self._client.time()
        now = time.monotonic()
        return now, seconds + microseconds / 1_000_000 - now
