"""The asynchronous client, against the same promises as the other."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from afterword.producers import AsyncMemoryClient, ClientSettings, InvalidEvent, MemoryUnavailable
from afterword.schemas import ContextReply, ErrorBody
from afterword.schemas.wire import Queue, queue_key
from afterword.workers.embedded.redis_server import RedisServer, free_port
from tests.support.conversations import conversation
from tests.support.fake_worker import FakeWorker, drain
from tests.support.ports import quiet_port

PROMISED_SECONDS = 0.25


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis to stop, hang and kill."""
    found = RedisServer(tmp_path / "redis", quiet_port())
    found.start()
    yield found
    found.kill()


def event_ids(url: str, user_id: str = "ada") -> list[str]:
    return [body["event_id"] for body in drain(url) if body["user_id"] == user_id]


def test_publishing(redis_url: str) -> None:
    async def use() -> None:
        async with AsyncMemoryClient(redis_url, tenant_id="acme") as client:
            assert await client.publish(conversation("e1")) == "e1"
            results = await client.publish_many([conversation("e2"), {"user_id": "ada"}, conversation("e3")])
            assert [result.event_id for result in results] == ["e2", None, "e3"]
            with pytest.raises(InvalidEvent):
                await client.publish(user_id="ada")
            assert (client.stats.sent, client.stats.invalid) == (3, 2)

    asyncio.run(use())
    assert event_ids(redis_url) == ["e1", "e2", "e3"]
    assert {body["tenant_id"] for body in drain(redis_url)} == {"acme"}


def test_many_tasks_publish_at_once_and_each_keeps_its_order(redis_url: str) -> None:
    async def publish(client: AsyncMemoryClient, user: str) -> None:
        for number in range(20):
            await client.publish(conversation(f"{user}-{number}", user_id=user))

    async def use() -> None:
        async with AsyncMemoryClient(redis_url) as client:
            await asyncio.gather(*(publish(client, user) for user in users))

    users = [f"user{number}" for number in range(10)]
    asyncio.run(use())
    for user in users:
        assert event_ids(redis_url, user) == [f"{user}-{number}" for number in range(20)]


def test_nothing_is_lost_when_redis_stops_and_starts(server: RedisServer) -> None:
    async def use() -> None:
        async with AsyncMemoryClient(server.url) as client:
            for number in range(30):
                if number == 10:
                    await asyncio.to_thread(server.stop)
                if number == 20:
                    await asyncio.to_thread(server.start)
                await client.publish(conversation(f"e{number}"))
            assert await client.flush(20)
            assert (client.stats.sent, client.stats.queued, client.stats.redis_available) == (30, 0, True)

    asyncio.run(use())
    assert event_ids(server.url) == [f"e{number}" for number in range(30)]


