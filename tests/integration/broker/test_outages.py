"""The broker while Redis fails it; beside most tests, what Dramatiq's own broker does in the same trouble."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dramatiq
import pytest
import redis
from dramatiq.errors import ConnectionClosed

from afterword.schemas import wire
from afterword.workers.broker import MendedBroker, Pace, build_broker
from afterword.workers.embedded.redis_server import RedisServer
from tests.support.brokers import QUEUE, Work, encoded, put, stock_broker, working
from tests.support.ports import quiet_port
from tests.support.redis_proxy import RedisProxy, Trouble
from tests.support.waiting import wait_until


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, protocol=2) as client:
        yield client


@pytest.fixture
def proxy(redis_server: RedisServer, client: redis.Redis) -> Iterator[RedisProxy]:
    assert client.ping()
    with RedisProxy(redis_server.port) as proxy:
        yield proxy


def mended_broker(url: str) -> MendedBroker:
    return build_broker(url, pace=Pace(poll=0.1, maintenance=0.1, reply=0.4))


def in_redis(client: redis.Redis) -> tuple[int, int, int]:
    """How many messages wait or are in work, are delayed, and are dead."""
    keys = [wire.messages_key(name) for name in (QUEUE, f"{QUEUE}.DQ", f"{QUEUE}.XQ")]
    return client.hlen(keys[0]), client.hlen(keys[1]), client.hlen(keys[2])


def test_a_failing_message_whose_retry_cannot_be_enqueued_is_dead(proxy: RedisProxy, client: redis.Redis) -> None:
    broker = mended_broker(proxy.url)
    work = Work(broker)
    work.failure = ValueError("no such luck")
    put(client, encoded())
    proxy.fail(b"work.DQ.msgs", "request lost")
    with working(broker):
        wait_until(lambda: in_redis(client) == (0, 0, 1), what="the dead letter")
    assert proxy.done
    (dead,) = broker.admin.dead_messages(QUEUE, 10)
    assert dramatiq.Message.decode(dead.data).options["error"] == "ValueError"


def test_the_stock_broker_loses_it(proxy: RedisProxy, client: redis.Redis) -> None:
    broker = stock_broker(proxy.url)
    work = Work(broker)
    work.failure = ValueError("no such luck")
    put(client, encoded())
    broker.do_qsize(QUEUE)  # loads its script, whose text would be taken for the command
    proxy.fail(b"enqueue", "request lost")
    with working(broker):
        wait_until(lambda: in_redis(client) == (0, 0, 0), what="the loss")
    assert proxy.done


@pytest.mark.parametrize("settle", ["ack", "nack"])
@pytest.mark.parametrize("trouble", ["request lost", "reply lost", "silence"])
def test_settling_is_tried_again_after_any_error(
    proxy: RedisProxy, client: redis.Redis, settle: str, trouble: Trouble
) -> None:
    consumer = mended_broker(proxy.url).consume(QUEUE)
    put(client, encoded())
    message = next(consumer)
    assert message
    proxy.fail(settle.encode(), trouble)
    with pytest.raises(ConnectionClosed):  # which makes Dramatiq try again
        getattr(consumer, settle)(message)
    assert next(consumer) is None  # still held: not handed out twice
    getattr(consumer, settle)(message)
    assert in_redis(client) == (0, 0, int(settle == "nack"))


def test_the_stock_broker_gives_up_after_a_timeout(proxy: RedisProxy, client: redis.Redis) -> None:
    consumer = stock_broker(proxy.url).consume(QUEUE)
    put(client, encoded())
    message = next(consumer)
    assert message
    proxy.fail(b"ack", "silence")
    with pytest.raises(redis.TimeoutError):  # which Dramatiq takes for a bug: it logs and leaves the message
        consumer.ack(message)


@pytest.mark.parametrize("trouble", ["request lost", "reply lost", "silence"])
def test_a_lost_fetch_strands_nothing(proxy: RedisProxy, client: redis.Redis, trouble: Trouble) -> None:
    broker = mended_broker(proxy.url)
    work = Work(broker)
    with working(broker):
        work.actor.send("before")
        wait_until(lambda: work.done == ["before"], what="the worker to listen")
        proxy.fail(b"fetch", trouble)
        wait_until(lambda: proxy.done, what="a fetch to be hit")
        for number in range(5):
            put(client, encoded(str(number), options={"redis_message_id": str(number)}), str(number))
        wait_until(lambda: len(work.done) == 6, what="what the lost fetch took")
        wait_until(lambda: in_redis(client) == (0, 0, 0), what="all to be acknowledged")


def test_a_first_fetch_that_is_lost_with_its_messages(proxy: RedisProxy, client: redis.Redis) -> None:
    put(client, encoded())
    proxy.fail(b"fetch", "reply lost")
    consumer = mended_broker(proxy.url).consume(QUEUE)
    assert next(consumer) is None
    message = next(consumer)
    assert message
    assert message.redis_id == b"1"


def test_the_stock_broker_strands_them(proxy: RedisProxy, client: redis.Redis) -> None:
    broker = stock_broker(proxy.url)
    put(client, encoded())
    broker.do_qsize(QUEUE)  # loads its script, whose text would be taken for the command
    proxy.fail(b"fetch", "reply lost")
    with pytest.raises(ConnectionClosed):
        next(broker.consume(QUEUE, timeout=1))
    consumer = broker.consume(QUEUE, timeout=1)  # Dramatiq's thread goes on with a new one
    assert [next(consumer) for _ in range(5)] == [None] * 5
    assert client.smembers(f"afterword:__acks__.{broker.broker_id}.{QUEUE}") == {b"1"}


def test_an_outage_is_logged_once(proxy: RedisProxy, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    broker = mended_broker(proxy.url)
    consumer = broker.consume(QUEUE)
    for _ in range(3):
        proxy.fail(b"afterword", "request lost")
        assert next(consumer) is None
    assert next(consumer) is None
    lines = [message for message in caplog.messages if "Redis" in message]
    assert len(lines) == 2
    assert lines[0].startswith(f"Redis failed queue {QUEUE!r}")
    assert lines[1] == f"Redis serves queue {QUEUE!r} again."


def test_workers_outlive_a_restart_of_redis(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, quiet_port())
    server.start()
    try:
        broker = mended_broker(server.url)
        work = Work(broker, min_backoff=1)
        with working(broker):
            work.actor.send("before")
            wait_until(lambda: work.done == ["before"], what="the first message")
            server.kill()
            server.start()
            broker.enqueue(work.actor.message("after"))
            wait_until(lambda: work.done == ["before", "after"], what="the message after the restart")
            work.failure = ValueError("delayed messages go on, too")
            work.actor.send("retried")
            wait_until(lambda: work.started == 4, what="its retry")
            work.failure = None
            wait_until(lambda: "retried" in work.done, what="the last message")
    finally:
        server.stop()


def test_delayed_messages_survive_that_they_cannot_be_moved(proxy: RedisProxy, client: redis.Redis) -> None:
    broker = mended_broker(proxy.url)
    work = Work(broker)
    with working(broker):
        broker.enqueue(work.actor.message("later"), delay=300)
        proxy.fail(b"HSET", "request lost")
        wait_until(lambda: work.done == ["later"], what="the delayed message")
        wait_until(lambda: in_redis(client) == (0, 0, 0), what="all to be acknowledged")
    assert proxy.done


class TestFullRedis:
    """`noeviction` refuses what needs memory; working off a queue must not."""

    @pytest.fixture
    def full(self, client: redis.Redis) -> Iterator[None]:
        for number in range(20):
            put(client, encoded(str(number)), str(number))
        client.config_set("maxmemory", 1)
        yield
        client.config_set("maxmemory", 0)

    @pytest.mark.usefixtures("full")
    def test_its_queues_are_worked_off(self, redis_url: str, client: redis.Redis) -> None:
        if int(str(dict(client.info("server"))["redis_version"]).split(".")[0]) < 7:
            pytest.skip("before Redis 7 no script may run in a full Redis")
        broker = mended_broker(redis_url)
        work = Work(broker)
        with working(broker):
            work.wait(20)
            wait_until(lambda: in_redis(client)[0] == 0, what="every message to be acknowledged")

    @pytest.mark.usefixtures("full")
    def test_the_stock_broker_is_stuck(self, redis_url: str) -> None:
        broker = stock_broker(redis_url)
        Work(broker)
        with pytest.raises(redis.ResponseError, match="used memory > 'maxmemory'"):
            broker.do_fetch(QUEUE, 1)
