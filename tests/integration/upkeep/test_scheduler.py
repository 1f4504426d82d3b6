"""The scheduler, when its tasks are slow or defective."""

from __future__ import annotations

import logging
import threading

import pytest

from afterword.workers.observing.metrics import Metrics
from afterword.workers.services.upkeep.scheduler import Scheduler, Task
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.upkeep.leadership import Leadership
from tests.support.waiting import wait_until


def test_a_slow_task_holds_up_no_other_and_never_runs_twice_at_once(database: Database) -> None:
    go_on, ran = threading.Event(), []

    def slow() -> None:
        ran.append("slow")
        go_on.wait(30)

    scheduler = Scheduler(
        [Task("slow", 0.0, slow), Task("fast", 0.0, lambda: ran.append("fast"))],
        leadership=Leadership(database),
        metrics=Metrics(),
    )
    scheduler.start()
    wait_until(lambda: ran.count("fast") >= 3, 30, "the fast one to run thrice")
    assert ran.count("slow") == 1
    go_on.set()
    wait_until(lambda: ran.count("slow") >= 2, 30, "the slow one to run again")
    scheduler.stop(10)


def test_a_defect_in_a_task_is_told_and_the_task_tried_again(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    ran: list[str] = []

    def defective() -> None:
        ran.append("defective")
        raise ZeroDivisionError("a defect")

    scheduler = Scheduler([Task("broken", 0.0, defective)], leadership=Leadership(database), metrics=Metrics())
    with caplog.at_level(logging.ERROR):
        scheduler.start()
        wait_until(lambda: len(ran) >= 2, 30, "a second turn")
        scheduler.stop(10)
    told = [record for record in caplog.records if "task broken is defective" in record.message]
    assert told
    assert told[0].exc_info is not None
