"""Leaving workers alone that do not answer in time: one question more makes all of them later."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from afterword.producers.backoff import Backoff
from afterword.schemas.errors import CommandFailed, MemoryUnavailable

SILENCES: Final = 3
"""So many questions without an answer, one after the other, begin a pause: one or two may be bad luck."""


class Respite:
    """Pauses asking while no worker answers: 0.1 s at first, doubled to 5 s, each cut by up to half at random.

    When a pause is over one question probes whether workers answer again. Thread-safe.

    >>> respite = Respite()
    >>> for _ in range(SILENCES):
    ...     respite.note_silence(respite.now())
    >>> respite.may_ask(timeout=0.5)
    False
    """

    def __init__(self, *, backoff: Backoff | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.now = clock
        self._backoff = backoff or Backoff()
        self._lock = threading.Lock()
        self._silences = 0
        self._silent_at = self._paused_until = float("-inf")

    def may_ask(self, timeout: float) -> bool:
        """Whether to ask now, and wait for at most `timeout` seconds. The first who asks after a pause is the probe;
        nobody else asks until it knows more, or gave up.
        """
        with self._lock:
            if self._silences < SILENCES:
                return True
            now = self.now()
            if now < self._paused_until:
                return False
            self._paused_until = now + timeout
            return True

    def note_answer(self) -> None:
        """A worker answered."""
        if self._silences:
            with self._lock:
                self._silences = 0
                self._backoff.reset()

    def note_failure(self, error: Exception, asked_at: float) -> None:
        """A question of this time failed. A worker that refuses has answered; what Redis does is another matter."""
        if isinstance(error, MemoryUnavailable):
            self.note_silence(asked_at)
        elif isinstance(error, CommandFailed):
            self.note_answer()

    def note_silence(self, asked_at: float) -> None:
        """No worker answered a question of this time, by `now`."""
        with self._lock:
            if asked_at < self._silent_at:  # asked together with the one before: that is one silence
                return
            self._silent_at = self.now()
            self._silences += 1
            if self._silences >= SILENCES:
                self._paused_until = self._silent_at + self._backoff.wait()


def paused() -> MemoryUnavailable:
    """Nobody is asked."""
    return MemoryUnavailable("no worker answered the last questions in time: they are left alone for a moment")
