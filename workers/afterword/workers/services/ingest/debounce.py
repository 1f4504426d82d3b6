"""When a subject is due for extraction. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Debounce:
    """Wait for `after` of silence, `within` of the first event at most; `at_tokens` make a subject due at once."""

    after: timedelta
    within: timedelta
    at_tokens: int

    def due_at(self, now: datetime, first_at: datetime | None, pending_tokens: int) -> datetime:
        """When a subject is due whose newest event came `now`, whose oldest waits since `first_at`."""
        if pending_tokens >= self.at_tokens:
            return now
        return min(now + self.after, (first_at or now) + self.within)
