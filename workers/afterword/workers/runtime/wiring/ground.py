"""The ground that all rooms of a process stand on."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field

from afterword.workers.observing.metrics import Metrics
from afterword.workers.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Ground:
    """Settings and metrics of a process, and the stack on which a room puts what must be closed."""

    settings: Settings
    metrics: Metrics
    closing: ExitStack = field(default_factory=ExitStack)
