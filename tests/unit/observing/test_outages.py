"""One line when a part goes, one when it is back."""

from __future__ import annotations

import logging

import pytest

from afterword.workers.observing.outages import Outage

logger = logging.getLogger("afterword.test.outages")


def test_an_outage_is_said_once_and_its_end_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    outage = Outage(logger, gone="it is away", back="it is back")
    for _ in range(3):
        outage.note("connection refused")
    assert outage.lasts
    for _ in range(3):
        outage.note(None)
    assert [record.getMessage() for record in caplog.records] == ["it is away: connection refused", "it is back"]
    assert not outage.lasts


def test_one_that_is_late_now_and_then_is_one_outage(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    outage = Outage(logger, gone="it is away", back="it is back", calm=60)
    for _ in range(3):
        outage.note("too slow")
        outage.note(None)
    assert len(caplog.records) == 1
