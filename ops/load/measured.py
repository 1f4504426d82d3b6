"""The workers' own measurements: counters and a histogram, as they stand at a moment."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

REPLIES = "afterword_context_seconds_bucket"
REQUESTS = "afterword_context_requests_total"
INGESTED = "afterword_ingested_conversations_total"

Sample = tuple[str, Mapping[str, str], float]
"""Name, labels, value."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Of all workers together.

    `replies` are how many context replies were sent within so many seconds of the asking (cumulative, to infinity),
    `requests` the context requests by outcome, `ingested` the conversations taken in, whatever their outcome.
    """

    at: float
    replies: Mapping[float, float]
    requests: Mapping[str, float]
    ingested: float

    def since(self, before: Measured) -> Measured:
        """The counts since `before`. They are too low if a worker was started anew in between."""
        return Measured(
            self.at,
            {bound: count - before.replies.get(bound, 0.0) for bound, count in self.replies.items()},
            {outcome: count - before.requests.get(outcome, 0.0) for outcome, count in self.requests.items()},
            self.ingested - before.ingested,
        )

    @property
    def answered(self) -> float:
        """Context requests that were answered with memories or with none."""
        return sum(self.requests.get(outcome, 0.0) for outcome in ("answered", "empty", "degraded"))


def measured(at: float, samples: Iterable[Sample]) -> Measured:
    """Add the samples of all workers up."""
    replies: dict[float, float] = {}
    requests: dict[str, float] = {}
    ingested = 0.0
    for name, labels, value in samples:
        if name == REPLIES and labels.get("step") == "reply":
            bound = float(labels["le"])
            replies[bound] = replies.get(bound, 0.0) + value
        elif name == REQUESTS:
            requests[labels["outcome"]] = requests.get(labels["outcome"], 0.0) + value
        elif name == INGESTED:
            ingested += value
    return Measured(at, replies, requests, ingested)


def quantile(share: float, buckets: Mapping[float, float]) -> float:
    """As PromQL's histogram_quantile: interpolated in its bucket. NaN of an empty histogram."""
    bounds = sorted(buckets)
    total = buckets[bounds[-1]] if bounds else 0.0
    if not total:
        return math.nan
    rank = share * total
    low, below = 0.0, 0.0
    for bound in bounds:
        if buckets[bound] >= rank:
            if math.isinf(bound):
                return low
            return low + (bound - low) * (rank - below) / (buckets[bound] - below)
        low, below = bound, buckets[bound]
    return low
