"""Whether this side and the workers measured the same."""

from __future__ import annotations

import bisect
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ops.bench.findings import QUANTILES
from ops.bench.findings import quantile as exact_quantile
from ops.load.driving import Done
from ops.load.measured import Measured

SLACK_SECONDS = 0.01
"""Two ways through Redis and the scheduling of two processes, which this side sees and the workers do not."""

_LEAST_BEYOND = 1.5  # answers that are to lie beyond a quantile


@dataclass(frozen=True, slots=True)
class Comparison:
    """A figure as measured here, beside the workers' own; it agrees from `least` to `most`."""

    name: str
    here: float
    workers: float
    least: float
    most: float

    @property
    def agrees(self) -> bool:
        return self.least <= self.here <= self.most


def replied(done: Sequence[Done]) -> list[Done]:
    """The questions that a worker answered in time."""
    return [each for each in done if each.result in ("answered", "empty", "degraded")]


def compare(done: Sequence[Done], sent: int, found: Measured, quantiles: Mapping[str, float]) -> list[Comparison]:
    """`quantiles` are the workers', in seconds, by the names of `QUANTILES`; `sent` events were taken by Redis.

    What was answered too late counts with the workers and not here. A quantile of theirs is known to be in its bucket
    only: that of this side may be in it or in one of its neighbours, or up to `SLACK_SECONDS` away. One that a single
    answer decides is shown, and held against nothing.
    """
    results = Counter(each.result for each in done)
    ours = len(replied(done))
    late = found.answered - results["timeout"]
    compared = [
        Comparison("conversations", sent, found.ingested, found.ingested, found.ingested),
        Comparison("questions answered", ours, found.answered, late, found.answered),
        Comparison(
            "questions degraded",
            results["degraded"],
            (degraded := found.requests.get("degraded", 0.0)),
            degraded - results["timeout"],
            degraded,
        ),
    ]
    seconds = [each.seconds for each in replied(done)]
    if not seconds:
        return compared
    for name, share in QUANTILES.items():
        measured = exact_quantile(seconds, share), quantiles[name]
        if len(seconds) * (1 - share) < _LEAST_BEYOND:
            compared.append(Comparison(f"{name} of a reply, s (of too few)", *measured, -math.inf, math.inf))
        else:
            compared.append(
                Comparison(f"{name} of a reply, s", *measured, *near(quantiles[name], sorted(found.replies)))
            )
    return compared


def near(value: float, bounds: Sequence[float]) -> tuple[float, float]:
    """From where to where a value is taken for the same: its bucket and those beside it, with the slack at least.

    Nothing is the same as what was not measured (NaN).
    """
    if math.isnan(value):
        return value, value
    place = bisect.bisect_left(bounds, value)
    least = bounds[place - 2] if place >= 2 else 0.0
    most = bounds[min(place + 1, len(bounds) - 1)]
    return min(least, value - SLACK_SECONDS), max(most, value + SLACK_SECONDS)
