"""Health: the last known status of each component that a process works with. One that hangs delays no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

LOOK_SECONDS = 2.0
"""A look that takes longer counts as failed. A result that is older is not used without a new look."""


CheckStatus = Literal["ok", "warning", "failed", "unknown"]


@dataclass(frozen=True, slots=True)
class Check:
    """The status of one component.

    `failed` must be mended before anything works, `warning` should be read, `unknown` was not looked at yet. A failure
    is `passing` when it ends by itself: a server that starts or is away comes back, a wrong password stays wrong.
    """

    component: str
    status: CheckStatus
    detail: str
    passing: bool = False


class Health:
    """Looks at components, side by side, and remembers what it found."""

    def __init__(self, looks: Mapping[str, Callable[[], Check]], needed: Sequence[str]) -> None:
        """`looks` check the components of their names; without a component that is `needed`, no work can be done."""
        self._needed = frozenset(needed)
        self._watched = [_Watched(component, look) for component, look in looks.items()]

    def known(self) -> list[Check]:
        """The last status of each component, at once. Looks again, in the background, at those known for too long."""
        return self._found(0.0)

    def look(self, seconds: float = LOOK_SECONDS) -> list[Check]:
        """The status of each component now; within `seconds`, after which the last one known counts."""
        return self._found(seconds)

    def needs(self, component: str) -> bool:
        """Whether no work can be done without it."""
        return component in self._needed

    def suffices(self, found: Sequence[Check]) -> bool:
        """Whether every component that is needed works."""
        return all(check.status in ("ok", "warning") for check in found if self.needs(check.component))

    def _found(self, seconds: float) -> list[Check]:
        # All looks begin before any is waited for: together they take as long as the slowest.
        until = time.monotonic() + seconds
        for watched in self._watched:
            watched.begin()
        return [watched.found(until) for watched in self._watched]


class _Watched:
    """One component. A look runs on a thread of its own, and never two at once: one that hangs costs one thread."""

    def __init__(self, component: str, look: Callable[[], Check]) -> None:
        self._component = component
        self._look = look
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._over.set()
        self._begun_at = float("-inf")
        self._last = Check(component, "unknown", "not looked at yet")

    def begin(self) -> None:
        """Begin to look at it, unless a look goes on already or ended a moment ago."""
        with self._lock:
            if self._over.is_set() and time.monotonic() - self._begun_at >= LOOK_SECONDS:
                self._begun_at = time.monotonic()
                self._over.clear()
                threading.Thread(target=self._run, name=f"health-{self._component}", daemon=True).start()

    def found(self, until: float) -> Check:
        """The result of the look, if it ends by `until`; else that of the look before, unless this one hangs."""
        self._over.wait(max(until - time.monotonic(), 0))
        # Since the look began, not since this call, which may not wait at all.
        hung = time.monotonic() - self._begun_at
        if not self._over.is_set() and hung >= LOOK_SECONDS:
            return Check(self._component, "failed", f"no answer for {hung:.0f} s")
        return self._last

    def _run(self) -> None:
        found = Check(self._component, "failed", "it could not be looked at: the log says why")
        try:
            found = self._look()
        finally:
            # Also when the look raised: it has failed, and does not hang.
            self._last = found
            self._over.set()
