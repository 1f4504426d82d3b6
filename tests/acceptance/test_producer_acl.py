"""The whole flow over the Redis that ops ships: workers and producers each as their own user."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from afterword.producers import MemoryClient
from tests.acceptance.test_pipeline import FACTS, TURNS, ask, facts
from tests.conftest import unavailable
from tests.support.deployment import Deployment
from tests.support.ops_redis import OpsRedis, available
from tests.support.waiting import wait_until


@pytest.fixture
def ops_redis(tmp_path: Path) -> Iterator[OpsRedis]:
    if not available():
        unavailable("no redis-server that reads the shipped configuration")
    folder = tmp_path / "ops-redis"
    folder.mkdir()
    server = OpsRedis(folder)
    server.start()
    yield server
    server.stop()


def test_a_producer_may_publish_and_ask_and_nothing_else(deployment: Deployment, ops_redis: OpsRedis) -> None:
    deployment.openai.answer_with(FACTS)
    deployment.redis_url = ops_redis.url("worker")
    deployment.start()
    with MemoryClient(ops_redis.url("producer")) as client:
        client.publish(user_id="ada", agent_id="travel", session_id="s1", messages=TURNS)
        wait_until(lambda: len(facts(client, "ada")) == 3, 120, "the facts")

        assert ask(client, "peanuts", agent_id="travel", session_id="s1").memories

    producer = redis.Redis.from_url(ops_redis.url("producer"))
    for command in (
        ("KEYS", "*"),
        ("HGETALL", "afterword:conversations.msgs"),
        ("LRANGE", "afterword:conversations", 0, -1),
        ("DEL", "afterword:conversations"),
        ("RPUSH", "afterword:extraction", "x"),
        ("EVAL", "return 1", 0),
        ("CONFIG", "GET", "*"),
        ("FLUSHALL",),
    ):
        with pytest.raises(redis.exceptions.NoPermissionError):
            producer.execute_command(*command)
    producer.close()
