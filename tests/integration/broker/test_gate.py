"""A gate that stops fetching, and messages that actors postpone."""

from __future__ import annotations

from collections.abc import Iterator

import dramatiq
import pytest
import redis

from afterword.schemas import wire
from afterword.workers.broker import MendedBroker, Pace, Postponed, build_broker
from tests.support.brokers import QUEUE, Work, encoded, put, working
from tests.support.waiting import wait_until

HEARTBEATS = f"{wire.NAMESPACE}:__heartbeats__"
BELL = wire.bell_key(QUEUE)


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, protocol=2) as client:
        yield client


class Gate:
    def __init__(self) -> None:
        self.is_open = True
        self.asked = 0

    def __call__(self) -> bool:
        self.asked += 1
        return self.is_open


def gated_broker(redis_url: str, gate: Gate) -> MendedBroker:
    return build_broker(redis_url, gate=gate, pace=Pace(maintenance=0.1))


def test_while_it_is_shut_nothing_is_taken_but_heartbeats_go_on(redis_url: str, client: redis.Redis) -> None:
    gate = Gate()
    gate.is_open = False
    broker = gated_broker(redis_url, gate)
    work = Work(broker)
    with working(broker):
        work.actor.send("a")
        wait_until(lambda: gate.asked > 2, what="the gate to be asked")
        client.zadd(HEARTBEATS, {broker.broker_id: 1})
        wait_until(lambda: client.zscore(HEARTBEATS, broker.broker_id) != 1, what="a heartbeat")
        assert broker.admin.queue_length(QUEUE) == 1
        assert client.llen(BELL) == 1
        gate.is_open = True
        wait_until(lambda: work.done == ["a"], what="the open gate to be noticed")


def test_what_arrives_while_it_shuts_goes_back(redis_url: str, client: redis.Redis) -> None:
    gate = Gate()
    broker = build_broker(redis_url, gate=gate, pace=Pace(poll=0.1))
    consumer = broker.consume(QUEUE)
    assert next(consumer) is None  # from now on it listens
    broker.do_enqueue(QUEUE, "1", encoded())
    answers = iter([True, False])
    broker.gate = lambda: next(answers)
    assert next(consumer) is None
    assert broker.admin.queue_length(QUEUE) == 1
    assert client.llen(BELL) == 1
    assert len(broker.held(QUEUE)) == 0


def test_who_takes_no_more_hears_of_it_while_listening_and_leaves_what_comes(
    redis_url: str, client: redis.Redis
) -> None:
    broker = build_broker(redis_url, pace=Pace(poll=60, maintenance=60))
    work = Work(broker)
    worker = dramatiq.Worker(broker, worker_threads=1, worker_timeout=10)
    worker.start()
    work.actor.send("a")
    work.wait(1)
    wait_until(lambda: client.info("clients")["blocked_clients"], what="a wait for the bell")
    broker.take_no_more()
    work.actor.send("b")
    worker.stop(timeout=10_000)
    assert not any(consumer.is_alive() for consumer in worker.consumers.values())
    assert broker.admin.queue_length(QUEUE) == 1
    assert work.done == ["a"]


def test_a_postponed_message_waits_without_burning_an_attempt(
    redis_url: str, client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate()
    broker = gated_broker(redis_url, gate)
    work = Work(broker, max_retries=0)
    work.failure = Postponed("PostgreSQL is down")
    with working(broker, threads=1):
        work.actor.send("a")
        wait_until(lambda: work.started, what="the first attempt")
        gate.is_open = False
        # A fetch that was under way when the gate closed may take it once more.
        wait_until(
            lambda: broker.admin.queue_length(QUEUE) == 1 and not broker.transport.unacknowledged(QUEUE),
            what="the message to be back",
        )
        work.failure = None
        gate.is_open = True
        wait_until(lambda: work.done == ["a"], what="the second attempt")
        wait_until(lambda: not client.exists(wire.messages_key(QUEUE)), what="its ack")
    assert broker.admin.dead_messages(QUEUE, 10) == []
    assert [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []


def test_after_a_postponed_message_the_consumer_rests(redis_url: str, client: redis.Redis) -> None:
    put(client, encoded())
    broker = build_broker(redis_url)
    consumer = broker.consume(QUEUE)
    message = next(consumer)
    assert message
    message.stuff_exception(Postponed())
    consumer.ack(message)
    assert broker.admin.queue_length(QUEUE) == 1
    assert client.llen(BELL) == 1  # others may take it at once
    assert next(consumer) is None
    assert broker.admin.queue_length(QUEUE) == 1
