"""Progress: whether a worker that has messages finishes any. Threads that run may still all be stuck."""

from __future__ import annotations

import logging
import threading
import time

from afterword.schemas.errors import MemoryUnavailable
from afterword.schemas.wire import Queue
from afterword.workers.broker import MendedBroker
from afterword.workers.observing.metrics import Metrics
from afterword.workers.runtime.health import Check

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 5.0


class QueueProgress:
    """Watches one queue from a thread of its own: a companion of the queue's worker.

    The worker is stalled when messages wait in its queue or in its hands, and it has settled none for `patience`
    seconds. Messages that it puts back count as waiting. That is said once in the log, as its end is.

    >>> progress.check()  # doctest: +SKIP
    Check('conversations_queue', 'failed', '32 messages wait, and none was finished for 73 s')
    """

    def __init__(self, broker: MendedBroker, queue: Queue, *, patience: float, metrics: Metrics) -> None:
        self._broker = broker
        self._queue = queue
        self._patience = patience
        self._held = broker.held(queue.value)
        self._gauge = metrics.worker_stalled.labels(queue.value)
        self._idle_at = time.monotonic()
        self._found = Check(self.component, "ok", "no message waits")
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    @property
    def component(self) -> str:
        """The name under which probes list it."""
        return f"{self._queue.value}_queue"

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        self._thread.join()

    def check(self) -> Check:
        """What was found last, at once."""
        return self._found

    def look(self) -> None:
        """Look now."""
        now = time.monotonic()
        try:
            messages = self._broker.admin.queue_length(self._queue.value) + len(self._held)
        except MemoryUnavailable:
            # Redis has a check of its own; once it is back, the worker gets its time.
            messages = 0
        if not messages:
            self._idle_at = now
        silence = now - max(self._idle_at, self._held.settled_at)
        if messages and silence >= self._patience:
            self._tell("failed", f"{messages} messages wait, and none was finished for {silence:.0f} s")
        else:
            self._tell("ok", f"{messages} messages wait or are in work")

    def _run(self) -> None:
        while not self._stopped.wait(_LOOK_SECONDS):
            self.look()

    def _tell(self, status: str, detail: str) -> None:
        stalled, was_stalled = status == "failed", self._found.status == "failed"
        self._gauge.set(stalled)
        if stalled and not was_stalled:
            logger.error("the worker of queue %s is stalled: %s", self._queue, detail)
        elif was_stalled and not stalled:
            logger.info("the worker of queue %s finishes messages again", self._queue)
        self._found = Check(self.component, "failed" if stalled else "ok", detail)
