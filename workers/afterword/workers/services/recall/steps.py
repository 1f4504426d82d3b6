"""The time that an answer may take, and the steps of it that another server may hold up.

Each step is given a share of the time that is left, and is left behind when that is over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, TypeVar

from afterword.workers.core.errors import Late

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment of this process's monotonic clock; None: never.

    >>> Deadline().share(0.5) is None
    True
    """

    at: float | None = None

    @classmethod
    def within(cls, seconds: float | None) -> Deadline:
        """So many seconds from now."""
        return cls(None if seconds is None else time.monotonic() + seconds)

    def part(self, part: float) -> Deadline:
        """An earlier deadline, when this part (0 to 1) of the time left is over."""
        return Deadline.within(self.share(part))

    def share(self, part: float) -> float | None:
        """Seconds in this part (0 to 1) of the time left, for a step; None: any time."""
        return None if self.at is None else max(0.0, part * (self.at - time.monotonic()))


class Steps:
    """Runs steps on its own threads, at most `threads` at once; further steps wait their turn.

    With `in_place` a single step runs on the caller's thread, however long it takes. That is for work that holds this
    process's interpreter: no other thread could leave it behind, and handing it over takes a tenth of an answer's time.
    """

    def __init__(self, threads: int, *, in_place: bool = False) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="recall")
        self._in_place = in_place

    def run(self, step: Callable[[], _T], seconds: float | None) -> _T:
        """The step's result. Raises: Late, and whatever the step raises. A step that is late goes on, and its result is
        ignored.
        """
        if seconds is not None and seconds <= 0:
            raise Late("there is no time left for a step")
        if seconds is None or self._in_place:
            return step()
        [future] = self.run_all([step], seconds)
        if not future.done() or future.cancelled():
            raise Late("a step took longer than its time")
        return future.result()

    def run_all(self, steps: Sequence[Callable[[], _T]], seconds: float | None) -> list[Future[_T]]:
        """Run the steps side by side. Those done in time hold a result or an error, the others neither. Without any
        time no step begins.
        """
        if seconds is not None and seconds <= 0:
            return [_cancelled() for _ in steps]
        futures = [self._submit(step) for step in steps]
        _, late = wait(futures, seconds)
        for future in late:
            # This stops a step that has not begun. One that runs goes on, and its result is ignored.
            future.cancel()
        return futures

    def _submit(self, step: Callable[[], _T]) -> Future[_T]:
        # With the asker's context, so that the step's log lines name the request too.
        return self._pool.submit(copy_context().run, step)

    def close(self) -> None:
        """Start no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _cancelled() -> Future[Any]:
    future: Future[Any] = Future()
    future.cancel()
    return future
