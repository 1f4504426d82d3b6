"""The load test's own reckoning: what it plans, that it waits for nobody, and when two measurements agree."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from afterword.producers import AsyncMemoryClient, Context
from ops.load.driving import Done, Result, drive, result_of
from ops.load.measured import Measured, measured, quantile
from ops.load.plan import Act, Load, planned
from ops.load.verdict import compare, near

BOUNDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, math.inf]


class TestPlan:
    def test_the_same_load_gives_the_same_acts_and_another_seed_others(self) -> None:
        load = Load(rate=20, seconds=5)
        assert list(planned(load)) == list(planned(load))
        assert list(planned(load)) != list(planned(Load(rate=20, seconds=5, seed=2)))

    def test_acts_come_at_the_rate_within_the_time_and_in_order(self) -> None:
        acts = list(planned(Load(rate=100, seconds=20)))
        times = [act.at for act in acts]
        assert times == sorted(times)
        assert 0 < times[0] < times[-1] < 20
        assert len(acts) == pytest.approx(2_000, rel=0.1)

    def test_the_mix_is_as_asked_for(self) -> None:
        acts = list(planned(Load(rate=100, seconds=20, contexts=0.75, users=7, agents=2, sessions=2)))
        questions = [act for act in acts if act.query is not None]
        assert len(questions) / len(acts) == pytest.approx(0.75, abs=0.05)
        assert all(act.messages for act in acts if act.query is None)
        assert len({act.user_id for act in acts}) == 7
        assert len({act.agent_id for act in acts}) == 2
        assert len({act.session_id for act in acts}) == 14


class Slow(AsyncMemoryClient):
    """Answers nobody before so many are waiting, and then takes a while."""

    def __init__(self, waiting: int) -> None:
        self._missing = waiting
        self._all_wait = asyncio.Event()

    async def context(self, *_: Any, **__: Any) -> Context:
        self._missing -= 1
        if not self._missing:
            self._all_wait.set()
        await asyncio.wait_for(self._all_wait.wait(), 60)
        await asyncio.sleep(0.2)
        return Context()


def test_a_slow_system_is_asked_all_the_same() -> None:
    client = Slow(waiting=5)
    acts = [Act(number * 0.01, "ann", "agent", "session", query="what") for number in range(5)]
    done = asyncio.run(drive(client, acts, timeout=1.0))
    assert [each.result for each in done] == ["empty"] * 5
    assert all(each.seconds >= 0.19 for each in done)


def test_what_was_begun_late_was_waited_for() -> None:
    assert Done("answered", late=0.25, seconds=0.5).waited == 0.75


@pytest.mark.parametrize(
    ("context", "result"),
    [
        (Context(), "empty"),
        (Context(degraded=("timeout",)), "timeout"),
        (Context(degraded=("redis",)), "redis"),
        (Context(degraded=("error",)), "error"),
        (Context(degraded=("embedder",)), "degraded"),
    ],
)
def test_a_question_fares_as_its_context_says(context: Context, result: Result) -> None:
    assert result_of(context) == result


class TestQuantile:
    def test_it_is_interpolated_in_its_bucket(self) -> None:
        buckets = {0.1: 50.0, 0.2: 100.0, math.inf: 100.0}
        assert quantile(0.5, buckets) == pytest.approx(0.1)
        assert quantile(0.75, buckets) == pytest.approx(0.15)
        assert quantile(0.25, buckets) == pytest.approx(0.05)

    def test_beyond_the_last_bound_it_is_that_bound(self) -> None:
        assert quantile(0.99, {0.1: 1.0, math.inf: 10.0}) == 0.1

    def test_of_nothing_it_is_nothing(self) -> None:
        assert math.isnan(quantile(0.5, {0.1: 0.0, math.inf: 0.0}))
        assert math.isnan(quantile(0.5, {}))


def test_the_samples_of_all_workers_are_added_up_and_those_of_before_taken_off() -> None:
    def reading(count: float) -> Measured:
        return measured(
            1.0,
            [
                ("afterword_context_seconds_bucket", {"step": "reply", "le": "0.1"}, count),
                ("afterword_context_seconds_bucket", {"step": "reply", "le": "0.1"}, 1.0),
                ("afterword_context_seconds_bucket", {"step": "embed", "le": "0.1"}, 100.0),
                ("afterword_context_requests_total", {"outcome": "answered"}, count),
                ("afterword_context_requests_total", {"outcome": "expired"}, 3.0),
                ("afterword_ingested_conversations_total", {"outcome": "stored"}, count),
                ("afterword_ingested_conversations_total", {"outcome": "duplicate"}, 2.0),
            ],
        )

    found = reading(12.0).since(reading(2.0))
    assert found.replies == {0.1: 10.0}
    assert found.answered == 10.0
    assert found.ingested == 10.0
    assert found.requests["expired"] == 0.0


class TestVerdict:
    def found(self, answered: float = 3.0, ingested: float = 2.0) -> Measured:
        replies = {bound: answered if bound >= 0.01 else 0.0 for bound in BOUNDS}
        return Measured(0.0, replies, {"answered": answered}, ingested)

    def verdicts(
        self, found: Measured, *, seconds: float = 0.008, results: tuple[Result, ...] = ("answered",) * 3
    ) -> dict[str, bool]:
        done = [Done(result, 0.0, seconds) for result in results]
        quantiles = {
            name: quantile(share, found.replies) for name, share in {"p50": 0.5, "p95": 0.95, "p99": 0.99}.items()
        }
        return {each.name: each.agrees for each in compare(done, 2, found, quantiles)}

    def test_the_same_agrees(self) -> None:
        assert all(self.verdicts(self.found()).values())

    def test_a_lost_conversation_does_not(self) -> None:
        assert not self.verdicts(self.found(ingested=1.0))["conversations"]
        assert not self.verdicts(self.found(ingested=3.0))["conversations"]

    def test_an_answer_that_nobody_counted_does_not(self) -> None:
        assert not self.verdicts(self.found(answered=2.0))["questions answered"]
        assert not self.verdicts(self.found(answered=4.0))["questions answered"]

    def test_an_answer_that_came_too_late_may_be_the_workers_alone(self) -> None:
        results: tuple[Result, ...] = ("answered",) * 3 + ("timeout",)
        assert self.verdicts(self.found(answered=4.0), results=results)["questions answered"]
        assert self.verdicts(self.found(answered=3.0), results=results)["questions answered"]
        assert not self.verdicts(self.found(answered=5.0), results=results)["questions answered"]

    def test_a_quantile_two_buckets_away_does_not(self) -> None:
        assert self.verdicts(self.found(), seconds=0.019)["p50 of a reply, s"]
        assert not self.verdicts(self.found(), seconds=0.03)["p50 of a reply, s"]
        assert not self.verdicts(self.found(answered=0.0), seconds=0.03)["p50 of a reply, s"]

    def test_a_quantile_that_one_answer_decides_is_held_against_nothing(self) -> None:
        assert self.verdicts(self.found(), seconds=0.03)["p99 of a reply, s (of too few)"]


def test_near_is_the_bucket_its_neighbours_and_the_slack_at_least() -> None:
    assert near(0.07, BOUNDS) == (0.02, 0.2)
    assert near(0.1, BOUNDS) == (0.02, 0.2)
    least, most = near(0.0005, BOUNDS)
    assert least < 0
    assert most == pytest.approx(0.0105)
    assert near(0.2, BOUNDS) == (0.05, math.inf)
    assert all(math.isnan(bound) for bound in near(math.nan, BOUNDS))
