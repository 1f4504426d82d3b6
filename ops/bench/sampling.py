"""Measuring several things in the same stretch of time, so that a noisy machine is as noisy for each."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Protocol


class Probe(Protocol):
    """Something measured with each call. `forget` drops what was measured so far."""

    def __call__(self) -> None: ...
    def forget(self) -> None: ...


class Timed:
    """Calls an action, and keeps how long each call took in `seconds`."""

    def __init__(self, action: Callable[[], object]) -> None:
        self.seconds: list[float] = []
        self._action = action

    def __call__(self) -> None:
        started = time.perf_counter()
        self._action()
        self.seconds.append(time.perf_counter() - started)

    def forget(self) -> None:
        self.seconds.clear()


def back_to_back(probes: Sequence[Probe], calls: int, *, block: int = 20) -> None:
    """Call each probe `calls` times, without a pause: a block of one, then a block of the next."""
    _warm_up(probes, block)
    for done in range(0, calls, block):
        for probe in probes:
            for _ in range(min(block, calls - done)):
                probe()


def idle(probes: Sequence[Probe], calls: int, *, pause: tuple[float, float], seed: int = 1) -> None:
    """Call the probes in turn, `calls` times each, after a random pause (seconds, from … to) before every call."""
    pauses = random.Random(seed)
    _warm_up(probes, 1)
    for _ in range(calls):
        for probe in probes:
            time.sleep(pauses.uniform(*pause))
            probe()


def _warm_up(probes: Sequence[Probe], calls: int) -> None:
    for probe in probes:
        for _ in range(calls):
            probe()
        probe.forget()
