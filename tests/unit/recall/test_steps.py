"""The time that an answer may take, and the steps that are left behind when it is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from afterword.workers.core.errors import Late, VectorStoreUnavailable
from afterword.workers.runtime.settings import Settings
from afterword.workers.runtime.wiring.house import House
from afterword.workers.services.recall.steps import Deadline, Steps


@pytest.fixture
def steps() -> Iterator[Steps]:
    steps = Steps(2)
    yield steps
    steps.close()


@pytest.fixture
def hanging() -> Iterator[threading.Event]:
    """Not set until the test is over."""
    event = threading.Event()
    yield event
    event.set()


class TestDeadline:
    def test_a_share_is_of_what_is_left(self) -> None:
        deadline = Deadline.within(10)
        assert 4.5 < (deadline.share(0.5) or 0) <= 5
        assert 9 < (deadline.share(1) or 0) <= 10

    def test_none_has_no_end(self) -> None:
        assert Deadline().share(0.5) is None
        assert Deadline.within(None) == Deadline() == Deadline().part(0.1)

    def test_one_that_is_over_leaves_nothing(self) -> None:
        assert Deadline.within(-1).share(0.5) == 0
        assert Deadline.within(0).share(1) == 0

    def test_a_part_ends_earlier(self) -> None:
        deadline = Deadline.within(10)
        assert 1.5 < (deadline.part(0.2).share(1) or 0) <= 2


class TestRunning:
    @pytest.mark.parametrize("seconds", [None, 5.0])
    def test_its_result(self, steps: Steps, seconds: float | None) -> None:
        assert steps.run(lambda: 7, seconds) == 7

    @pytest.mark.parametrize("seconds", [None, 5.0])
    @pytest.mark.parametrize("error", [VectorStoreUnavailable("away"), TimeoutError("its own"), KeyError("k")])
    def test_its_error_as_it_is(self, steps: Steps, seconds: float | None, error: Exception) -> None:
        def fail() -> None:
            raise error

        with pytest.raises(type(error)) as raised:
            steps.run(fail, seconds)
        assert raised.value is error

    def test_one_that_is_late_is_left_behind_and_goes_on(self, steps: Steps, hanging: threading.Event) -> None:
        went_on = threading.Event()

        def slow() -> None:
            hanging.wait()
            went_on.set()

        with pytest.raises(Late, match="longer"):
            steps.run(slow, 0.01)
        assert steps.run(lambda: 7, 5) == 7, "another thread is free"
        hanging.set()
        assert went_on.wait(5)

    def test_with_all_threads_taken_a_step_is_late_and_never_begins(
        self, steps: Steps, hanging: threading.Event
    ) -> None:
        for _ in range(2):
            with pytest.raises(Late):
                steps.run(hanging.wait, 0.01)
        begun = threading.Event()
        with pytest.raises(Late):
            steps.run(begun.set, 0.01)
        hanging.set()
        assert steps.run(lambda: 7, 5) == 7, "the threads are free again"
        assert not begun.is_set(), "nobody waits for it any more"

    def test_without_time_it_is_late_at_once(self, steps: Steps, hanging: threading.Event) -> None:
        with pytest.raises(Late):
            steps.run(hanging.wait, 0)

    @pytest.mark.parametrize("seconds", [None, 5.0])
    def test_in_place_it_runs_on_the_thread_that_asks(self, seconds: float | None) -> None:
        steps = Steps(1, in_place=True)
        assert steps.run(threading.get_ident, seconds) == threading.get_ident()
        with pytest.raises(VectorStoreUnavailable):
            steps.run(_away, seconds)

    def test_in_place_it_is_never_left_behind(self) -> None:
        done = threading.Event()

        def slow() -> None:
            time.sleep(0.05)
            done.set()

        Steps(1, in_place=True).run(slow, 0.001)
        assert done.is_set()

    @pytest.mark.parametrize("in_place", [True, False])
    @pytest.mark.parametrize("seconds", [0.0, -1.0])
    def test_without_time_none_begins(self, seconds: float, in_place: bool) -> None:
        steps, begun = Steps(4, in_place=in_place), threading.Event()
        for _ in range(100):
            with pytest.raises(Late):
                steps.run(begun.set, seconds)
            assert all(future.cancelled() for future in steps.run_all([begun.set], seconds))
        steps.close()
        assert not begun.wait(0.05)


def _away() -> None:
    raise VectorStoreUnavailable("away")


class TestSideBySide:
    def test_each_is_done_failed_or_late(self, steps: Steps, hanging: threading.Event) -> None:
        def fail() -> bool:
            raise VectorStoreUnavailable("away")

        done, failed, late = steps.run_all([lambda: True, fail, hanging.wait], 1.0)
        assert done.result(0)
        assert isinstance(failed.exception(0), VectorStoreUnavailable)
        assert not late.done() or late.cancelled()

    def test_no_steps_are_done_at_once(self, steps: Steps) -> None:
        assert steps.run_all([], 5) == []

    def test_all_of_them_without_an_end(self, steps: Steps) -> None:
        def slow(number: int) -> int:
            time.sleep(0.02)
            return number

        futures = steps.run_all([lambda: slow(1), lambda: slow(2), lambda: slow(3)], None)
        assert [future.result(0) for future in futures] == [1, 2, 3]


@pytest.mark.parametrize(
    ("settings", "searching", "embedding"),
    [
        ({"edge_path": "folder", "embedder": "hashing"}, True, True),
        ({"qdrant_url": "http://localhost:6333", "embedder": "openai"}, False, False),
        ({"edge_path": "folder", "embedder": "openai"}, True, False),
        ({"qdrant_url": "http://localhost:6333", "embedder": "hashing"}, False, True),
    ],
)
def test_what_runs_in_this_process_runs_in_place_and_servers_are_left_behind(
    settings: dict[str, Any], searching: bool, embedding: bool
) -> None:
    def is_in_place(steps: Steps) -> bool:
        return steps.run(threading.get_ident, 5) == threading.get_ident()

    house = House(Settings(**settings))
    assert is_in_place(house.recall.searching_steps) is searching
    assert is_in_place(house.recall.embedding_steps) is embedding
    assert not is_in_place(house.recall.ledger_steps)
