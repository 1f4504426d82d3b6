"""The waits between attempts to reach a Redis that does not answer."""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST_SECONDS = 0.1
LONGEST_SECONDS = 5.0


class Backoff:
    """Waits that double from 0.1 s to `longest`, each cut by up to half at random: clients must not come in step."""

    def __init__(self, chance: Callable[[], float] = random.random, *, longest: float = LONGEST_SECONDS) -> None:
        self._chance = chance
        self._longest = longest
        self._next = FIRST_SECONDS

    def wait(self) -> float:
        """Seconds to wait before the next attempt."""
        seconds, self._next = self._next, min(self._next * 2, self._longest)
        return seconds * (1 - self._chance() / 2)

    def reset(self) -> None:
        """Start again with the shortest wait."""
        self._next = FIRST_SECONDS
