"""The steps of an erasure, in their order. Each may be taken again without harm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

Note = Callable[[Mapping[str, int]], None]
"""Notes how many of what a step found, before it removes them: after a kill they cannot be counted any more."""


class Step(StrEnum):
    """The step that comes next.

    The ids and phrases to look for are sampled first, while they are there. The ledger comes after the vector store,
    since it knows which memories an agent learned from the user; files come after what is removed from them.
    """

    SAMPLE = "sample"
    MEMORIES = "memories"
    QUEUES = "queues"
    LEDGER = "ledger"
    AUDIT = "audit"
    FILES = "files"
    SCAN = "scan"

    @property
    def after(self) -> Step:
        """The step after this one; nothing comes after the scan but the receipt."""
        steps = list(Step)
        return steps[min(steps.index(self) + 1, len(steps) - 1)]
