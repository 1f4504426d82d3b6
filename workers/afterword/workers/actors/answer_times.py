"""How much time answers need, so that a request which cannot be answered in time costs nothing."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

_KEPT: Final = 64
_REMEMBERED: Final = 10.0
"""Seconds: what was slow before, as behind an outage, says nothing about now."""

_SHARE: Final = 0.9
"""Of the answers need no more than is expected (`make bench overload`)."""


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
        """An answer needed so much time, from its beginning."""
        with self._lock:
            self._answers.append((self._clock(), seconds))

    @property
    def expected(self) -> float:
        """Seconds that suffice nine of ten answers; 0 while there were none lately."""
        oldest = self._clock() - _REMEMBERED
        with self._lock:
            lately = sorted(seconds for at, seconds in self._answers if at >= oldest)
        return lately[int(_SHARE * len(lately))] if lately else 0.0
