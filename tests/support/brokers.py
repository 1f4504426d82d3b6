"""Brokers and workers for the broker's tests."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from redis.backoff import NoBackoff
from redis.retry import Retry

from afterword.schemas import wire
from afterword.workers.broker import MendedBroker
from tests.support.waiting import wait_until

QUEUE = "work"
ACTOR = "do_work"


def stock_broker(redis_url: str, **options: Any) -> RedisBroker:
    """Dramatiq's own broker on our keys, to show what it does in the same trouble."""
    client = redis.Redis.from_url(redis_url, protocol=2, socket_timeout=0.5, retry=Retry(NoBackoff(), 0))
    middleware = [dramatiq.middleware.Retries(max_retries=3, min_backoff=500)]
    return RedisBroker(client=client, namespace=wire.NAMESPACE, middleware=middleware, **options)


class Work:
    """The calls of an actor, which can be made to block or to fail."""

    def __init__(self, broker: dramatiq.Broker, **options: Any) -> None:
        self.done: list[str] = []
        self.started = 0
        self.free = threading.Event()
        self.free.set()
        self.failure: Exception | None = None
        self.actor = dramatiq.actor(broker=broker, queue_name=QUEUE, actor_name=ACTOR, **options)(self._work)

    def wait(self, count: int) -> None:
        """Until it was done `count` times."""
        wait_until(lambda: len(self.done) >= count, what=f"{count} messages to be done")

    def _work(self, what: str) -> None:
        self.started += 1
        self.free.wait(30)
        if self.failure:
            raise self.failure
        self.done.append(what)


@contextmanager
def working(broker: dramatiq.Broker, threads: int = 2) -> Iterator[dramatiq.Worker]:
    """A worker of all of the broker's queues."""
    worker = dramatiq.Worker(broker, worker_threads=threads, worker_timeout=100)
    worker.start()
    try:
        yield worker
    finally:
        stopping = threading.Thread(target=worker.stop, kwargs={"timeout": 5000})
        stopping.start()
        while stopping.is_alive():
            if isinstance(broker, MendedBroker):
                broker.transport.ring(QUEUE)  # a consumer that listens for long hears that it is over
            stopping.join(0.05)


def encoded(what: str = "some work", **changes: Any) -> bytes:
    """A message for `Work` in Redis id "1", with `changes` to its fields."""
    fields = {
        "queue_name": QUEUE,
        "actor_name": ACTOR,
        "args": [what],
        "kwargs": {},
        "options": {"redis_message_id": "1"},
        "message_id": "m-1",
        "message_timestamp": 1_780_000_000_000,
    }
    return json.dumps(fields | changes).encode()


def put(client: redis.Redis, data: bytes, redis_id: str = "1", queue: str = QUEUE) -> None:
    """Place raw data in a queue, without ringing."""
    client.hset(wire.messages_key(queue), redis_id, data)
    client.rpush(wire.queue_key(queue), redis_id)
