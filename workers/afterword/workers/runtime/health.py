"""Health: what is known of each component that a process works with. One that hangs holds nobody up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence

from afterword.workers.runtime.checks import Check

LOOK_SECONDS = 2.0
"""How long a look may take before the component counts as failed, and how long what it found is good for."""


class Health:
    """Looks at components, side by side, and remembers what it found."""

    def __init__(self, looks: Mapping[str, Callable[[], Check]], needed: Sequence[str]) -> None:
        """`looks` by the names of their components; without those that are `needed` there is no work to be done."""
        self._needed = frozenset(needed)
        self._watched = [_Watched(component, look) for component, look in looks.items()]

    def known(self) -> list[Check]:
        """What was found out last, at once; what is older than a look is looked at meanwhile."""
        return self._found(0.0)

    def look(self) -> list[Check]:
        """What is found out now, within `LOOK_SECONDS`."""
        return self._found(LOOK_SECONDS)

    def needs(self, component: str) -> bool:
        """Whether nothing can be done without it."""
        return component in self._needed

    def suffices(self, found: Sequence[Check]) -> bool:
        """Whether all that is needed was found to work."""
        return all(check.status in ("ok", "warning") for check in found if self.needs(check.component))

    def _found(self, seconds: float) -> list[Check]:
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
        """Look at it, unless that goes on already or was done a moment ago."""
        with self._lock:
            if self._over.is_set() and time.monotonic() - self._begun_at >= LOOK_SECONDS:
                self._begun_at = time.monotonic()
                self._over.clear()
                threading.Thread(target=self._run, name=f"health-{self._component}", daemon=True).start()

    def found(self, until: float) -> Check:
        """What the look found, when it is over by then; else what the one before it did, unless it has long hung."""
        self._over.wait(max(until - time.monotonic(), 0))
        hung = time.monotonic() - self._begun_at
        if not self._over.is_set() and hung >= LOOK_SECONDS:
            return Check(self._component, "failed", f"no answer for {hung:.0f} s")
        return self._last

    def _run(self) -> None:
        found = Check(self._component, "failed", "it could not be looked at: the log says why")
        try:
            found = self._look()
        finally:
            self._last = found
            self._over.set()
