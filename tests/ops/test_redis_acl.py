"""What a worker and a producer may do on the Redis that ops ships, and what it refuses them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import dramatiq
import pytest
import redis
import redis.asyncio
from dramatiq.brokers.redis import RedisBroker

from afterword.gateway.callers import Caller
from afterword.gateway.limits import DoorLimits, OverLimit
from afterword.gateway.metrics import GatewayMetrics
from afterword.gateway.settings import GatewaySettings
from afterword.schemas.context import ContextRequest
from afterword.schemas.limits import LimitedKind
from afterword.schemas.wire import (
    NAMESPACE,
    REPLY_TTL_MS,
    Queue,
    bell_key,
    encode_message,
    enqueue_commands,
    messages_key,
    new_reply_key,
    queue_key,
)
from afterword.workers.models.embedders.shared import KEY_PREFIX
from tests.conftest import unavailable
from tests.support.ops_redis import OpsRedis, available

PUBLISHED_TO = (Queue.CONVERSATIONS, Queue.CONTEXT, Queue.COMMANDS)
KEPT_FROM = tuple(queue for queue in Queue if queue not in PUBLISHED_TO)
Command = tuple[str | int | bytes, ...]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpsRedis]:
    if not available():
        unavailable("no redis-server on PATH")
    server = OpsRedis(tmp_path_factory.mktemp("redis"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def worker(server: OpsRedis) -> Iterator[Any]:
    with server.client("worker") as client:
        yield client
        for key in client.scan_iter():
            client.delete(key)


@pytest.fixture
def producer(server: OpsRedis) -> Iterator[Any]:
    with server.client("producer") as client:
        yield client


def publish(client: Any, queue: Queue) -> str:
    message_id = str(uuid4())
    body = ContextRequest(user_id="ann", reply_to=new_reply_key())
    encoded = encode_message(queue, body, now_ms=0, message_id=message_id)
    with client.pipeline(transaction=True) as pipeline:
        for command in enqueue_commands(queue, message_id, encoded):
            pipeline.execute_command(*command)
        pipeline.execute()
    return message_id


def refused(client: Any, *command: str | int | bytes) -> None:
    with pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*command)


# The worker


def test_dramatiq_finds_all_it_needs(server: OpsRedis, worker: Any) -> None:
    make: Any = RedisBroker  # not typed
    broker = make(url=server.url("worker"), namespace=NAMESPACE, maintenance_chance=1_000_000, middleware=[])
    broker.declare_queue("context")
    for number in range(3):
        broker.enqueue(dramatiq.Message("context", "answer_context", (number,), {}, {}))
    consumer = broker.consume("context", prefetch=3, timeout=10)
    first, second, third = (next(consumer) for _ in range(3))
    consumer.ack(first)
    consumer.nack(second)
    consumer.requeue([third])
    assert worker.llen(queue_key("context")) == 1
    assert worker.zcard(queue_key("context.XQ")) == 1
    broker.flush_all()
    broker.close()


def test_a_worker_wakes_replies_and_looks_after_redis(worker: Any) -> None:
    reply_key = new_reply_key()
    with worker.pipeline(transaction=True) as pipeline:
        pipeline.rpush(reply_key, "{}").pexpire(reply_key, REPLY_TTL_MS)
        pipeline.execute()
    worker.lpush(bell_key("context"), 1)
    assert worker.blpop([bell_key("context")], timeout=1) == [b"afterword:context.bell", b"1"]
    assert worker.register_script("return redis.call('llen', KEYS[1])")(keys=[reply_key]) == 1
    assert list(worker.scan_iter(match="afterword:*")) == [reply_key.encode()]
    assert worker.set("afterword:leader", "me", nx=True, px=1000)
    assert worker.set(f"{KEY_PREFIX}0:0", b"vector", ex=60)
    assert worker.mget([f"{KEY_PREFIX}0:0"]) == [b"vector"]
    assert "maxmemory" in worker.info("memory")
    assert worker.time()
    assert worker.info("server")["redis_version"]


@pytest.mark.parametrize(
    "command",
    [
        ("GET", "somebody-elses"),
        ("SET", "somebody-elses", "x"),
        ("EVAL", "return redis.call('get', KEYS[1])", 1, "somebody-elses"),
        ("FLUSHALL",),
        ("FLUSHDB",),
        ("CONFIG", "SET", "maxmemory-policy", "allkeys-lru"),
        ("ACL", "LIST"),
        ("ACL", "SETUSER", "worker", "+@all"),
        ("SHUTDOWN", "NOSAVE"),
        ("MONITOR",),
        ("CLIENT", "KILL", "TYPE", "normal"),
        ("FUNCTION", "LIST"),
        ("SCRIPT", "FLUSH"),
        ("REPLICAOF", "NO", "ONE"),
        ("SUBSCRIBE", "x"),
    ],
    ids=lambda command: " ".join(map(str, command[:2])),
)
def test_a_worker_leaves_the_rest_alone(worker: Any, command: Command) -> None:
    refused(worker, *command)


# The producer


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("queue", PUBLISHED_TO)
def test_a_producer_publishes_and_asks(server: OpsRedis, worker: Any, queue: Queue, protocol: int) -> None:
    with server.client("producer", protocol=protocol) as client:
        message_id = publish(client, queue)
        assert client.ping()
        assert client.time()
    assert worker.lrange(queue_key(queue), 0, -1) == [message_id.encode()]
    assert worker.hexists(messages_key(queue), message_id)
    assert worker.llen(bell_key(queue)) == 1


async def ask_asynchronously(url: str) -> bool:
    client: Any = redis.asyncio.Redis.from_url(url)
    async with client, client.pipeline(transaction=True) as pipeline:
        for command in enqueue_commands(Queue.CONTEXT, "id", b"{}"):
            pipeline.execute_command(*command)
        await pipeline.execute()
        return await client.blpop([new_reply_key()], timeout=0.01) is None


def test_an_asynchronous_producer_publishes_and_waits(server: OpsRedis, worker: Any) -> None:
    assert asyncio.run(ask_asynchronously(server.url("producer")))
    assert worker.llen(queue_key("context")) == 1


def test_a_producer_takes_its_reply(worker: Any, producer: Any) -> None:
    reply_key = new_reply_key()
    worker.rpush(reply_key, "first", "second")
    assert producer.blpop([reply_key], timeout=1) == [reply_key.encode(), b"first"]
    assert producer.lpop(reply_key) == b"second"


@pytest.mark.parametrize("queue", KEPT_FROM)
def test_a_producer_does_not_publish_to_the_workers_own_queues(producer: Any, queue: Queue) -> None:
    for command in enqueue_commands(queue, "id", b"{}"):
        refused(producer, *command)


@pytest.mark.parametrize("queue", PUBLISHED_TO)
@pytest.mark.parametrize(
    "read_or_remove",
    [
        lambda queue: ("HGET", messages_key(queue), "id"),
        lambda queue: ("HGETALL", messages_key(queue)),
        lambda queue: ("HKEYS", messages_key(queue)),
        lambda queue: ("HDEL", messages_key(queue), "id"),
        lambda queue: ("LRANGE", queue_key(queue), 0, -1),
        lambda queue: ("LPOP", queue_key(queue)),
        lambda queue: ("BLPOP", queue_key(queue), 1),
        lambda queue: ("LTRIM", queue_key(queue), 1, 0),
        lambda queue: ("LLEN", queue_key(queue)),
        lambda queue: ("DEL", queue_key(queue)),
        lambda queue: ("EXPIRE", messages_key(queue), 1),
        lambda queue: ("RENAME", queue_key(queue), f"{NAMESPACE}:reply:mine"),
        lambda queue: ("LMOVE", queue_key(queue), f"{NAMESPACE}:reply:mine", "LEFT", "LEFT"),
        lambda queue: ("HGETALL", messages_key(f"{queue}.XQ")),
        lambda queue: ("BLPOP", bell_key(queue), 1),
    ],
)
def test_a_producer_neither_reads_nor_removes_messages(
    producer: Any, queue: Queue, read_or_remove: Callable[[Queue], Command]
) -> None:
    refused(producer, *read_or_remove(queue))


@pytest.mark.parametrize(
    "command",
    [
        ("KEYS", "*"),
        ("SCAN", 0),
        ("RANDOMKEY",),
        ("DBSIZE",),
        ("EXISTS", f"{NAMESPACE}:reply:x"),
        ("RPUSH", f"{NAMESPACE}:reply:x", "forged"),
        ("DEL", f"{NAMESPACE}:reply:x"),
        ("SET", f"{NAMESPACE}:reply:x", "x"),
        ("WATCH", f"{NAMESPACE}:reply:x"),
        ("CLIENT", "TRACKING", "ON", "BCAST"),
        ("CLIENT", "LIST"),
        ("MONITOR",),
        ("SUBSCRIBE", "__keyspace@0__:*"),
        ("PUBLISH", "x", "x"),
        ("FLUSHALL",),
        ("FLUSHDB",),
        ("CONFIG", "GET", "*"),
        ("CONFIG", "SET", "maxmemory", 0),
        ("INFO",),
        ("ACL", "LIST"),
        ("EVAL", "return 1", 0),
        ("SCRIPT", "LOAD", "return 1"),
        ("FUNCTION", "LIST"),
        ("DUMP", "afterword:context"),
        ("SORT", "afterword:context"),
        ("OBJECT", "ENCODING", "afterword:context"),
        ("MEMORY", "USAGE", "afterword:context"),
        ("SHUTDOWN", "NOSAVE"),
        ("REPLICAOF", "NO", "ONE"),
    ],
    ids=lambda command: " ".join(map(str, command[:2])),
)
def test_a_producer_can_do_nothing_else(producer: Any, command: Command) -> None:
    refused(producer, *command)


def test_the_gateway_may_do_what_a_producer_may_and_count_what_limits_bound(server: OpsRedis) -> None:
    lines = server.users_file.read_text().splitlines()
    rights = {line.split()[1]: line.split()[5:] for line in lines if " #" in line}
    counting = "+script|load (+eval +evalsha +lindex +lpush +ltrim +expire ~afterword:limits:*)"
    assert " ".join(rights["gateway"]) == f"{' '.join(rights['producer'])} {counting}"
    assert set(rights) == {"worker", "producer", "gateway"}
    url = f"redis://gateway:{server.passwords['REDIS_GATEWAY_PASSWORD']}@127.0.0.1:{server.port}/0"
    settings = GatewaySettings(redis_url=url, insecure_dev=True, limits={"commands.account": 1}, limits_seconds=5)
    caller = Caller(tenant_id="default", account="ann", roles=frozenset(), user_id="ann")

    async def use() -> None:
        limits = DoorLimits(settings, url, GatewayMetrics())
        await limits.admit(LimitedKind.COMMANDS, caller, {})
        with pytest.raises(OverLimit):
            await limits.admit(LimitedKind.COMMANDS, caller, {})
        await limits.close()

    asyncio.run(use())


def test_one_refused_command_refuses_the_transaction(worker: Any, producer: Any) -> None:
    pipeline = producer.pipeline(transaction=True)
    pipeline.rpush(queue_key("context"), "id").hgetall(messages_key("context"))
    with pytest.raises(redis.ResponseError):
        pipeline.execute()
    assert worker.llen(queue_key("context")) == 0
