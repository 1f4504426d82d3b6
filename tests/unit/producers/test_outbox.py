from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from afterword.producers.backoff import FIRST_SECONDS, LONGEST_SECONDS, Backoff
from afterword.producers.intake import in_batches
from afterword.producers.outbox import BATCH_BYTES, BATCH_PARCELS, Outbox, Parcel


def parcel(number: int, size: int = 10) -> Parcel:
    return Parcel(event_id=f"e{number}", key=f"k{number}", commands=(), size=size)


sizes = st.lists(st.integers(min_value=1, max_value=60), max_size=60)


@given(sizes=sizes, max_parcels=st.integers(1, 10), max_bytes=st.integers(1, 100))
def test_bounds_hold_and_what_stays_is_the_newest_in_order(sizes: list[int], max_parcels: int, max_bytes: int) -> None:
    outbox = Outbox(max_parcels, max_bytes)
    fitting = []
    for number, size in enumerate(sizes):
        outbox.put(parcel(number, size))
        fitting += [number] if size <= max_bytes else []
        kept = [found.event_id for found in outbox.batch()]
        assert len(outbox) <= max_parcels
        assert outbox.size <= max_bytes
        assert kept == [f"e{number}" for number in fitting[len(fitting) - len(kept) :]]
    assert len(outbox) + outbox.dropped == len(sizes)


@given(sizes=sizes, settled=st.sets(st.integers(0, 59)))
def test_what_has_arrived_leaves(sizes: list[int], settled: set[int]) -> None:
    outbox = Outbox(100, 10_000)
    parcels = [parcel(number, size) for number, size in enumerate(sizes)]
    for each in parcels:
        outbox.put(each)
    outbox.settle([each for number, each in enumerate(parcels) if number in settled])
    left = [each for number, each in enumerate(parcels) if number not in settled]
    assert outbox.batch() == left
    assert outbox.size == sum(each.size for each in left)


def test_a_parcel_that_arrived_after_it_was_dropped_does_not_count_as_lost() -> None:
    outbox = Outbox(1, 100)
    outbox.put(parcel(1))
    under_way = outbox.batch()
    assert outbox.put(parcel(2)) == 1
    outbox.settle(under_way)
    assert outbox.dropped == 0
    assert parcel(2) in outbox


def test_a_parcel_that_could_never_fit_costs_no_other() -> None:
    outbox = Outbox(5, 100)
    outbox.put(parcel(1))
    assert outbox.put(parcel(2, size=101)) == 1
    assert outbox.batch() == [parcel(1)]


def test_clearing_drops_and_counts() -> None:
    outbox = Outbox(5, 100)
    outbox.put(parcel(1))
    outbox.put(parcel(2))
    assert outbox.clear() == 2
    assert (len(outbox), outbox.size, outbox.dropped) == (0, 0, 2)


@given(sizes=st.lists(st.integers(1, BATCH_BYTES + 10), max_size=30))
def test_batches_hold_everything_in_order_within_their_size(sizes: list[int]) -> None:
    parcels = [parcel(number, size) for number, size in enumerate(sizes)]
    batches = in_batches(parcels)
    assert [each for batch in batches for each in batch] == parcels
    assert all(len(batch) == 1 or sum(each.size for each in batch) <= BATCH_BYTES for batch in batches)


def test_batches_are_bounded_by_count() -> None:
    batches = in_batches([parcel(number) for number in range(BATCH_PARCELS + 1)])
    assert [len(batch) for batch in batches] == [BATCH_PARCELS, 1]


def test_waits_double_up_to_the_longest_and_begin_again_after_a_reset() -> None:
    backoff = Backoff(chance=lambda: 0.0)
    waits = [backoff.wait() for _ in range(8)]
    assert waits[:3] == [FIRST_SECONDS, FIRST_SECONDS * 2, FIRST_SECONDS * 4]
    assert waits[-1] == LONGEST_SECONDS
    backoff.reset()
    assert backoff.wait() == FIRST_SECONDS


def test_waits_are_cut_at_random_by_up_to_half() -> None:
    assert Backoff(chance=lambda: 1.0).wait() == FIRST_SECONDS / 2
