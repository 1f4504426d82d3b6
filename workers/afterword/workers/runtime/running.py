"""Roles at work: the threads of one role, started and stopped as a whole."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from dramatiq import Worker

from afterword.schemas.wire import Queue
from afterword.workers.broker import MendedBroker
from afterword.workers.broker.consumer import MendedConsumer
from afterword.workers.runtime.progress import QueueProgress

_STALLED_SECONDS = 60.0
"""A consumer looks at its queue every few seconds, whatever Redis does."""

_IDLE_SLEEP_MS = 250
"""Dramatiq's threads look this often whether they are to stop."""


class RunningRole(Protocol):
    """A role at work."""

    def stop(self, grace: float) -> None:
        """Finish or hand back what is in work, within `grace` seconds."""

    def is_alive(self) -> bool:
        """Whether its threads run."""


class Companion(Protocol):
    """A thread that a role needs beside its worker."""

    def start(self) -> None: ...
    def stop(self) -> None: ...


class QueueRole:
    """A role that works on a queue: one Dramatiq worker, and the threads it needs beside it. `progress` is told of."""

    def __init__(
        self,
        broker: MendedBroker,
        *,
        queue: Queue,
        threads: int,
        companions: Sequence[Companion],
        progress: QueueProgress,
    ) -> None:
        self.progress = progress
        self._broker = broker
        self._companions = [*companions, progress]
        self._worker = Worker(broker, queues={queue.value}, worker_threads=threads, worker_timeout=_IDLE_SLEEP_MS)
        # First: the worker's first message may need them already.
        for companion in self._companions:
            companion.start()
        self._worker.start()

    def stop(self, grace: float) -> None:
        self._broker.take_no_more()
        self._worker.stop(timeout=int(grace * 1000))
        for companion in self._companions:
            companion.stop()
        self._broker.client.close()

    def is_alive(self) -> bool:
        threads = [*self._worker.consumers.values(), *self._worker.workers]
        return bool(threads) and all(thread.is_alive() for thread in threads) and not self._stalled()

    def _stalled(self) -> bool:
        consumers = [thread.consumer for thread in self._worker.consumers.values()]
        oldest = time.monotonic() - _STALLED_SECONDS
        return any(isinstance(consumer, MendedConsumer) and consumer.looked_at < oldest for consumer in consumers)


class IdleRole:
    """A role with nothing to do: extraction without an LLM."""

    def __init__(self) -> None:
        self._stopped = False

    def stop(self, grace: float) -> None:  # noqa: ARG002  # the protocol's signature
        self._stopped = True

    def is_alive(self) -> bool:
        return not self._stopped
