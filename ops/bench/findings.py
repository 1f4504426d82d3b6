"""The findings of a benchmark: figures, and some of them beside their aims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class Row:
    """The figures, all in `unit`, of something that was measured `n` times."""

    name: str
    n: int
    figures: Mapping[str, float]
    unit: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """A figure of this run beside the aim: at most that, or at least that where `at_most` is False.

    Without an aim it is only shown.
    """

    name: str
    measured: float
    unit: str
    aim: float | None = None
    at_most: bool = True

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None without one."""
        if self.aim is None:
            return None
        return self.measured <= self.aim if self.at_most else self.measured >= self.aim


@dataclass(frozen=True, slots=True)
class Findings:
    """The result of one benchmark."""

    rows: Sequence[Row]
    comparisons: Sequence[Comparison]


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie, interpolated. `values` must not be empty."""
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    low = int(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def latency(name: str, seconds: Sequence[float]) -> Row:
    """Quantiles in milliseconds."""
    figures = {title: 1000 * quantile(seconds, share) for title, share in QUANTILES.items()}
    return Row(name, len(seconds), figures, "ms")
