"""Messages that anybody may have written: what they hold stalls no worker and no other message."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
import structlog

from afterword.schemas import wire
from afterword.workers.broker import Pace, build_broker, received
from afterword.workers.broker.received import RETRIES
from afterword.workers.broker.script import MOST_PASSED_OVER
from afterword.workers.runtime import logs
from afterword.workers.runtime.settings import Settings
from tests.support.brokers import QUEUE, Work, encoded, put, working
from tests.support.waiting import wait_until

FAR_MS = 32_503_680_000_000  # the year 3000
HUGE = 10**400

OPTIONS: dict[str, list[Any]] = {
    "eta": [FAR_MS, -FAR_MS, float("inf"), float("nan"), HUGE, -HUGE, None, "soon", [], True],
    "delay": [FAR_MS],
    "retries": [99, -99, HUGE, "many", None, float("nan")],
    RETRIES: [99, -HUGE, HUGE, "many", None, float("inf"), True],
    "max_retries": [0, HUGE, -1, None, "none"],
    "min_backoff": [FAR_MS, HUGE, -1, "long"],
    "max_backoff": [FAR_MS, HUGE, -1, "long"],
    "retry_when": ["always"],
    "requeue_timestamp": [FAR_MS, "never"],
    "requeue": [True],
    "throws": ["ValueError", ["ValueError"], 5],
    "time_limit": [0, 1, HUGE, "none"],
    "max_age": [0, 1, "none"],
    "on_retry_exhausted": ["nobody", 5],
    "on_success": ["nobody"],
    "on_failure": ["nobody"],
    "priority": [-HUGE, "first"],
    "broker_priority": [9, "first"],
    "queue_name": ["elsewhere"],
    "actor_name": ["nobody"],
    "pipe_target": [{"actor_name": "nobody"}, "nobody"],
    "pipe_ignore": [True],
    "group_completion_uuid": ["g"],
    "group_completion_callbacks": [[{"actor_name": "nobody"}]],
    "store_results": [True],
    "result_ttl": [-1],
    "notify_shutdown": [True],
    "traceback": ["Traceback"],
    "error": ["no error", 5],
    "tests": [{"a": [1]}],
}
"""Every option of Dramatiq, and some of its fields, with what a producer might write there."""

TIMES: dict[str, Any] = {
    "not a number": float("nan"),
    "infinite": float("inf"),
    "before everything": float("-inf"),
    "huge": HUGE,
    "hugely negative": -HUGE,
    "far ahead": 10**30,
    "the year 1970": 0,
    "a text": "now",
    "nothing": None,
    "true": True,
}


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, protocol=2) as client:
        yield client


def message(name: str, **options: Any) -> bytes:
    return encoded(name, message_id=name, options={"redis_message_id": name} | options)


def calls(client: redis.Redis) -> int:
    """How often workers asked Redis to run their script."""
    found: Any = client.info("commandstats")
    return int(found["cmdstat_evalsha"]["calls"])


class TestLogs:
    @pytest.fixture(autouse=True)
    def _restored(self) -> Iterator[None]:
        root = logging.getLogger()
        handlers, level = root.handlers, root.level
        yield
        root.handlers, root.level = handlers, level
        structlog.reset_defaults()

    @pytest.mark.parametrize("log_format", ["text", "json"])
    def test_what_a_producer_writes_forges_no_line_and_steers_no_terminal(
        self, redis_url: str, client: redis.Redis, capsys: pytest.CaptureFixture[str], log_format: str
    ) -> None:
        """Names of an actor that is not there, of work that fails, and of a message that cannot be read."""
        logs.configure(Settings(log_format=log_format, log_level="DEBUG"))
        forged = "\x1b[2J\x9b31m\u202e\r\n2026-01-01 [error] FORGED"
        lost = encoded(message_id=f"lost {forged}", actor_name=f"nobody {forged}", options={"redis_message_id": "l"})
        put(client, lost, f"lost {forged}")
        put(client, message(f"failing {forged}"), f"failing {forged}")
        put(client, b"no message", f"unreadable {forged}")
        broker = build_broker(redis_url, pace=Pace(maintenance=0.02))
        work = Work(broker, max_retries=0)
        work.failure = ValueError(f"no luck {forged}")

        with working(broker):
            wait_until(lambda: len(broker.admin.dead_messages(QUEUE, 10)) == 3, what="their dead letters")

        lines = [line for line in capsys.readouterr().err.split("\n") if line]
        assert [line for line in lines if not line.isprintable()] == []
        assert not [line for line in lines if line.startswith("2026-01-01")]
        assert [line for line in lines if "nobody" in line]
        assert "get_actor" not in "".join(lines), "no traceback of a name that is not there"


class TestOptions:
    def test_none_steers_the_worker(self, redis_url: str, client: redis.Redis) -> None:
        names = []
        for option, values in OPTIONS.items():
            for number, value in enumerate(values):
                names.append(f"{option} {number}")
                put(client, message(names[-1], **{option: value}), names[-1])
        broker = build_broker(redis_url)
        work = Work(broker)
        with working(broker):
            wait_until(lambda: sorted(work.done) == sorted(names), what="all of them, each once")
            wait_until(lambda: not client.exists(wire.messages_key(QUEUE)), what="all to be acknowledged")
        assert broker.admin.dead_messages(QUEUE, 10) == []

    def test_what_is_for_the_far_future_is_done_now_also_by_the_next_worker(
        self, redis_url: str, client: redis.Redis
    ) -> None:
        for number in range(32):
            put(client, message(str(number), eta=FAR_MS), str(number))
        put(client, message("good"), "good")
        for _ in range(2):
            broker = build_broker(redis_url)
            work = Work(broker)
            with working(broker):
                work.wait(33)
            for number in range(33):
                put(client, message(str(number), eta=FAR_MS), str(number))

    @pytest.mark.parametrize("option", ["max_retries", "retries", "throws", "min_backoff"])
    def test_none_changes_how_often_a_message_is_tried(self, redis_url: str, client: redis.Redis, option: str) -> None:
        broker = build_broker(redis_url, pace=Pace(maintenance=0.02))
        work = Work(broker, max_retries=2, min_backoff=1)
        work.failure = ValueError("no luck")
        put(client, message("1", **{option: {"retries": 99, "throws": "ValueError"}.get(option, FAR_MS)}))
        with working(broker):
            wait_until(lambda: broker.admin.dead_messages(QUEUE, 10), what="its dead letter")
        assert work.started == 3

    @pytest.mark.parametrize("told", [-HUGE, -5, "none", None, float("nan")])
    def test_whoever_tells_of_retries_gains_none(self, redis_url: str, client: redis.Redis, told: Any) -> None:
        broker = build_broker(redis_url)
        work = Work(broker, max_retries=0)
        work.failure = ValueError("no luck")
        put(client, message("1", **{RETRIES: told}))
        with working(broker):
            wait_until(lambda: broker.admin.dead_messages(QUEUE, 10), what="its dead letter")
        assert work.started == 1

    @pytest.mark.parametrize("eta", [FAR_MS, float("inf"), float("nan"), HUGE, -HUGE, None, "soon", [], True])
    def test_nothing_is_delayed_for_long(
        self, redis_url: str, client: redis.Redis, monkeypatch: pytest.MonkeyPatch, eta: Any
    ) -> None:
        """The delay queue is not a producer's; a worker whose clock is wrong may have written it."""
        monkeypatch.setattr(received, "LONGEST_DELAY_MS", 50)
        delayed = f"{QUEUE}.DQ"
        data = encoded(queue_name=delayed, options={"redis_message_id": "1", "eta": eta})
        put(client, data, queue=delayed)
        broker = build_broker(redis_url, pace=Pace(maintenance=0.02))
        work = Work(broker)
        with working(broker):
            work.wait(1)


