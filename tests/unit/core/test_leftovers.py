"""Sweeps go on past what cannot be finished, and give up where a server is away."""

from __future__ import annotations

import pytest

from afterword.workers.core.errors import EmbeddingFailed
from afterword.workers.core.leftovers import finish_each


@pytest.mark.parametrize("bad", [set(), {3}, {3, 4}])
def test_all_others_are_finished_past_some_that_fail(bad: set[int]) -> None:
    done: list[int] = []

    def finish(number: int) -> None:
        if number in bad:
            raise EmbeddingFailed("no answer")
        done.append(number)

    if bad:
        with pytest.raises(EmbeddingFailed):
            finish_each(range(10), finish)
    else:
        finish_each(range(10), finish)
    assert sorted(done) == [number for number in range(10) if number not in bad]


def test_three_failures_are_an_outage() -> None:
    tried: list[int] = []

    def finish(number: int) -> None:
        tried.append(number)
        raise EmbeddingFailed("no answer")

    with pytest.raises(EmbeddingFailed):
        finish_each(range(10), finish)
    assert len(set(tried)) == 3
