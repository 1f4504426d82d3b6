"""Messages that are none, and those fetched with them."""

from __future__ import annotations

from collections.abc import Iterator

import dramatiq
import pytest
import redis

from afterword.schemas import wire
from afterword.workers.broker import Pace, build_broker
from tests.support.brokers import QUEUE, Work, encoded, put, stock_broker, working
from tests.support.waiting import wait_until

UNREADABLE = {
    "no JSON": b"{not json",
    "no text": b"\xff\xfe",
    "no object": b"[]",
    "no options": encoded(options=None),
    "no id": encoded(options={}),
    "an id that is no text": encoded(options={"redis_message_id": "\ud800"}),
    "a foreign queue": encoded(queue_name="elsewhere"),
    "an actor that is no name": encoded(actor_name=["a"]),
    "keywords that are none": encoded(kwargs="a"),
    "a name without end": encoded(actor_name="a" * 100_000),
}


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, protocol=2) as client:
        yield client


def good(name: str) -> bytes:
    return encoded(name, options={"redis_message_id": name}, message_id=name)


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE)
def test_it_is_set_aside_alone(redis_url: str, client: redis.Redis, data: bytes) -> None:
    put(client, good("before"), "before")
    put(client, data, "1")
    put(client, good("after"), "after")
    broker = build_broker(redis_url, pace=Pace(heartbeat_timeout_ms=60_000))
    work = Work(broker)
    with working(broker, threads=3):
        wait_until(lambda: {"before", "after"} <= set(work.done), what="its neighbours")
        wait_until(lambda: broker.admin.dead_messages(QUEUE, 10), what="its dead letter")
        wait_until(lambda: not client.exists(wire.messages_key(QUEUE)), what="all to be acknowledged")
    (dead,) = broker.admin.dead_messages(QUEUE, 10)
    assert (dead.message_id, dead.data) == ("1", data)


def test_a_message_with_anothers_id_is_settled_under_that_of_its_place(redis_url: str, client: redis.Redis) -> None:
    put(client, good("nobody's"), "1")
    broker = build_broker(redis_url)
    work = Work(broker)
    with working(broker):
        wait_until(lambda: work.done == ["nobody's"], what="it to be done")
        wait_until(lambda: not client.exists(wire.messages_key(QUEUE)), what="it to be acknowledged")
    assert broker.admin.dead_messages(QUEUE, 10) == []


def test_the_stock_broker_loses_its_neighbours_until_a_restart(redis_url: str, client: redis.Redis) -> None:
    put(client, b"{not json", "1")
    put(client, good("after"), "after")
    broker = stock_broker(redis_url)
    with pytest.raises(dramatiq.DecodeError):
        next(broker.consume(QUEUE, prefetch=3, timeout=1))
    consumer = broker.consume(QUEUE, prefetch=3, timeout=1)  # Dramatiq's thread goes on with a new one
    assert [next(consumer) for _ in range(5)] == [None] * 5
    assert client.smembers(f"afterword:__acks__.{broker.broker_id}.{QUEUE}") == {b"1", b"after"}


def test_an_unknown_actor_does_no_harm(redis_url: str, client: redis.Redis) -> None:
    put(client, encoded(actor_name="nobody"), "1")
    put(client, good("after"), "after")
    broker = build_broker(redis_url)
    work = Work(broker)
    with working(broker):
        wait_until(lambda: work.done == ["after"], what="its neighbour")
        wait_until(lambda: broker.admin.dead_messages(QUEUE, 10), what="its dead letter")
    (dead,) = broker.admin.dead_messages(QUEUE, 10)
    assert dramatiq.Message.decode(dead.data).options["error"] == "ActorNotFound"


def test_an_id_without_message_does_no_harm(redis_url: str, client: redis.Redis) -> None:
    client.rpush(wire.queue_key(QUEUE), "nothing")
    put(client, good("after"), "after")
    broker = build_broker(redis_url)
    work = Work(broker)
    with working(broker):
        wait_until(lambda: work.done == ["after"], what="its neighbour")
        wait_until(lambda: not broker.transport.unacknowledged(QUEUE), what="the id to be dropped")
    assert broker.admin.dead_messages(QUEUE, 10) == []
    assert broker.admin.queue_length(QUEUE) == 0
