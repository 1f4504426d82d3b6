"""The scheduler: runs tasks at their intervals, on one leader of however many run."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from itertools import product

from structlog.contextvars import bound_contextvars

from afterword.schemas.errors import AfterwordError
from afterword.workers.observing.metrics import Metrics
from afterword.workers.stores.ledger.upkeep.leadership import Leadership

logger = logging.getLogger(__name__)

_TICK_SECONDS = 0.25
_LEAD_CHECK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Task:
    """Something to do every `seconds`, by the leader only unless `by_all`."""

    name: str
    seconds: float
    run: Callable[[], object]
    by_all: bool = False


class Scheduler:
    """Each task has a thread of its own, so that a slow one holds up no other, and never runs twice at once.

    A task that fails is logged and tried again at its next turn.
    """

    def __init__(self, tasks: Sequence[Task], *, leadership: Leadership, metrics: Metrics) -> None:
        self._leadership = leadership
        self._metrics = metrics
        self._tasks = tasks
        self._next = {task.name: 0.0 for task in tasks}
        self._running: dict[str, Future[None]] = {}
        self._pool = ThreadPoolExecutor(len(tasks), thread_name_prefix="task")
        for task, outcome in product(tasks, ("ok", "failed", "defective")):
            # Made at once: a counter that begins at its first failure shows no rise.
            metrics.task_runs.labels(task.name, outcome)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, grace: float) -> None:
        """End after the tasks at hand, waiting `grace` seconds at most."""
        self._stopped.set()
        self._thread.join(grace)
        wait(self._running.values(), grace)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def _run(self) -> None:
        leading, checked_at = False, float("-inf")
        while not self._stopped.wait(_TICK_SECONDS):
            if time.monotonic() - checked_at >= _LEAD_CHECK_SECONDS:
                leading, checked_at = self._leadership.held(), time.monotonic()
                self._metrics.scheduler_leader.show(leading)
            self._run_due_tasks([task for task in self._tasks if leading or task.by_all])
        # At once, so that another one leads without waiting for this session to end.
        self._leadership.give_up()

    def _run_due_tasks(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            running = self._running.get(task.name)
            if time.monotonic() >= self._next[task.name] and (running is None or running.done()):
                self._next[task.name] = time.monotonic() + task.seconds
                self._running[task.name] = running = self._pool.submit(self._run_task, task)
                running.add_done_callback(partial(self._tell_of_defect, task.name))

    def _run_task(self, task: Task) -> None:
        try:
            with self._metrics.task_seconds.labels(task.name).time(), bound_contextvars(task=task.name):
                task.run()
        except AfterwordError as error:
            self._metrics.task_runs.labels(task.name, "failed").inc()
            logger.warning("task %s failed and is tried again: %s", task.name, error)
        else:
            self._metrics.task_runs.labels(task.name, "ok").inc()
            self._metrics.task_success.labels(task.name).set_to_current_time()

    def _tell_of_defect(self, task: str, ended: Future[None]) -> None:
        """An error that nobody foresaw: a pool would keep it to itself."""
        error = None if ended.cancelled() else ended.exception()
        if error is not None:
            self._metrics.task_runs.labels(task, "defective").inc()
            logger.error("task %s is defective and is tried again", task, exc_info=error)
