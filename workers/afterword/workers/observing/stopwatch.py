"""A stopwatch for the steps of one piece of work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Histogram


class Stopwatch:
    """Seconds by step. A step that is taken several times counts once, with the sum."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure a step, also one that fails."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started

    def __str__(self) -> str:
        """For a log: each step and its milliseconds."""
        return ", ".join(f"{name} {1000 * seconds:.1f} ms" for name, seconds in self.seconds.items())

    def show(self, histogram: Histogram) -> None:
        """Observe each step that was taken; the histogram has one label, `step`."""
        for name, seconds in self.seconds.items():
            histogram.labels(name).observe(seconds)
