"""The Redis server's time, known on a host whose own clock may differ."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence


class ServerTime:
    """Keeps the offset between a local clock and the answer to `TIME`. `clock` gives seconds of any epoch."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ahead: float | None = None

    @property
    def known(self) -> bool:
        """Whether `TIME` was ever answered."""
        return self._ahead is not None

    def observe(self, reply: Sequence[bytes | int | str]) -> None:
        """Take the answer to `TIME`, just received: seconds and microseconds."""
        self._ahead = int(reply[0]) + int(reply[1]) / 1_000_000 - self._clock()

    def after(self, seconds: float) -> int:
        """Redis's time so many seconds from now, in milliseconds. Only once it is `known`."""
        assert self._ahead is not None, "observe the Redis server's time first"
        return int((self._clock() + self._ahead + seconds) * 1000)