class TestTimes:
    def test_no_time_of_sending_breaks_a_worker(self, redis_url: str, client: redis.Redis) -> None:
        for name, told in TIMES.items():
            put(client, encoded(name, options={"redis_message_id": name}, message_timestamp=told), name)
        broker = build_broker(redis_url)
        work = Work(broker)
        with working(broker):
            wait_until(lambda: sorted(work.done) == sorted(TIMES), what="all of them")
            wait_until(lambda: not client.exists(wire.messages_key(QUEUE)), what="all to be acknowledged")

    @pytest.mark.parametrize("told", TIMES.values(), ids=TIMES)
    def test_none_breaks_the_reading_of_the_queue(self, redis_url: str, client: redis.Redis, told: Any) -> None:
        broker = build_broker(redis_url)
        put(client, encoded(message_timestamp=told))
        assert broker.admin.backlog(QUEUE).oldest_age is None
        put(client, encoded(message_timestamp=broker.clock.now_ms() - 5000), "2")
        assert broker.admin.backlog(QUEUE).oldest_age == pytest.approx(5, abs=2)


class TestEmptyPlaces:
    def test_many_ids_without_messages_are_passed_over_at_once(self, redis_url: str, client: redis.Redis) -> None:
        many = 200_000
        for start in range(0, many, 10_000):
            client.rpush(wire.queue_key(QUEUE), *range(start, start + 10_000))
        put(client, message("good"), "good")
        broker = build_broker(redis_url)
        consumer = broker.consume(QUEUE, prefetch=4)
        assert next(consumer) is None
        before = calls(client)
        while (found := next(consumer)) is None:
            pass
        assert found.message_id == "good"
        # One fetch, and nothing else but a heartbeat, for each so many places.
        assert calls(client) - before <= 2 * many / MOST_PASSED_OVER
        assert broker.transport.unacknowledged(QUEUE) == {b"good"}

    def test_many_tokens_in_the_bell_wake_nobody_many_times(self, redis_url: str, client: redis.Redis) -> None:
        for _ in range(20):
            client.lpush(wire.bell_key(QUEUE), *[1] * 10_000)
        consumer = build_broker(redis_url, pace=Pace(poll=0.05)).consume(QUEUE, prefetch=4)
        assert next(consumer) is None
        assert client.llen(wire.bell_key(QUEUE)) == 1

    def test_a_message_with_many_places_is_done_once(self, redis_url: str, client: redis.Redis) -> None:
        put(client, message("1"))
        client.rpush(wire.queue_key(QUEUE), *["1"] * 1000)
        broker = build_broker(redis_url)
        consumer = broker.consume(QUEUE, prefetch=4)
        found = next(consumer)
        assert found is not None
        assert [next(consumer) for _ in range(3)] == [None] * 3
        consumer.ack(found)
        assert (client.llen(wire.queue_key(QUEUE)), client.exists(wire.messages_key(QUEUE))) == (0, 0)

    def test_an_empty_message_is_dead(self, redis_url: str, client: redis.Redis) -> None:
        put(client, b"")
        put(client, message("good"), "good")
        broker = build_broker(redis_url)
        found = next(broker.consume(QUEUE, prefetch=4))
        assert found is not None
        assert found.message_id == "good"
        [dead] = broker.admin.dead_messages(QUEUE, 10)
        assert (dead.redis_id, dead.error) == (b"1", "the message is empty")


