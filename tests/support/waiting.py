"""Waiting for what other threads and processes do."""

from __future__ import annotations

import time
from collections.abc import Callable

_SHORTEST = 0.005


def wait_until(condition: Callable[[], object], timeout: float = 30, what: str = "the condition") -> None:
    """Return as soon as `condition()` is truthy. Raises: AssertionError after `timeout` seconds, saying `what`.

    The time is an upper bound for a machine that is busy, never a claim about speed. Between two looks it rests for as
    long as a look takes, so that a look which starts a command leaves half of a processor to those it waits for.
    """
    deadline = time.monotonic() + timeout
    while True:
        began = time.monotonic()
        if condition():
            return
        ended = time.monotonic()
        if ended > deadline:
            raise AssertionError(f"waited {timeout:g} s for {what}")
        time.sleep(max(_SHORTEST, ended - began))
