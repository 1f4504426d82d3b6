"""Loading without the garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from afterword.workers.runtime.loading import loading


@pytest.fixture(autouse=True)
def collector_as_it_was() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def test_nothing_is_collected_meanwhile_and_what_is_there_is_left_alone_afterwards() -> None:
    before = gc.get_freeze_count()
    with loading():
        assert not gc.isenabled()
        kept = [[each] for each in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= before + len(kept)


def test_an_error_does_not_leave_the_collector_off() -> None:
    with pytest.raises(LookupError), loading():
        raise LookupError
    assert gc.isenabled()
