"""Leftovers: work that a sweep finds undone, and finishes one piece after another, past some that fail."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

from afterword.schemas.errors import AfterwordError

T = TypeVar("T")

_FAILED_AT_MOST = 3
"""As many in a run, and a server is taken for away: each may cost its timeout."""


def finish_each(left: Sequence[T], finish: Callable[[T], object]) -> None:
    """Finish each, in no order and past some that fail: one that cannot be finished does not stand before the others
    for ever.

    Raises: the last failure, once the others were tried, or when so many failed that the rest waits for the next run.
    """
    failures: list[AfterwordError] = []
    for each in random.sample(left, len(left)):
        try:
            finish(each)
        except AfterwordError as error:
            failures.append(error)
        if len(failures) == _FAILED_AT_MOST:
            break
    if failures:
        raise failures[-1]
