"""Notices: an erasure tells every process, over Redis, to drop what it keeps in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from afterword.schemas.errors import MemoryUnavailable


class Notice(Protocol):
    """Where an erasure tells it: `broker.RedisTraces`."""

    def announced(self) -> int: ...


class ErasureNotices:
    """Looks about once a second whether an erasure has asked for it, from a thread of its own where it is started.

    A process that starts anew has nothing to drop: the first number that it sees is the one that it begins with.
    """

    seconds = 1.0

    def __init__(self, traces: Notice, drop: Sequence[Callable[[], None]]) -> None:
        self._traces = traces
        self._drop = drop
        self._seen: int | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="erasure-notices", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        self._thread.join()

    def look(self) -> None:
        """Drop the caches, if that was asked for since the last look. A Redis that is away is asked again later."""
        try:
            number = self._traces.announced()
        except MemoryUnavailable:
            return
        # Another number, and not a larger one: a Redis that lost its data counts anew.
        if self._seen is not None and number != self._seen:
            for each in self._drop:
                each()
        self._seen = number

    def _run(self) -> None:
        self.look()
        while not self._stopped.wait(self.seconds):
            self.look()
