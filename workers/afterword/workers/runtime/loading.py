"""Loading without the garbage collector, which would look at every module again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Load modules, or build what stays.

    Meanwhile nothing is collected, a tenth of the time that loading takes. What is there at the end is never looked at
    again: else each full collection would stop all threads for an eighth of a second. What little garbage the wait for
    a server leaves stays, too.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