class TestBytes:
    def test_one_above_the_limit_is_dead_without_being_sent(
        self, redis_url: str, client: redis.Redis, caplog: pytest.LogCaptureFixture
    ) -> None:
        put(client, message("before"), "before")
        put(client, encoded("x" * wire.MAX_MESSAGE_BYTES), "a\nforged line")
        put(client, message("after"), "after")
        broker = build_broker(redis_url)
        work = Work(broker)
        sent: Any = client.info("stats")
        with working(broker):
            wait_until(lambda: work.done == ["before", "after"], what="its neighbours")
        now_sent: Any = client.info("stats")
        assert now_sent["total_net_output_bytes"] - sent["total_net_output_bytes"] < wire.MAX_MESSAGE_BYTES
        [dead] = broker.admin.dead_messages(QUEUE, 10)
        assert dead.redis_id == b"a\nforged line"
        assert dead.error is not None
        assert "a message may have" in dead.error
        assert "a\\nforged line" in caplog.text
        assert client.hlen(wire.messages_key(QUEUE)) == 0

    def test_what_is_in_hand_is_bounded_and_all_is_done(self, redis_url: str, client: redis.Redis) -> None:
        for number in range(8):
            put(client, encoded("x" * 1_000_000, options={"redis_message_id": str(number)}), str(number))
        broker = build_broker(redis_url)
        work = Work(broker)
        work.free.clear()
        most = 0
        with working(broker, threads=8):
            wait_until(lambda: work.started == 2, what="two at work")
            while len(work.done) < 8:
                most = max(most, len(broker.held(QUEUE)))
                work.free.set()
            wait_until(lambda: not client.exists(wire.messages_key(QUEUE)), what="all to be acknowledged")
        assert most == 2

    def test_a_large_one_is_taken_alone(self, redis_url: str, client: redis.Redis) -> None:
        put(client, message("small"), "small")
        put(client, encoded("x" * 3_000_000), "large")
        put(client, message("other"), "other")
        consumer = build_broker(redis_url, pace=Pace(maintenance=0.02)).consume(QUEUE, prefetch=4)
        for redis_id in (b"small", b"large", b"other"):
            found = next(consumer)
            assert found is not None
            assert found.redis_id == redis_id
            assert [next(consumer) for _ in range(3)] == [None] * 3
            consumer.ack(found)


