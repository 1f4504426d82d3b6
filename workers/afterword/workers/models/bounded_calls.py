"""Calls into libraries that keep no deadline: each gets some time, and is left behind when that is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

_T = TypeVar("_T")

MOST_LEFT_BEHIND = 8
"""Calls that may hang at once. While so many do, no other is begun: each one holds a thread and a connection."""


class GivenUp(TimeoutError):
    """A call that took too long, or was not begun since others hang."""


class BoundedCalls(Generic[_T]):
    """Runs each call on a daemon thread, and waits `seconds` for it at most. Thread-safe.

    A call that is given up goes on until its library ends it; its thread does not keep the process from ending.
    """

    def __init__(self, name: str, *, seconds: float, most: int = MOST_LEFT_BEHIND) -> None:
        self._name = name
        self._seconds = seconds
        self._most = most
        self._lock = threading.Lock()
        self._left_behind: set[int] = set()

    def run(self, call: Callable[[], _T], *, times: int = 1) -> _T:
        """The call's result, waiting `times` as long as usual for a call that is so many times as large.

        Raises: GivenUp, when there is no result in time, or when too many calls hang to begin another; and whatever
        the call raises.
        """
        with self._lock:
            hanging = len(self._left_behind)
        if hanging >= self._most:
            raise GivenUp(f"{hanging} calls before it still hang")
        answers: SimpleQueue[tuple[_T | None, BaseException | None]] = SimpleQueue()
        ended = threading.Event()
        # With the caller's context, so that its log lines name the same request as those of the waiting thread.
        carry = partial(copy_context().run, self._carry, call, answers, ended)
        thread = threading.Thread(target=carry, name=self._name, daemon=True)
        thread.start()
        try:
            result, error = answers.get(timeout=times * self._seconds)
        except Empty:
            self._leave(thread, ended)
            raise GivenUp(f"no answer within {times * self._seconds:g} seconds") from None
        if error is not None:
            raise error
        return result  # type: ignore[return-value]  # without an error it is the call's own

    def _carry(
        self,
        call: Callable[[], _T],
        answers: SimpleQueue[tuple[_T | None, BaseException | None]],
        ended: threading.Event,
    ) -> None:
        try:
            answers.put((call(), None))
        except BaseException as error:  # noqa: BLE001  # it is raised again, where it is waited for
            answers.put((None, error))
        finally:
            # Before the lock: whoever leaves the call behind either sees that it has ended, or is undone on the next
            # lines.
            ended.set()
            with self._lock:
                self._left_behind.discard(threading.get_ident())

    def _leave(self, thread: threading.Thread, ended: threading.Event) -> None:
        with self._lock:
            # One that ended just now has already been taken off, and must not be put on again.
            if thread.ident is not None and not ended.is_set():
                self._left_behind.add(thread.ident)


class Share:
    """How long one caller waits for something slow, and how long it then does without.

    >>> share = Share(seconds=5.0, pause=10.0)
    >>> share.is_open()
    True
    """

    def __init__(self, *, seconds: float, pause: float, longest: float = 60.0) -> None:
        self.seconds = seconds
        self._first = pause
        self._longest = longest
        self._pause = pause
        self._closed_until = float("-inf")

    def is_open(self) -> bool:
        """Whether to try."""
        return time.monotonic() >= self._closed_until

    def succeeded(self) -> None:
        """It was there in time: the next pause is short again."""
        self._pause = self._first

    def exceeded(self) -> float:
        """It was not: pause, each time twice as long. The seconds of the pause."""
        if not self.is_open():  # another thread's call was too slow as well: that is the same once
            return self._closed_until - time.monotonic()
        pause = self._pause
        self._closed_until = time.monotonic() + pause
        self._pause = min(self._longest, 2 * pause)
        return pause
