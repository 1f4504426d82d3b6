"""The parts of analytics that decide: slots, days, labels, ratios. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from afterword.workers.services.analytics.figures import growth, period
from afterword.workers.services.analytics.retention import due_at
from afterword.workers.services.analytics.snapshots import slot_of
from afterword.workers.services.memories.bookkeeping import label, tags
from afterword.workers.stores.ledger.analytics.figures import Sums
from afterword.workers.stores.ledger.analytics.statistics import Delta, day_of

NONE = Sums(0, 0, 0, 0, 0, 0.0, 0.0, 0)


@pytest.mark.parametrize(
    ("now", "slot"),
    [("10:00:00", "10:00:00"), ("10:04:59.999999", "10:00:00"), ("10:05:00", "10:05:00"), ("23:59:59", "23:55:00")],
)
def test_a_slot_holds_its_beginning_and_not_its_end(now: str, slot: str) -> None:
    told = slot_of(datetime.fromisoformat(f"2026-03-01T{now}+00:00"), timedelta(minutes=5))
    assert told == datetime.fromisoformat(f"2026-03-01T{slot}+00:00")


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-03-01T02:00:00+00:00", "2026-03-01"),
        ("2026-03-01T01:59:59+00:00", "2026-02-28"),
        ("2026-03-01T03:30:00+02:00", "2026-02-28"),
        ("2026-03-01T23:00:00-05:00", "2026-03-02"),
    ],
)
def test_clean_up_is_due_at_two_utc(now: str, due: str) -> None:
    assert due_at(datetime.fromisoformat(now)) == datetime.fromisoformat(f"{due}T02:00:00+00:00")


def test_a_day_is_a_utc_day() -> None:
    assert day_of(datetime.fromisoformat("2026-03-01T01:30:00+02:00")) == date(2026, 2, 28)
    assert day_of(datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC)) == date(2026, 2, 28)


def test_labels_are_short_texts() -> None:
    assert (label(" phone "), label("x" * 65), label(""), label(7), label(None)) == ("phone", None, None, None, None)
    assert tags("cello, strings,,cello , " + "x" * 65) == ("cello", "strings")
    assert len(tags(",".join(str(number) for number in range(50)))) == 20
    assert tags(True) == ()


def test_what_was_not_measured_has_no_figure() -> None:
    told = period(NONE, 7)
    assert (told.days, told.success_rate, told.average_seconds, told.average_relevance) == (7, None, None, None)


def test_growth_is_of_what_there_was() -> None:
    added = Sums(30, 10, 0, 0, 0, 0.0, 0.0, 0)
    assert growth(120, added) == pytest.approx(0.2)
    assert growth(20, added) is None
    assert growth(0, NONE) is None


def test_deltas_of_one_key_add_up() -> None:
    one = Delta(tenant_id="t", user_id="u", day=date(2026, 3, 1), searches=1, search_seconds=0.5)
    both = one.plus(Delta(tenant_id="t", user_id="u", day=date(2026, 3, 1), active=True, searches=2, added=3))
    assert (both.key, both.active, both.searches, both.added, both.search_seconds) == (one.key, True, 3, 3, 0.5)