class TestKillers:
    """Workers die here by their heartbeat."""

    @pytest.fixture
    def fetch(self, redis_url: str, client: redis.Redis) -> Callable[..., tuple[Any, list[Any]]]:
        """Starts a worker, and tells what it is given before it has to settle something; those before it are dead."""
        began: list[str] = []

        def start(queue: str = QUEUE, prefetch: int = 8) -> tuple[Any, list[Any]]:
            for broker_id in began:
                client.zadd(f"{wire.NAMESPACE}:__heartbeats__", {broker_id: 1})
            broker = build_broker(redis_url, pace=Pace(maintenance=0.01))
            began.append(broker.broker_id)
            consumer = broker.consume(queue, prefetch=prefetch)
            return consumer, [found for found in (next(consumer) for _ in range(6)) if found]

        return start

    def test_one_that_killed_its_worker_twice_is_dead_and_its_neighbours_are_not(
        self, redis_url: str, client: redis.Redis, fetch: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        for name in ("killer", "neighbour"):
            put(client, message(name), name)
        _, first = fetch()
        assert sorted(each.message_id for each in first) == ["killer", "neighbour"]
        # Both are suspects now: one at a time.
        for _ in range(2):
            consumer, found = fetch()
            [only] = found
            while only.message_id != "killer":
                consumer.ack(only)
                [only] = [each for each in (next(consumer) for _ in range(6)) if each]
        _, found = fetch()
        assert found == []
        [dead] = build_broker(redis_url).admin.dead_messages(QUEUE, 10)
        assert (dead.redis_id, dead.error) == (b"killer", "2 workers died while they had this message alone")
        assert "killer" in caplog.text
        assert (client.llen(wire.queue_key(QUEUE)), client.exists(wire.messages_key(QUEUE))) == (0, 0)
        assert not client.exists(f"{wire.queue_key(QUEUE)}.XQ.suspects")

    def test_what_is_not_suspected_waits_for_a_suspect_and_goes_on_after_it(
        self, client: redis.Redis, fetch: Any
    ) -> None:
        for name in ("a", "b"):
            put(client, message(name), name)
        fetch()
        put(client, message("new"), "new")
        consumer, found = fetch()
        given = []
        while found:
            given.append([each.message_id for each in found])
            for each in found:
                consumer.ack(each)
            found = [each for each in (next(consumer) for _ in range(6)) if each]
        assert sorted(given) == [["a"], ["b"], ["new"]]

    def test_a_hint_is_never_suspected(self, client: redis.Redis, fetch: Any) -> None:
        queue = wire.Queue.EXTRACTION.value
        for number in range(3):
            fields = json.loads(message(str(number))) | {"queue_name": queue}
            put(client, json.dumps(fields).encode(), str(number), queue)
        for _ in range(4):
            _, found = fetch(queue)
            assert len(found) == 3


def test_a_dead_message_of_50_mb_takes_no_minutes(redis_url: str, client: redis.Redis) -> None:
    put(client, b"x" * 50_000_000)
    broker = build_broker(redis_url)
    started = time.monotonic()
    assert next(broker.consume(QUEUE)) is None
    [dead] = broker.admin.dead_messages(QUEUE, 10)
    assert time.monotonic() - started < 10
    assert dead.error is not None
    assert dead.error.startswith("50000000 bytes")
    assert len(dead.data) == 8 * 1024 * 1024
