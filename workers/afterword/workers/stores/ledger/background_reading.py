"""A list out of the ledger that is kept in memory, and read anew in the background while somebody asks for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_SECONDS = 1.0
"""The greatest age of a list while somebody asks, unless it is another. It is read at most once in that time."""


class BackgroundReading:
    """Has a list read when it is old. Whoever asks waits for nobody. Thread-safe.

    >>> reading = BackgroundReading(lambda: None, name="wishes")
    >>> reading.refresh()
    >>> reading.close()
    """

    def __init__(self, read: Callable[[], None], *, name: str, seconds: float = _SECONDS) -> None:
        self._read = read
        self._seconds = seconds
        self._name = name
        self._lock = threading.Lock()
        self._begun_at = float("-inf")
        self._reader: threading.Thread | None = None
        self._closed = False

    def refresh(self) -> None:
        """Begin to read, if the last reading is old and has ended; returns at once."""
        if not self._is_old():
            return
        with self._lock:
            reading = self._reader is not None and self._reader.is_alive()
            if self._closed or reading or not self._is_old():
                return
            # Also where the reading fails: a ledger that is away is not asked again for each question.
            self._begun_at = time.monotonic()
            self._reader = threading.Thread(target=self._read, name=self._name, daemon=True)
            self._reader.start()

    def close(self) -> None:
        """Read no more, after the reading at hand."""
        with self._lock:
            self._closed = True
            reader = self._reader
        if reader is not None:
            reader.join(5.0)

    def _is_old(self) -> bool:
        return time.monotonic() - self._begun_at >= self._seconds
