"""Outages in the log: one line when a part goes and one when it is back, however many requests meet it between."""

from __future__ import annotations

import logging
import threading
import time

CALM_SECONDS = 10.0
"""The calm of a part that many requests meet: longer than the pause between two late answers, short for a log."""


class Outage:
    """Tells of one part that others depend on. Every request reports how it found the part; only changes are logged.

    >>> outage = Outage(logging.getLogger("afterword.docs"), gone="PostgreSQL is away", back="PostgreSQL is back")
    >>> outage.note("connection refused"), outage.note("connection refused"), outage.note(None)
    (True, False, True)
    """

    def __init__(self, logger: logging.Logger, *, gone: str, back: str, calm: float = 0.0) -> None:
        """An outage is over once the part has worked and has not failed for `calm` seconds. So a part that is late now
        and then makes one outage, not many.
        """
        self._logger = logger
        self._gone = gone
        self._back = back
        self._calm = calm
        self._failed_at = 0.0
        self._lasts = False
        self._lock = threading.Lock()

    @property
    def lasts(self) -> bool:
        """Whether the part was away when it was last needed."""
        return self._lasts

    def note(self, why: str | None) -> bool:
        """Note why the part failed, or None if it worked. Returns whether that is a change, which is logged."""
        failed = why is not None
        if failed:
            # Noted before the way out below: each failure makes the calm begin anew.
            self._failed_at = time.monotonic()
        if failed is self._lasts or self._may_fail_again(failed):  # most requests end here, without the lock
            return False
        with self._lock:
            if failed is self._lasts:
                return False
            self._lasts = failed
        if failed:
            self._logger.warning("%s: %s", self._gone, why)
        else:
            self._logger.info("%s", self._back)
        return True

    def _may_fail_again(self, failed: bool) -> bool:
        return not failed and time.monotonic() - self._failed_at < self._calm
