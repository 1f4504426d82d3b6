"""What becomes of a subject whose extraction failed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from afterword.schemas.errors import AfterwordError
from afterword.workers.core.errors import BadAnswer, LlmRefused, LlmUnavailable

_MOST_DOUBLINGS = 20
"""Doubled as often, a second is twelve days; a timedelta ends far beyond."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Try again after `delay`, or with half of the batch, or give it up. Only the batch's own faults burn an attempt.

    `batch_limit` is how many conversations the next batch may hold, where it is to be cut.
    """

    outcome: str
    delay: timedelta
    burns_attempt: bool = False
    batch_limit: int | None = None
    gives_up: bool = False


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Delays start at `first` and double up to `longest`.

    After `attempts` failures of its own a batch is cut in half, until the conversation that spoils it stands alone;
    that one is given up.
    """

    first: timedelta
    longest: timedelta
    attempts: int

    def after(self, error: AfterwordError, attempts: int, conversations: int) -> Decision:
        """The decision after a failure of a batch of `conversations`, when `attempts` were burned before."""
        if isinstance(error, LlmUnavailable):
            asked = timedelta(seconds=min(error.retry_after or 0, self.longest.total_seconds()))
            return Decision("llm_unavailable", min(max(asked, self.first), self.longest))
        if isinstance(error, LlmRefused):
            # The breaker sets the pace: when somebody has mended the key, the subject goes on at once.
            return Decision("llm_refused", self.first)
        if isinstance(error, BadAnswer):
            return self._after_bad_answer(attempts, conversations)
        return Decision("store", self.first)

    def _after_bad_answer(self, attempts: int, conversations: int) -> Decision:
        delay = min(self.first * 2 ** min(attempts, _MOST_DOUBLINGS), self.longest)
        if attempts + 1 < self.attempts:
            return Decision("bad_answer", delay, burns_attempt=True)
        if conversations > 1:
            return Decision("bad_answer", timedelta(0), batch_limit=conversations // 2)
        return Decision("bad_answer", delay, gives_up=True)
