"""Libraries that never answer hold nobody up for longer than their share."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import pytest

from afterword.workers.core.errors import EmbeddingFailed, LlmUnavailable
from afterword.workers.models.bounded_calls import BoundedCalls, GivenUp
from afterword.workers.models.embedders.hasty import HastyEmbedder
from afterword.workers.models.embedders.mem0 import Mem0Embedder
from afterword.workers.models.embedders.port import EmbedderIdentity, Vector
from afterword.workers.models.llms.mem0 import Mem0Llm
from afterword.workers.models.providers import Endpoint
from tests.support.fake_openai import FakeOpenAI
from tests.support.openai_faults import Hang
from tests.support.waiting import wait_until


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    opened = threading.Event()
    yield opened
    opened.set()


def hanging(name: str) -> int:
    return sum(thread.name == name for thread in threading.enumerate())


def test_a_call_gives_what_it_gives_or_raises_what_it_raises() -> None:
    calls: BoundedCalls[int] = BoundedCalls("test-calls", seconds=10)

    assert calls.run(lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        calls.run(lambda: 1 // 0)


def test_as_many_are_left_behind_as_may_hang_and_no_more(gate: threading.Event) -> None:
    calls: BoundedCalls[bool] = BoundedCalls("test-left", seconds=0.02, most=2)

    for _ in range(2):
        with pytest.raises(GivenUp, match="within"):
            calls.run(gate.wait)
    with pytest.raises(GivenUp, match="2 calls before it still hang"):
        calls.run(gate.wait)
    assert hanging("test-left") == 2

    gate.set()
    wait_until(lambda: hanging("test-left") == 0, 10, "the calls to end")
    assert calls.run(lambda: True)


class Slow:
    identity = EmbedderIdentity("test", "slow", 1)

    def __init__(self, gate: threading.Event) -> None:
        self._gate = gate
        self.asked = 0

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        self.asked += 1
        self._gate.wait()
        return [[1.0] for _ in texts]


def test_who_is_hasty_waits_once_and_then_not_at_all(gate: threading.Event) -> None:
    slow = Slow(gate)
    hasty = HastyEmbedder(slow, seconds=0.02, pause=60)

    for _ in range(20):
        with pytest.raises(EmbeddingFailed, match="too slow"):
            hasty.embed(["cat"])

    assert slow.asked == 1
    assert hasty.identity == slow.identity


def test_who_is_hasty_tries_again_after_a_while(gate: threading.Event) -> None:
    hasty = HastyEmbedder(Slow(gate), seconds=0.05, pause=0.0)
    with pytest.raises(EmbeddingFailed):
        hasty.embed(["cat"])
    gate.set()

    assert hasty.embed(["cat"]) == [[1.0]]


def test_a_provider_of_mem0s_that_never_answers_is_given_up() -> None:
    with FakeOpenAI() as fake:
        embedder = Mem0Embedder("openai", model="m", endpoint=Endpoint(fake.url, "k"), dimensions=8, timeout=0.2)
        llm = Mem0Llm("openai", "m", endpoint=Endpoint(fake.url, "k"), timeout=0.2)
        fake.fail_when(lambda _: Hang())

        for _ in range(10):
            with pytest.raises(EmbeddingFailed, match=r"within 0\.2 seconds|still hang"):
                embedder.embed(["cat"])
        for _ in range(10):
            with pytest.raises(LlmUnavailable, match=r"within 0\.2 seconds|still hang"):
                llm.complete_json([{"role": "user", "content": "?"}])

        assert hanging("mem0-embedder") <= 8
        assert hanging("mem0-llm") <= 8
