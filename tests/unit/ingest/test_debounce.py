from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from afterword.workers.services.ingest.rules import Debounce

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
seconds = st.integers(0, 10_000).map(lambda number: timedelta(seconds=number))
debounces = st.builds(Debounce, after=seconds, within=seconds, at_tokens=st.integers(1, 100))
USUAL = Debounce(after=timedelta(seconds=30), within=timedelta(seconds=300), at_tokens=100)


@given(debounces, seconds, st.integers(0, 200))
def test_never_later_than_either_bound_and_at_once_with_enough_to_say(
    debounce: Debounce, waited: timedelta, tokens: int
) -> None:
    due = debounce.due_at(NOON, NOON - waited, tokens)
    if tokens >= debounce.at_tokens:
        assert due == NOON
    else:
        assert due in (NOON + debounce.after, NOON - waited + debounce.within)
        assert due <= NOON + debounce.after
        assert due <= NOON - waited + debounce.within


@given(debounces, seconds, st.integers(0, 200), st.integers(0, 200))
def test_more_tokens_never_put_it_off(debounce: Debounce, waited: timedelta, some: int, more: int) -> None:
    first = NOON - waited
    assert debounce.due_at(NOON, first, some + more) <= max(NOON, debounce.due_at(NOON, first, some))


def test_the_first_event_waits_for_silence() -> None:
    assert USUAL.due_at(NOON, None, 0) == NOON + timedelta(seconds=30)


def test_a_talk_without_a_pause_is_not_put_off_for_ever() -> None:
    now = first = NOON
    due = USUAL.due_at(now, None, 1)
    while now < due:
        now += timedelta(seconds=20)
        due = min(due, now) if now >= due else USUAL.due_at(now, first, 1)
    assert due == NOON + timedelta(seconds=300)
