"""Steps of an answer that another server may hold up: each is given its time, and left behind when that is over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import Any, TypeVar

from afterword.workers.core.errors import Late

_T = TypeVar("_T")


class Steps:
    """Runs steps on threads of its own, as many at once as `threads`; what comes after them waits its turn.

    With `in_place` a single step runs on the caller's thread, however long it takes. That is for what runs in this
    process and holds up its other threads anyhow: none of them could leave it behind, and handing it over takes as
    long as a tenth of an answer.
    """

    def __init__(self, threads: int, *, in_place: bool = False) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="recall")
        self._in_place = in_place

    def run(self, step: Callable[[], _T], seconds: float | None) -> _T:
        """The step's result. Raises: Late, and what the step raises; one that is late goes on and is ignored."""
        if seconds is not None and seconds <= 0:
            raise Late("there is no time left for a step")
        if seconds is None or self._in_place:
            return step()
        [future] = self.run_all([step], seconds)
        if not future.done() or future.cancelled():
            raise Late("a step took longer than its time")
        return future.result()

    def run_all(self, steps: Sequence[Callable[[], _T]], seconds: float | None) -> list[Future[_T]]:
        """The steps side by side: those that are done in time hold a result or an error, the others neither. Without
        time none begins.
        """
        if seconds is not None and seconds <= 0:
            return [_cancelled() for _ in steps]
        futures = [self._submit(step) for step in steps]
        _, late = wait(futures, seconds)
        for future in late:
            future.cancel()
        return futures

    def _submit(self, step: Callable[[], _T]) -> Future[_T]:
        """What it logs tells whose request it is of, as the thread that asks for it would."""
        return self._pool.submit(copy_context().run, step)

    def close(self) -> None:
        """Start no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _cancelled() -> Future[Any]:
    future: Future[Any] = Future()
    future.cancel()
    return future
