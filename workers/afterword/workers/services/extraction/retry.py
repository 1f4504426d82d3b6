"""What becomes of a subject whose extraction failed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from afterword.schemas.errors import AfterwordError
from afterword.workers.errors import BadAnswer, LlmRefused, LlmUnavailable

_MOST_DOUBLINGS = 20
"""Doubled as often, a second is twelve days; a timedelta ends far beyond."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Try again after `delay`, or give the batch up. Only the batch's own faults burn an attempt."""

    outcome: str
    delay: timedelta
    burns_attempt: bool = False
    gives_up: bool = False


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Delays start at `first` and double up to `longest`; a batch is given up after `attempts` failures of its own."""

    first: timedelta
    longest: timedelta
    attempts: int

    def after(self, error: AfterwordError, attempts: int) -> Decision:
        """The decision after a failure, when `attempts` were burned before."""
        if isinstance(error, LlmUnavailable):
            asked = timedelta(seconds=min(error.retry_after or 0, self.longest.total_seconds()))
            return Decision("llm_unavailable", min(max(asked, self.first), self.longest))
        if isinstance(error, LlmRefused):
            return Decision("llm_refused", max(self.first, self.longest / 10))
        if isinstance(error, BadAnswer):
            delay = min(self.first * 2 ** min(attempts, _MOST_DOUBLINGS), self.longest)
            return Decision("bad_answer", delay, burns_attempt=True, gives_up=attempts + 1 >= self.attempts)
        return Decision("store", self.first)
