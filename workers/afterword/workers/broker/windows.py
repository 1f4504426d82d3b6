"""Windows: how many of something there were in the last minute or day, counted in Redis for all workers together.

The `limits` library, which counts at the gateway's door, takes one call for each limit, and counts what a later limit
then refuses. Here all limits of a request are one call: either all of them have room and count it, or none does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import redis
from redis.exceptions import RedisError

from afterword.schemas import wire
from afterword.schemas.errors import MemoryUnavailable
from afterword.workers.broker.clock import ServerClock

PREFIX = f"{wire.NAMESPACE}:windows:"

# Two numbers a window: of the present period and of the one before, of which the share counts that the moving window
# still covers. So a limit of a million a day costs as little memory as one of ten.
_TAKE = """
local now = tonumber(ARGV[1])
local taken = {}
for place, key in ipairs(KEYS) do
    local most, period = tonumber(ARGV[2 * place]), tonumber(ARGV[2 * place + 1])
    local kept = redis.call("hmget", key, "period", "count", "before")
    local present = math.floor(now / period)
    local counted = tonumber(kept[1]) or present
    local count, before = tonumber(kept[2]) or 0, tonumber(kept[3]) or 0
    if counted == present - 1 then
        count, before = 0, count
    elseif counted < present then
        count, before = 0, 0
    end
    local into = now % period
    if count + before * (1 - into / period) + 1 > most then
        local wait
        if count + 1 <= most then
            wait = period * (1 - (most - 1 - count) / before) - into
        else
            wait = period - into + period * (1 - (most - 1) / count)
        end
        return {place, math.ceil(wait)}
    end
    taken[place] = {present, count + 1, before, period}
end
for place, key in ipairs(KEYS) do
    local window = taken[place]
    redis.call("hset", key, "period", window[1], "count", window[2], "before", window[3])
    redis.call("pexpire", key, 2 * window[4])
end
return {0, 0}
"""


@dataclass(frozen=True, slots=True)
class Window:
    """At most `most` in `period_ms`. `key` says of what, and must not say of whom: keys may be listed."""

    key: str
    most: int
    period_ms: int


@dataclass(frozen=True, slots=True)
class Full:
    """A window without room, by its place among those that were asked, and in how many milliseconds it has some."""

    place: int
    wait_ms: int


class WindowCounter:
    """Counts in windows that move with time. Thread-safe.

    >>> counter = WindowCounter(broker.client, broker.clock)  # doctest: +SKIP
    >>> counter.take([Window("publishes:7d3f", most=60, period_ms=60_000)])  # doctest: +SKIP
    """

    def __init__(self, client: redis.Redis, clock: ServerClock) -> None:
        self._script = client.register_script(_TAKE)
        self._clock = clock

    def take(self, windows: Sequence[Window]) -> Full | None:
        """Count one more in all of these windows; or in none, where one of them is full: the first such.

        Raises: MemoryUnavailable.
        """
        try:
            told: list[int] = [self._clock.now_ms()]
            for window in windows:
                told += (window.most, window.period_ms)
            place, wait_ms = self._script(keys=[PREFIX + window.key for window in windows], args=told)
        except RedisError as error:
            raise MemoryUnavailable(f"Redis: {type(error).__name__}") from error
        return Full(place - 1, wait_ms) if place else None
