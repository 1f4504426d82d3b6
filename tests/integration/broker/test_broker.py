"""The broker in good times: bell, queue, dead letters, shutdown."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import dramatiq
import pytest
import redis

from afterword.schemas import wire
from afterword.schemas.commands import ListUsers
from afterword.schemas.errors import MemoryUnavailable
from afterword.workers.broker import MendedBroker, Pace, build_broker
from tests.support.brokers import QUEUE, Work, encoded, put, stock_broker, working
from tests.support.waiting import wait_until

BELL = wire.bell_key(QUEUE)
RARELY = 120.0
"""Longer than any wait of these tests: who is awake by then heard the bell."""


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, protocol=2) as client:
        yield client


def listening_broker(redis_url: str) -> MendedBroker:
    """It would look at its queue once in two minutes if no bell rang: no wait of a test is as long."""
    return build_broker(redis_url, pace=Pace(poll=RARELY, maintenance=RARELY, heartbeat_timeout_ms=int(RARELY * 3000)))


def test_an_idle_worker_wakes_by_the_bell(redis_url: str) -> None:
    broker = listening_broker(redis_url)
    work = Work(broker)
    with working(broker):
        for turn in range(20):
            broker.enqueue(work.actor.message(str(turn)))
            work.wait(turn + 1)


def test_the_stock_broker_sleeps_through_an_arrival(
    redis_url: str, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 12:
            put(client, encoded())

    monkeypatch.setattr("dramatiq.brokers.redis.time", SimpleNamespace(sleep=sleep))
    consumer = stock_broker(redis_url).consume(QUEUE, timeout=10_000)
    while next(consumer) is None:
        pass
    assert slept[-1] >= 5


def test_several_workers_of_one_queue_lose_no_wakeup(redis_url: str) -> None:
    publisher = listening_broker(redis_url)
    works = [Work(broker) for broker in (publisher, listening_broker(redis_url), listening_broker(redis_url))]
    sent: list[str] = []

    def all_done() -> bool:
        return sorted(what for work in works for what in work.done) == sorted(sent)

    with working(works[0].actor.broker, 1), working(works[1].actor.broker, 2), working(works[2].actor.broker, 3):
        for _ in range(40):
            for _ in range(random.randint(1, 12)):
                sent.append(str(len(sent)))
                publisher.enqueue(works[0].actor.message(sent[-1]))
            wait_until(all_done, what="all messages of a burst, each once")


def test_one_ring_for_many_messages_wakes_everyone(redis_url: str, client: redis.Redis) -> None:
    first, second = Work(listening_broker(redis_url)), Work(listening_broker(redis_url))
    for work in (first, second):
        work.free.clear()
    with working(first.actor.broker, 1), working(second.actor.broker, 1):
        wait_until(lambda: client.info("clients")["blocked_clients"] == 2, what="both to listen")
        for number in range(4):  # each worker takes two: one in work, one prefetched
            put(client, encoded(options={"redis_message_id": str(number)}), str(number))
        client.lpush(BELL, 1)
        wait_until(lambda: first.started == second.started == 1, what="both workers at work")
        first.free.set()
        second.free.set()


def test_who_may_have_left_work_rings_again(redis_url: str, client: redis.Redis) -> None:
    for number in range(2):
        put(client, encoded(options={"redis_message_id": str(number)}), str(number))
    consumer = listening_broker(redis_url).consume(QUEUE, prefetch=1)
    assert next(consumer)
    assert client.llen(BELL) == 1


def test_who_is_full_leaves_the_bell_alone_and_fetches_once_there_is_room(redis_url: str, client: redis.Redis) -> None:
    broker = build_broker(redis_url, pace=Pace(maintenance=0.1))
    consumer = broker.consume(QUEUE, prefetch=1)
    broker.do_enqueue(QUEUE, "1", encoded())
    first = next(consumer)
    broker.do_enqueue(QUEUE, "2", encoded(options={"redis_message_id": "2"}))
    assert first
    assert next(consumer) is None
    assert client.llen(BELL) == 1

    consumer.ack(first)
    second = next(consumer)
    assert second
    assert second.redis_id == b"2"


def test_an_ack_wakes_who_is_full(redis_url: str) -> None:
    broker = listening_broker(redis_url)
    work = Work(broker)
    with working(broker, threads=1):
        for number in range(6):
            work.actor.send(str(number))
        work.wait(6)


@pytest.fixture
def forbidden_bell(redis_url: str, client: redis.Redis) -> Iterator[str]:
    """The URL of a user who may use everything but the bell."""
    keys = [f"afterword{key}" for key in ("", ":__*", f":{QUEUE}", f":{QUEUE}.msgs", f":{QUEUE}.DQ*", f":{QUEUE}.XQ*")]
    client.acl_setuser("deaf", enabled=True, passwords="+secret", commands=["+@all"], keys=keys)
    yield redis_url.replace("redis://", "redis://deaf:secret@")
    client.acl_deluser("deaf")


def bell_warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if "fails, polling instead" in record.message]


def test_a_forbidden_bell_makes_workers_poll(
    forbidden_bell: str, client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    broker = build_broker(forbidden_bell, pace=Pace(poll=0.1))
    work = Work(broker)
    with working(broker):
        for number in range(3):
            put(client, encoded(str(number), options={"redis_message_id": str(number)}), str(number))
            work.wait(number + 1)
        work.actor.send("enqueued all the same")
        work.wait(4)
    assert len(bell_warnings(caplog)) == 1


def test_a_broken_bell_makes_workers_poll_until_it_works_again(
    redis_url: str, client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    client.set(BELL, "not a list")
    broker = build_broker(redis_url, pace=Pace(poll=0.1))
    work = Work(broker)
    with working(broker):
        work.actor.send("polled")
        wait_until(lambda: work.done == ["polled"], what="a poll")
        wait_until(lambda: bell_warnings(caplog), what="the warning")
        client.delete(BELL)
        wait_until(lambda: broker.transport.bell_works(QUEUE), what="the bell to work again")
    assert len(bell_warnings(caplog)) == 1
    assert f"The bell of queue {QUEUE!r} works again." in caplog.messages


def test_messages_of_the_wire_are_dramatiqs(redis_url: str) -> None:
    broker = build_broker(redis_url)
    command = ListUsers(reply_to=wire.new_reply_key())
    message_id = broker.admin.enqueue_body(wire.Queue.COMMANDS, command)
    assert broker.admin.queue_length(wire.Queue.COMMANDS) == 1

    message = next(stock_broker(redis_url).consume(wire.Queue.COMMANDS))
    assert message
    assert message.message_id == message.options["redis_message_id"] == message_id
    assert message.actor_name == wire.ACTORS[wire.Queue.COMMANDS]
    assert ListUsers.model_validate(message.args[0]) == command


def test_services_are_told_when_redis_is_away() -> None:
    broker = build_broker("redis://127.0.0.1:1/0")
    command = ListUsers(reply_to=wire.new_reply_key())
    with pytest.raises(MemoryUnavailable):
        broker.admin.enqueue_body(wire.Queue.COMMANDS, command)
    with pytest.raises(MemoryUnavailable):
        broker.admin.queue_length(QUEUE)
    with pytest.raises(MemoryUnavailable):
        broker.admin.dead_messages(QUEUE, 10)


def test_a_message_that_keeps_failing_is_dead_and_tells_why(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    broker = build_broker(redis_url, pace=Pace(maintenance=0.05))
    work = Work(broker, max_retries=2, min_backoff=1)
    work.failure = ValueError("no such luck")
    with working(broker):
        work.actor.send("words of a user")
        wait_until(lambda: broker.admin.dead_messages(QUEUE, 10), what="the dead letter")
    (dead,) = broker.admin.dead_messages(QUEUE, 10)
    message = dramatiq.Message.decode(dead.data)
    assert work.started == 3
    assert message.options["error"] == "ValueError"
    assert "traceback" not in message.options
    assert message.args == ("words of a user",)
    assert "words of a user" not in caplog.text

    broker.admin.forget_dead(QUEUE, [dead.redis_id])
    assert broker.admin.dead_messages(QUEUE, 10) == []
    assert broker.client.keys("afterword:work*") in ([], [BELL.encode()])


def test_a_message_that_fails_once_is_tried_again(redis_url: str) -> None:
    broker = build_broker(redis_url, pace=Pace(maintenance=0.05))
    work = Work(broker, min_backoff=1)
    work.failure = ValueError("not now")
    with working(broker):
        work.actor.send("a")
        wait_until(lambda: work.started, what="the first attempt")
        work.failure = None
        wait_until(lambda: work.done == ["a"], what="the retry")
    assert broker.admin.dead_messages(QUEUE, 10) == []


def test_an_expected_error_is_not_tried_again(redis_url: str) -> None:
    broker = build_broker(redis_url)
    work = Work(broker, throws=ValueError)
    work.failure = ValueError("never")
    with working(broker):
        work.actor.send("a")
        wait_until(lambda: broker.admin.dead_messages(QUEUE, 10), what="the dead letter")
    assert work.started == 1


def test_stopping_hands_back_what_was_not_started(redis_url: str, client: redis.Redis) -> None:
    broker = build_broker(redis_url)
    work = Work(broker)
    work.free.clear()
    with working(broker, threads=2) as worker:
        for number in range(6):
            work.actor.send(str(number))
        wait_until(
            lambda: work.started == 2 and broker.admin.queue_length(QUEUE) == 2, what="two at work, two prefetched"
        )
        worker.stop(timeout=300)
        assert broker.admin.queue_length(QUEUE) == 4
        assert client.llen(BELL) == 1
        work.free.set()
        wait_until(lambda: len(work.done) == 2, what="the started ones")
    wait_until(lambda: client.hlen(wire.messages_key(QUEUE)) == 4, what="their acks")


def test_closing_hands_back_what_was_fetched(redis_url: str, client: redis.Redis) -> None:
    for number in range(3):
        put(client, encoded(options={"redis_message_id": str(number)}), str(number))
    broker = build_broker(redis_url)
    consumer = broker.consume(QUEUE, prefetch=3)
    assert next(consumer)
    client.delete(BELL)
    consumer.close()
    assert client.lrange(wire.queue_key(QUEUE), 0, -1) == [b"1", b"2"]
    assert client.llen(BELL) == 1


def test_an_idle_delay_queue_is_looked_at_with_each_maintenance_only(
    redis_url: str, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("afterword.workers.broker.consumer.GATE_SECONDS", 0.001)
    consumer = listening_broker(redis_url).consume(f"{QUEUE}.DQ", prefetch=100)
    assert next(consumer) is None
    before = client.info("commandstats")["cmdstat_evalsha"]["calls"]
    assert [next(consumer) for _ in range(20)] == [None] * 20
    assert client.info("commandstats")["cmdstat_evalsha"]["calls"] == before


def test_a_consumer_can_stop_while_it_is_full(redis_url: str) -> None:
    broker = build_broker(redis_url)
    work = Work(broker)
    work.free.clear()
    with working(broker, threads=1) as worker:
        for number in range(3):
            work.actor.send(str(number))
        wait_until(lambda: work.started, what="the first")
        stopping = threading.Thread(target=worker.stop, kwargs={"timeout": 300})
        stopping.start()
        stopping.join(10)
        assert not stopping.is_alive()
        work.free.set()
