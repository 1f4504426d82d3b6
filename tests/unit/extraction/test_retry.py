from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterword.schemas.errors import AfterwordError
from afterword.workers.core.errors import (
    BadAnswer,
    EmbeddingFailed,
    LedgerUnavailable,
    LlmRefused,
    LlmUnavailable,
    VectorStoreUnavailable,
    WritesMissing,
)
from afterword.workers.services.extraction.failures import Decision, RetryPolicy

POLICY = RetryPolicy(first=timedelta(seconds=5), longest=timedelta(seconds=600), attempts=5)
OWN = (BadAnswer, WritesMissing)
ERRORS = [
    BadAnswer("x"),
    EmbeddingFailed("x"),
    LedgerUnavailable("x"),
    LlmRefused("x"),
    LlmUnavailable("x"),
    VectorStoreUnavailable("x"),
    WritesMissing("x"),
]


def seconds(decision: Decision) -> float:
    return decision.delay.total_seconds()


def test_a_bad_answer_is_retried_ever_later_and_then_given_up() -> None:
    decisions = [POLICY.after(BadAnswer("x"), burned, 1) for burned in range(6)]
    assert [seconds(decision) for decision in decisions] == [5, 10, 20, 40, 80, 160]
    assert [decision.gives_up for decision in decisions] == [False] * 4 + [True] * 2
    assert [decision.burns_attempt for decision in decisions] == [True] * 4 + [False] * 2
    assert {decision.outcome for decision in decisions} == {"bad_answer"}


@pytest.mark.parametrize(("turns", "half"), [(2, 1), (3, 1), (8, 4), (100, 50)])
def test_a_batch_that_stays_bad_is_cut_in_half_before_anything_is_given_up(turns: int, half: int) -> None:
    assert POLICY.after(BadAnswer("x"), 3, turns).batch_limit is None
    decision = POLICY.after(BadAnswer("x"), 4, turns)
    assert decision.batch_limit == half
    assert not decision.gives_up
    assert not decision.burns_attempt


@pytest.mark.parametrize(
    "error", [ValueError("x"), KeyError("x"), RecursionError(), MemoryError(), WritesMissing("x")], ids=repr
)
def test_an_error_that_nobody_expected_ends_as_a_bad_answer_does(error: Exception) -> None:
    assert POLICY.after(error, 0, 8) == Decision("unexpected", timedelta(seconds=5), burns_attempt=True)
    assert POLICY.after(error, 4, 8) == Decision("unexpected", timedelta(0), batch_limit=4)
    assert POLICY.after(error, 4, 1).gives_up


@pytest.mark.parametrize("error", [error for error in ERRORS if not isinstance(error, OWN)])
@pytest.mark.parametrize("burned", [0, 4, 1000])
def test_only_the_batchs_own_faults_burn_an_attempt(error: AfterwordError, burned: int) -> None:
    decision = POLICY.after(error, burned, 8)
    assert not decision.burns_attempt
    assert not decision.gives_up


@pytest.mark.parametrize(
    ("asked", "delay"), [(None, 5), (0, 5), (2, 5), (30, 30), (3600, 600), (float("inf"), 600), (1e300, 600)]
)
def test_a_provider_is_asked_again_when_it_says_within_bounds(asked: float | None, delay: float) -> None:
    decision = POLICY.after(LlmUnavailable("x", asked), 0, 8)
    assert (decision.outcome, seconds(decision)) == ("llm_unavailable", delay)


def test_a_refusal_leaves_the_pace_to_the_breaker() -> None:
    decision = POLICY.after(LlmRefused("x"), 0, 8)
    assert (decision.outcome, seconds(decision)) == ("llm_refused", 5)


@pytest.mark.parametrize("error", [VectorStoreUnavailable("x"), LedgerUnavailable("x")])
def test_a_store_is_tried_again_soon(error: AfterwordError) -> None:
    assert POLICY.after(error, 0, 8) == Decision("store", timedelta(seconds=5))


@given(st.sampled_from(ERRORS), st.integers(0, 10_000), st.integers(1, 10_000))
def test_no_delay_is_out_of_bounds(error: AfterwordError, burned: int, attempts: int) -> None:
    policy = RetryPolicy(POLICY.first, POLICY.longest, attempts)
    assert POLICY.first <= policy.after(error, burned, 1).delay <= POLICY.longest
