"""The scheduler: runs tasks at their intervals, on one leader of however many run."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from afterword.schemas.errors import AfterwordError
from afterword.workers.stores.ledger.leadership import Leadership

logger = logging.getLogger(__name__)

_TICK_SECONDS = 0.25
_LEAD_CHECK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Task:
    """Something to do every `seconds`."""

    name: str
    seconds: float
    run: Callable[[], None]


class Scheduler:
    """One thread. A task that fails is logged and tried again at its next turn; others go on."""

    def __init__(self, leadership: Leadership, tasks: Sequence[Task]) -> None:
        self._leadership = leadership
        self._tasks = tasks
        self._next = {task.name: 0.0 for task in tasks}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, grace: float) -> None:
        """End after the task at hand, waiting `grace` seconds at most."""
        self._stopped.set()
        self._thread.join(grace)

    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def _run(self) -> None:
        leading, checked_at = False, float("-inf")
        while not self._stopped.wait(_TICK_SECONDS):
            if time.monotonic() - checked_at >= _LEAD_CHECK_SECONDS:
                leading, checked_at = self._leadership.held(), time.monotonic()
            if leading:
                self._run_due_tasks()
        self._leadership.give_up()

    def _run_due_tasks(self) -> None:
        for task in self._tasks:
            if self._stopped.is_set():
                return
            if time.monotonic() >= self._next[task.name]:
                self._next[task.name] = time.monotonic() + task.seconds
                self._run_task(task)

    def _run_task(self, task: Task) -> None:
        try:
            task.run()
        except AfterwordError as error:
            logger.warning("task %s failed and is tried again: %s", task.name, error)
