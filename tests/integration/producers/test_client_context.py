"""Asking for context, answered by a thread that plays the worker."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis

from afterword.producers import (
    ClientSettings,
    CommandFailed,
    Explanation,
    InvalidEvent,
    Kind,
    Memory,
    MemoryClient,
    MemoryUnavailable,
    Scope,
)
from afterword.schemas import ContextReply, ContextRequest, ErrorBody
from afterword.schemas.wire import Queue, queue_key
from afterword.workers.embedded.redis_server import RedisServer, free_port
from tests.support.fake_worker import FakeWorker
from tests.support.ports import quiet_port
from tests.support.waiting import wait_until

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
RAISING = ClientSettings(on_unavailable="raise")
TEA = [{"role": "user", "content": "tea?"}]


def reply(text: str = "likes tea") -> ContextReply:
    memory = Memory(id="m", text=text, scope=Scope.USER, kind=Kind.FACT, occurred_at=NOON)
    return ContextReply(memories=(memory,), text=f"## About the user\n- {text}", timings_ms={"embed": 1.0})


def redis_ms(url: str) -> int:
    with redis.Redis.from_url(url) as server:
        seconds, microseconds = server.time()
    return int(seconds) * 1000 + int(microseconds) // 1000


def test_a_context_is_what_a_worker_answers(redis_url: str) -> None:
    with (
        FakeWorker(redis_url, Queue.CONTEXT, lambda _: reply()) as worker,
        MemoryClient(redis_url, tenant_id="acme") as client,
    ):
        context = client.context("ada", agent_id="planner", session_id="s", query="tea?", limit=5, scopes=["user"])
    assert context
    assert context.text == reply().text
    assert context.memories == reply().memories
    assert context.degraded == ()
    assert context.timings_ms["embed"] == 1.0
    assert context.timings_ms["total"] > 0
    [request] = worker.requests
    asked = request.model_dump(include={"tenant_id", "user_id", "agent_id", "session_id", "query", "limit", "scopes"})
    assert asked == {
        "tenant_id": "acme",
        "user_id": "ada",
        "agent_id": "planner",
        "session_id": "s",
        "query": "tea?",
        "limit": 5,
        "scopes": (Scope.USER,),
    }


def test_an_explanation_comes_where_it_is_asked_for(redis_url: str) -> None:
    def answer(request: Any) -> ContextReply:
        [memory] = reply().memories
        why = Explanation(memory=memory, score=0.5, relevance=0.4, signals={"lexical": 0.5}, left_out="too long")
        return reply().model_copy(update={"explanations": (why,) if request.explain else ()})

    with FakeWorker(redis_url, Queue.CONTEXT, answer), MemoryClient(redis_url) as client:
        assert client.context("ada", query="tea?").explanations == ()
        [explained] = client.context("ada", query="tea?", explain=True).explanations
        assert (explained.memory.id, explained.signals, explained.left_out) == ("m", {"lexical": 0.5}, "too long")
        with client.remembered(user_id="ada", messages=TEA, explain=True) as run:
            assert run.context.explanations == (explained,)
            run.said("tea")


def test_shares_and_what_is_always_kept_are_asked_for(redis_url: str) -> None:
    with FakeWorker(redis_url, Queue.CONTEXT, lambda _: reply()) as worker, MemoryClient(redis_url) as client:
        client.context("ada", shares={"user": 0.75, Scope.AGENT: 0.25}, always=True)
        with client.remembered(user_id="ada", messages=TEA, shares={Scope.USER: 1}, always=5):
            pass
        with pytest.raises(InvalidEvent, match="shares"):
            client.context("ada", shares={"user": 0.75, "agent": 0.5})
    asked = [(request.shares, request.always) for request in worker.requests if isinstance(request, ContextRequest)]
    assert asked == [({Scope.USER: 0.75, Scope.AGENT: 0.25}, 3), ({Scope.USER: 1.0}, 5)]


def test_what_the_worker_could_not_use_is_passed_on(redis_url: str) -> None:
    degraded = ContextReply(degraded=("embedder",))
    with FakeWorker(redis_url, Queue.CONTEXT, lambda _: degraded), MemoryClient(redis_url) as client:
        assert client.context("ada").degraded == ("embedder",)


def test_silence_is_an_empty_context_after_the_timeout(redis_url: str) -> None:
    with MemoryClient(redis_url) as client:
        began = time.monotonic()
        context = client.context("ada", timeout=0.1)
        took = time.monotonic() - began
        assert not context
        assert context.degraded == ("timeout",)
        assert context.inject("Be kind.") == "Be kind."
        assert 0.1 <= took < 30
        assert client.stats.redis_available


def test_silence_raises_where_that_is_wanted(redis_url: str) -> None:
    with MemoryClient(redis_url, settings=RAISING) as client, pytest.raises(MemoryUnavailable, match="no worker"):
        client.context("ada", timeout=0.05)


def test_an_error_is_an_empty_context_and_logged(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    error = ErrorBody(code="internal", message="the vector store is on fire")
    with FakeWorker(redis_url, Queue.CONTEXT, lambda _: error), MemoryClient(redis_url) as client:
        assert client.context("ada", timeout=5).degraded == ("error",)
    assert "on fire" in caplog.text


def test_an_error_raises_where_that_is_wanted(redis_url: str) -> None:
    error = ErrorBody(code="internal", message="no")
    with (
        FakeWorker(redis_url, Queue.CONTEXT, lambda _: error),
        MemoryClient(redis_url, settings=RAISING) as client,
        pytest.raises(CommandFailed) as caught,
    ):
        client.context("ada", timeout=5)
    assert caught.value.code == "internal"


def test_a_reply_that_cannot_be_read_is_an_error(redis_url: str) -> None:
    nonsense = Memory(id="m", text="not a context", scope=Scope.USER, kind=Kind.FACT, occurred_at=NOON)
    with (
        FakeWorker(redis_url, Queue.COMMANDS, lambda _: nonsense),
        MemoryClient(redis_url) as client,
        pytest.raises(CommandFailed, match="cannot be read"),
    ):
        client.memories.users()


@pytest.mark.parametrize("settings", [ClientSettings(), RAISING], ids=["empty", "raise"])
def test_without_redis_there_is_no_context_and_no_wait(settings: ClientSettings) -> None:
    client = MemoryClient(f"redis://127.0.0.1:{free_port()}/0", settings=settings)
    began = time.monotonic()
    for _ in range(5):
        if settings is RAISING:
            with pytest.raises(MemoryUnavailable):
                client.context("ada", timeout=30)
        else:
            assert client.context("ada", timeout=30).degraded == ("redis",)
    assert time.monotonic() - began < 30, "not one of them was waited for"
    client.close(timeout=0)


def test_context_is_back_once_redis_is(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis", quiet_port())
    client = MemoryClient(server.url)
    assert client.context("ada").degraded == ("redis",)
    server.start()
    try:
        wait_until(lambda: client.stats.redis_available, timeout=20)
        with FakeWorker(server.url, Queue.CONTEXT, lambda _: reply()):
            assert client.context("ada", timeout=5)
        client.close()
    finally:
        server.kill()


def test_what_redis_refuses_is_logged_and_does_not_stop_publishing(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with redis.Redis.from_url(redis_url) as admin:
        admin.execute_command("ACL", "SETUSER", "runner", "on", ">hunter2", "~*", "+@all", "-blpop")
        try:
            with MemoryClient(redis_url.replace("//", "//runner:hunter2@")) as client:
                assert client.context("ada", timeout=5).degraded == ("redis",)
                assert client.stats.redis_available
        finally:
            admin.execute_command("ACL", "DELUSER", "runner")
    assert "BLPOP" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_late_reply_is_nobody_elses(redis_url: str) -> None:
    gave_up = threading.Event()

    def answer(request: Any) -> ContextReply:
        if request.query == "slow":
            assert gave_up.wait(10)
        return reply(str(request.query))

    with FakeWorker(redis_url, Queue.CONTEXT, answer) as worker, MemoryClient(redis_url) as client:
        assert client.context("ada", query="slow", timeout=0.1).degraded == ("timeout",)
        gave_up.set()
        assert client.context("ada", query="quick", timeout=5).memories[0].text == "quick"
        assert len({request.reply_to for request in worker.requests}) == 2
    with redis.Redis.from_url(redis_url) as server:
        [unread] = server.scan_iter("afterword:reply:*")
        assert server.pttl(unread) > 0


def test_many_threads_ask_at_once_and_each_has_its_own_answer(redis_url: str) -> None:
    def ask(number: int) -> None:
        answers[number] = client.context("ada", query=str(number), timeout=20).memories[0].text

    answers: dict[int, str] = {}
    with FakeWorker(redis_url, Queue.CONTEXT, lambda r: reply(r.query)), MemoryClient(redis_url) as client:
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == {number: str(number) for number in range(20)}


@pytest.mark.parametrize("shift", [-300.0, 0.0, 300.0, 1_800_000_000.0])
def test_deadlines_are_told_in_the_time_of_redis(redis_url: str, shift: float) -> None:
    left: list[int] = []

    def answer(request: Any) -> ContextReply:
        left.append(request.deadline_ms - redis_ms(redis_url))
        return reply()

    with (
        FakeWorker(redis_url, Queue.CONTEXT, answer),
        MemoryClient(redis_url, clock=lambda: time.monotonic() + shift) as client,
    ):
        assert client.context("ada", timeout=10)
    assert 0 < left[0] <= 10_000


def test_a_clock_that_jumps_is_set_right_by_the_next_call(redis_url: str) -> None:
    left: list[int] = []
    shift = 0.0

    def answer(request: Any) -> ContextReply:
        left.append(request.deadline_ms - redis_ms(redis_url))
        return reply()

    with (
        FakeWorker(redis_url, Queue.CONTEXT, answer),
        MemoryClient(redis_url, clock=lambda: time.monotonic() + shift) as client,
    ):
        client.context("ada", timeout=10)
        shift = -3600.0
        client.context("ada", timeout=10)
        client.context("ada", timeout=10)
    assert left[1] < 0
    assert 0 < left[2] <= 10_000


def test_a_bad_argument_is_the_callers(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "afterword.producers")
    with MemoryClient(redis_url) as client, pytest.raises(InvalidEvent, match="limit"):
        client.context("ada", limit=0)
    with MemoryClient(redis_url, settings=ClientSettings(on_invalid="log")) as client:
        assert client.context("ada", limit=0).degraded == ("invalid",)
    assert "limit" in caplog.text
    with redis.Redis.from_url(redis_url) as server:
        assert server.llen(queue_key(Queue.CONTEXT)) == 0


def test_workers_that_do_not_answer_are_left_alone_for_a_while(redis_url: str) -> None:
    with MemoryClient(redis_url) as client:
        for _ in range(3):
            assert (client.context("ada", timeout=0.05)).degraded == ("timeout",)
        with redis.Redis.from_url(redis_url) as server:
            asked = server.llen(queue_key(Queue.CONTEXT))
            begun = time.monotonic()
            context = client.context("ada", timeout=30)
            assert time.monotonic() - begun < 5
            assert context.degraded == ("timeout",)
            assert server.llen(queue_key(Queue.CONTEXT)) == asked == 3
