"""Who is dead and who is only busy."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import redis

from afterword.schemas import wire
from afterword.workers.broker import MendedBroker, Pace, build_broker
from afterword.workers.broker.clock import ServerClock
from tests.support.brokers import QUEUE, Work, encoded, put, stock_broker, working
from tests.support.waiting import wait_until

HEARTBEATS = f"{wire.NAMESPACE}:__heartbeats__"
HOUR_MS = 3_600_000

VICTIM = """
import sys, time
from tests.support.brokers import Work, working
from afterword.workers.broker import Pace, build_broker
broker = build_broker(sys.argv[1], pace=Pace(heartbeat_timeout_ms=1500, maintenance=0.2))
work = Work(broker)
work.free.clear()
with working(broker, threads=1):
    time.sleep(60)
"""


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, protocol=2) as client:
        yield client


def hasty_broker(redis_url: str) -> MendedBroker:
    """It takes others for dead after 1.5 s."""
    return build_broker(redis_url, pace=Pace(heartbeat_timeout_ms=1500, maintenance=0.2))


def test_a_killed_workers_messages_come_back(redis_url: str, client: redis.Redis) -> None:
    for number in range(2):  # one in work, one prefetched
        put(client, encoded(str(number), options={"redis_message_id": str(number)}), str(number))
    with subprocess.Popen([sys.executable, "-c", VICTIM, redis_url]) as victim:
        wait_until(lambda: client.keys("afterword:__acks__.*") and not client.llen(wire.queue_key(QUEUE)), 20, "victim")
        victim.kill()
    broker = hasty_broker(redis_url)
    work = Work(broker)
    with working(broker):
        wait_until(lambda: sorted(work.done) == ["0", "1"], what="the dead worker's messages")


def test_a_worker_full_of_long_jobs_is_not_dead(redis_url: str) -> None:
    broker = hasty_broker(redis_url)
    busy, idle = Work(broker), Work(hasty_broker(redis_url))
    busy.free.clear()
    with working(broker, threads=1):
        for number in range(2):
            busy.actor.send(str(number))
        wait_until(lambda: busy.started and not broker.admin.queue_length(QUEUE), what="a full worker")
        with working(idle.actor.broker):
            started = time.monotonic()
            wait_until(lambda: time.monotonic() > started + 3.5, what="more than the timeout")
            busy.free.set()
            busy.wait(2)
    assert idle.done == []


def test_heartbeats_go_on_while_full(redis_url: str, client: redis.Redis) -> None:
    broker = build_broker(redis_url, pace=Pace(maintenance=0.01))
    put(client, encoded())
    consumer = broker.consume(QUEUE, prefetch=1)
    assert next(consumer)
    client.zadd(HEARTBEATS, {broker.broker_id: 1})
    wait_until(lambda: next(consumer) is None and client.zscore(HEARTBEATS, broker.broker_id) != 1, what="a heartbeat")


def test_who_is_full_brings_a_dead_workers_messages_back_for_others(redis_url: str, client: redis.Redis) -> None:
    for number in range(2):
        put(client, encoded(options={"redis_message_id": str(number)}), str(number))
    dead = build_broker(redis_url)
    full = build_broker(redis_url, pace=Pace(maintenance=0.01)).consume(QUEUE, prefetch=1)
    assert next(dead.consume(QUEUE, prefetch=1))
    assert next(full)
    client.zadd(HEARTBEATS, {dead.broker_id: 1})
    client.delete(wire.bell_key(QUEUE))
    wait_until(lambda: next(full) is None and client.llen(wire.queue_key(QUEUE)) == 1, what="the message to be back")
    assert client.llen(wire.bell_key(QUEUE)) == 1


def test_the_stock_broker_has_none_while_full(redis_url: str, client: redis.Redis) -> None:
    broker = stock_broker(redis_url)
    put(client, encoded())
    consumer = broker.consume(QUEUE, prefetch=1, timeout=1)
    assert next(consumer)
    client.zadd(HEARTBEATS, {broker.broker_id: 1})
    assert [next(consumer) for _ in range(5)] == [None] * 5
    assert client.zscore(HEARTBEATS, broker.broker_id) == 1


def test_a_host_whose_clock_is_ahead_takes_nobody_for_dead(
    redis_url: str, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = build_broker(redis_url)
    put(client, encoded())
    assert next(broker.consume(QUEUE, prefetch=1))
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + HOUR_MS / 1000)
    assert next(build_broker(redis_url).consume(QUEUE)) is None
    assert broker.transport.unacknowledged(QUEUE) == {b"1"}


def test_the_stock_broker_takes_all_others_for_dead(
    redis_url: str, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(client, encoded())
    assert next(stock_broker(redis_url).consume(QUEUE))
    ahead = int(time.time() * 1000) + HOUR_MS
    monkeypatch.setattr("dramatiq.brokers.redis.current_millis", lambda: ahead)
    assert next(stock_broker(redis_url, maintenance_chance=1_000_000).consume(QUEUE))


def test_the_clock_is_the_servers(client: redis.Redis) -> None:
    clock = ServerClock(client)

    def server_ms() -> float:
        seconds, microseconds = client.time()
        return seconds * 1000 + microseconds / 1000

    before = server_ms()
    first, second = clock.now_ms(), clock.now_ms()
    assert before - 5 <= first <= second <= server_ms() + 5


def test_the_clock_is_asked_seldom(client: redis.Redis) -> None:
    def times_asked() -> int:
        return int(client.info("commandstats").get("cmdstat_time", {"calls": 0})["calls"])

    before = times_asked()
    clock = ServerClock(client, max_age=60)
    for _ in range(100):
        clock.now_ms()
    assert times_asked() == before + 1