def test_a_hanging_redis_is_waited_for_once_and_briefly(server: RedisServer) -> None:
    first, later = [], []

    async def seconds(client: AsyncMemoryClient, event_id: str) -> float:
        began = time.perf_counter()
        await client.publish(conversation(event_id))
        return time.perf_counter() - began

    async def use() -> None:
        assert server.pid is not None
        async with AsyncMemoryClient(server.url) as client:
            for attempt in range(3):
                await client.publish(conversation(f"{attempt}-before"))
                os.kill(server.pid, signal.SIGSTOP)
                try:
                    first.append(await seconds(client, f"{attempt}-first"))
                    later.extend([await seconds(client, f"{attempt}-{number}") for number in range(5)])
                finally:
                    os.kill(server.pid, signal.SIGCONT)
                assert await client.flush(20)

    asyncio.run(use())
    assert min(first) < PROMISED_SECONDS
    assert sorted(later)[len(later) // 2] < min(first) / 4
    assert event_ids(server.url) == [
        f"{attempt}-{which}" for attempt in range(3) for which in ("before", "first", *range(5))
    ]


def test_the_oldest_events_go_when_the_outbox_is_full(server: RedisServer) -> None:
    async def use() -> None:
        server.stop()
        async with AsyncMemoryClient(server.url, settings=ClientSettings(outbox_messages=3)) as client:
            for number in range(8):
                await client.publish(conversation(f"e{number}"))
            assert (client.stats.queued, client.stats.dropped) == (3, 5)
            await asyncio.to_thread(server.start)
            assert await client.flush(20)

    asyncio.run(use())
    assert event_ids(server.url) == ["e5", "e6", "e7"]


def test_a_publish_that_is_cancelled_is_sent_all_the_same(server: RedisServer) -> None:
    async def use() -> None:
        assert server.pid is not None
        async with AsyncMemoryClient(server.url) as client:
            await client.publish(conversation("e1"))
            os.kill(server.pid, signal.SIGSTOP)
            try:
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(client.publish(conversation("e2")), 0.01)
            finally:
                os.kill(server.pid, signal.SIGCONT)
            assert await client.flush(20)

    asyncio.run(use())
    assert event_ids(server.url) == ["e1", "e2"]


def test_what_waits_goes_along_to_another_event_loop(server: RedisServer) -> None:
    async def flush_and_close() -> None:
        assert await client.flush(20)
        await client.close()

    server.stop()
    client = AsyncMemoryClient(server.url)
    asyncio.run(client.publish(conversation("e1")))
    server.start()
    asyncio.run(client.publish(conversation("e2")))
    asyncio.run(flush_and_close())
    assert event_ids(server.url) == ["e1", "e2"]


def test_context(redis_url: str) -> None:
    def answer(request: Any) -> Any:
        told = f"shares {request.model_dump(mode='json')['shares']}, always {request.always}"
        answers = {
            "memories": ContextReply(text="likes tea"),
            "error": ErrorBody(code="internal", message="no"),
            "balanced": ContextReply(text=told),
        }
        return answers.get(request.query)

    async def use() -> None:
        async with AsyncMemoryClient(redis_url) as client:
            assert (await client.context("ada", query="memories", timeout=5)).text == "likes tea"
            assert (await client.context("ada", query="error", timeout=5)).degraded == ("error",)
            balanced = await client.context("ada", query="balanced", shares={"user": 0.5}, always=True, timeout=5)
            assert balanced.text == "shares {'user': 0.5}, always 3"
            silent = await asyncio.gather(*(client.context("ada", timeout=0.1) for _ in range(5)))
            assert [context.degraded for context in silent] == [("timeout",)] * 5
            assert (await client.context("ada", query="memories", timeout=5)).text == "likes tea"

    with FakeWorker(redis_url, Queue.CONTEXT, answer):
        asyncio.run(use())


def test_deadlines_are_told_in_the_time_of_redis(redis_url: str) -> None:
    async def use() -> None:
        async with AsyncMemoryClient(redis_url, clock=lambda: time.monotonic() - 300) as client:
            assert (await client.context("ada", timeout=10)).degraded == ()

    with FakeWorker(redis_url, Queue.CONTEXT, lambda _: ContextReply()) as worker:
        asyncio.run(use())
    now = int(time.time() * 1000)  # Redis runs on this host: its clock is ours
    deadline = worker.requests[0].deadline_ms
    assert deadline is not None
    assert now - 10_000 < deadline <= now + 10_000


def test_without_redis_there_is_no_context() -> None:
    async def use() -> None:
        url = f"redis://127.0.0.1:{free_port()}/0"
        client = AsyncMemoryClient(url)
        assert (await client.context("ada")).degraded == ("redis",)
        assert (await client.context("ada")).degraded == ("redis",)
        await client.close(timeout=0)
        raising = AsyncMemoryClient(url, settings=ClientSettings(on_unavailable="raise"))
        with pytest.raises(MemoryUnavailable):
            await raising.context("ada")
        await raising.close(timeout=0)

    asyncio.run(use())


def test_several_loops_at_once_have_lines_of_their_own(redis_url: str) -> None:
    """Loops in threads, as web frameworks run sync views: what one counts, no other settles."""
    client = AsyncMemoryClient(redis_url)
    together = threading.Barrier(4)

    async def publish_some(who: int) -> None:
        for number in range(25):
            # All loops are in a publish at the same time.
            await asyncio.to_thread(together.wait, 20)
            await client.publish(user_id="ada", event_id=f"{who}-{number}", messages=[("user", "Hi")])
        await client.flush()

    threads = [threading.Thread(target=lambda who=who: asyncio.run(publish_some(who))) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    stats = client.stats
    assert (stats.sent, stats.queued, stats.dropped, stats.invalid) == (100, 0, 0, 0)
    with redis.Redis.from_url(redis_url) as server:
        assert server.llen("afterword:conversations") == 100


def test_workers_that_do_not_answer_are_left_alone_for_a_while(redis_url: str) -> None:
    async def use() -> None:
        async with AsyncMemoryClient(redis_url) as client:
            for _ in range(3):
                assert (await client.context("ada", timeout=0.05)).degraded == ("timeout",)
            begun = time.monotonic()
            assert (await client.context("ada", timeout=30)).degraded == ("timeout",)
            assert time.monotonic() - begun < 5

    asyncio.run(use())
    with redis.Redis.from_url(redis_url) as server:
        assert server.llen(queue_key(Queue.CONTEXT)) == 3


def test_a_loop_for_each_call_leaves_no_state_behind(redis_url: str) -> None:
    """Frameworks without a loop of their own run one for each request, many at once."""
    client, together = AsyncMemoryClient(redis_url), threading.Barrier(4)

    def serve(who: int) -> None:
        for number in range(10):
            together.wait(60)
            asyncio.run(publish(f"{who}-{number}"))

    async def publish(event_id: str) -> None:
        await client.publish(user_id="ada", event_id=event_id, messages=[("user", "Hi")])
        await client.flush()

    threads = [threading.Thread(target=serve, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert client.stats.sent == 40
    # Four loops run at once, and each may begin before the one before it in its thread is seen to be over.
    assert len(client._lines.states()) <= 8
