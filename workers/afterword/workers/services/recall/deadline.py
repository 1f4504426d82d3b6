"""The time that an answer may take."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment of this process's monotonic clock; None: never."""

    at: float | None = None

    @classmethod
    def within(cls, seconds: float | None) -> Deadline:
        """So many seconds from now."""
        return cls(None if seconds is None else time.monotonic() + seconds)

    def part(self, part: float) -> Deadline:
        """An earlier one, which comes after this part (0 to 1) of what is left."""
        return Deadline.within(self.share(part))

    def share(self, part: float) -> float | None:
        """Seconds that a step may take which may use this part (0 to 1) of what is left."""
        return None if self.at is None else max(0.0, part * (self.at - time.monotonic()))
