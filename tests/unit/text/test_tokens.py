from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterword.workers.text.tokens import estimate


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("我住在上海", 5), ("привет", 3), ("😀", 1), ("hi 上海", 3)],
)
def test_estimate(text: str, tokens: int) -> None:
    assert estimate(text) == tokens


@given(st.text(), st.text())
def test_joining_costs_no_less_than_a_part_and_no_more_than_both(one: str, other: str) -> None:
    assert max(estimate(one), estimate(other)) <= estimate(one + other) <= estimate(one) + estimate(other)
