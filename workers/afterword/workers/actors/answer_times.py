"""The time that answers need, so that a request that cannot be answered in time costs nothing."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

_KEPT: Final = 64
_REMEMBERED: Final = 10.0
"""Seconds. An answer from before, as behind an outage, says nothing about the present."""

_SHARE: Final = 0.9
"""The share of answers that need no more time than `expected`; chosen with `make bench overload`."""


class AnswerTimes:
    """The answers of the last seconds, and how much time each needed. Thread-safe.

    >>> times = AnswerTimes()
    >>> times.expected
    0.0
    >>> for seconds in (0.1, 0.2, 0.3):
    ...     times.note(seconds)
    >>> times.expected
    0.3
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._answers: deque[tuple[float, float]] = deque(maxlen=_KEPT)

    def note(self, seconds: float) -> None:
        """Note an answer that needed so many seconds, from its beginning."""
        with self._lock:
            self._answers.append((self._clock(), seconds))

    @property
    def expected(self) -> float:
        """Seconds that suffice nine of ten answers; 0 while there were none lately."""
        oldest = self._clock() - _REMEMBERED
        with self._lock:
            lately = sorted(seconds for at, seconds in self._answers if at >= oldest)
        # The share is below 1, so the index is one of the list's.
        return lately[int(_SHARE * len(lately))] if lately else 0.0
