"""Actions of an object when its process forks or ends. The object is not kept alive for them."""

from __future__ import annotations

import atexit
import os
import weakref
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def at_exit(owner: T, act: Callable[[T], None]) -> None:
    """Act when this process ends. A forked child does not act: its parent sends whatever the parent holds."""
    farewell = _unless_gone(owner, act, pid=os.getpid())
    atexit.register(farewell)
    # An owner that is collected takes its farewell back; at the exit itself the farewell has to run.
    weakref.finalize(owner, atexit.unregister, farewell).atexit = False


def in_child(owner: T, act: Callable[[T], None]) -> None:
    """Act in every forked child, before anything else runs there."""
    if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork either
        os.register_at_fork(after_in_child=_unless_gone(owner, act, pid=None))


def _unless_gone(owner: T, act: Callable[[T], None], pid: int | None) -> Callable[[], None]:
    reference = weakref.ref(owner)

    def call() -> None:
        found = reference()
        if found is not None and pid in (None, os.getpid()):
            act(found)

    return call
