"""Windows that move with time: so many a period, counted in one call, in all windows or in none."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from afterword.schemas import MemoryUnavailable
from afterword.workers.broker import ServerClock, Window, WindowCounter
from tests.support.ports import quiet_port

MINUTE = 60_000
BEGIN = 1_800_000_000_000 // MINUTE * MINUTE


class SetClock(ServerClock):
    """A clock that a test sets."""

    ms = BEGIN

    def now_ms(self) -> int:
        return self.ms


class Counting:
    """A counter with a clock of its own, and windows that no other test has."""

    def __init__(self, client: redis.Redis) -> None:
        self.clock = SetClock(client)
        self.counter = WindowCounter(client, self.clock)
        self._own = uuid4().hex

    def window(self, most: int, name: str = "") -> Window:
        return Window(f"{name}:{self._own}", most, MINUTE)

    def takes(self, window: Window, times: int) -> int:
        """How many of so many had room."""
        return [self.counter.take([window]) for _ in range(times)].count(None)


@pytest.fixture
def counting(redis_url: str) -> Iterator[Counting]:
    with redis.Redis.from_url(redis_url, protocol=2) as client:
        yield Counting(client)


def test_as_many_as_are_allowed_and_no_more(counting: Counting) -> None:
    window = counting.window(5)
    assert counting.takes(window, 8) == 5


def test_the_window_moves(counting: Counting) -> None:
    window = counting.window(10)
    assert counting.takes(window, 10) == 10
    counting.clock.ms = BEGIN + MINUTE
    # All ten are still of the last minute.
    assert counting.takes(window, 1) == 0
    counting.clock.ms = BEGIN + MINUTE * 3 // 2
    # Half of them are.
    assert counting.takes(window, 10) == 5
    counting.clock.ms = BEGIN + 10 * MINUTE
    assert counting.takes(window, 20) == 10


@pytest.mark.parametrize("most", [1, 3, 10, 1000])
@pytest.mark.parametrize("into", [0, 1, 20_000, 59_999])
def test_it_says_when_there_is_room_again(counting: Counting, most: int, into: int) -> None:
    window = counting.window(most)
    counting.clock.ms += into
    assert counting.takes(window, most) == most
    for _ in range(3):
        full = counting.counter.take([window])
        assert full is not None
        assert 0 < full.wait_ms <= 2 * MINUTE
        counting.clock.ms += full.wait_ms - 2
        assert counting.takes(window, 1) == 0
        counting.clock.ms += 2
        assert counting.takes(window, 1) == 1


def test_what_one_window_refuses_no_other_counts(counting: Counting) -> None:
    narrow, wide = counting.window(1, "narrow"), counting.window(3, "wide")
    assert counting.counter.take([narrow, wide]) is None
    for _ in range(5):
        full = counting.counter.take([narrow, wide])
        assert full is not None
        assert full.place == 0
    assert counting.takes(wide, 5) == 2
    full = counting.counter.take([counting.window(1, "other"), wide])
    assert full is not None
    assert full.place == 1
    assert counting.takes(counting.window(1, "other"), 1) == 1


def test_one_call_for_all_of_them_and_nothing_stays_for_ever(counting: Counting, redis_url: str) -> None:
    windows = [counting.window(10, str(number)) for number in range(6)]
    counting.counter.take(windows)
    with redis.Redis.from_url(redis_url, protocol=2) as client:
        before = client.info("commandstats")["cmdstat_evalsha"]["calls"]
        counting.counter.take(windows)
        assert client.info("commandstats")["cmdstat_evalsha"]["calls"] == before + 1
        keys = list(client.scan_iter(f"afterword:windows:*{windows[0].key[2:]}"))
        assert len(keys) == 6
        assert all(0 < client.pttl(key) <= 2 * MINUTE for key in keys)


def test_a_redis_that_is_away_is_told() -> None:
    client = redis.Redis(port=quiet_port(), retry=Retry(NoBackoff(), 0))
    with pytest.raises(MemoryUnavailable, match="Redis"):
        WindowCounter(client, SetClock(client)).take([Window("x", 1, MINUTE)])
