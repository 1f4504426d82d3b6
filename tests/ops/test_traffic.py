"""Sample traffic, run as its container runs it: as a producer, on the Redis that ops ships."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from afterword.schemas.wire import Queue, messages_key, queue_key
from tests.conftest import unavailable
from tests.support.ops_redis import OpsRedis, available
from tests.support.waiting import wait_until

SCRIPT = Path(__file__).parents[2] / "ops" / "traffic" / "traffic.py"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[OpsRedis]:
    if not available():
        unavailable("no redis-server on PATH")
    server = OpsRedis(tmp_path)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def run(server: OpsRedis, *options: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "AFTERWORD_REDIS_URL": server.url("producer")}
    return subprocess.Popen([sys.executable, SCRIPT, *options], env=environment, stderr=subprocess.PIPE)


def bodies(client: Any, queue: Queue) -> list[dict[str, Any]]:
    return [json.loads(message)["args"][0] for message in client.hvals(messages_key(queue))]


def test_it_asks_and_publishes_new_events_and_stops_when_told(server: OpsRedis, tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    process = run(server, "--per-minute", "600", "--alive-file", str(alive))
    with server.client("worker") as client:
        wait_until(lambda: client.llen(queue_key(Queue.CONVERSATIONS)) >= 2, timeout=30, what="two conversations")
        wait_until(alive.exists, what="a sign of life")
        process.terminate()
        _, errors = process.communicate(timeout=15)
        assert process.returncode == 0, errors
        published = bodies(client, Queue.CONVERSATIONS)
        asked = bodies(client, Queue.CONTEXT)
    assert len({body["event_id"] for body in published}) == len(published)
    assert not [body for body in published if body["event_id"].startswith("demo-")]
    assert {body["user_id"] for body in asked} >= {body["user_id"] for body in published}


@pytest.mark.parametrize("rate", ["0", "601", "many"])
def test_its_rate_is_bounded(server: OpsRedis, rate: str) -> None:
    process = run(server, "--per-minute", rate)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert b"--per-minute" in errors
