"""Reading health: how every component is, and what waits in every queue."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from afterword.schemas.health import ComponentHealth, GetHealth, QueueHealth, SystemHealth
from afterword.schemas.wire import Queue
from afterword.workers.broker import QueueAdmin

ComponentLook = Callable[[float], Sequence[ComponentHealth]]
"""Looks at every component, within so many seconds; one that hangs has failed."""

_LOOK_SECONDS = 2.0
_LOOKED_WITHIN = 0.6
"""The part of the asker's time that looking may take: the queues come after it, and the reply must be there in time."""

_RECENT_SECONDS = 6.0
"""A worker looks after its queue every second; after this silence its messages go to others."""


class HealthReader:
    """Answers `health`. It asks no model: a request may cost money."""

    def __init__(self, queues: QueueAdmin, look: ComponentLook) -> None:
        self._queues = queues
        self._look = look

    def read(self, _: GetHealth, within: float | None) -> SystemHealth:
        """The health of each component, looked at within two seconds. Raises: MemoryUnavailable, without Redis."""
        seconds = _LOOK_SECONDS if within is None else min(_LOOK_SECONDS, _LOOKED_WITHIN * within)
        components = tuple(self._look(seconds))
        return SystemHealth(components=components, queues=tuple(self._queue(queue) for queue in Queue))

    def _queue(self, queue: Queue) -> QueueHealth:
        found = self._queues.backlog(queue)
        return QueueHealth(
            queue=queue.value,
            waiting=found.waiting,
            in_work=found.in_flight,
            delayed=found.delayed,
            dead=found.dead,
            oldest_seconds=found.oldest_age,
            worker_seconds=found.looked_age,
            has_worker=found.looked_age is not None and found.looked_age < _RECENT_SECONDS,
        )
