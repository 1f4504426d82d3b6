"""The health checks that Compose runs inside the images of others, run here against the real thing or its double."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import yaml
from pydantic import SecretStr

from afterword.gateway.serving import GatewayServer
from afterword.gateway.settings import GatewaySettings
from afterword.schemas.wire import Queue, queue_key
from afterword.workers.embedded.redis_server import free_port
from tests.conftest import unavailable
from tests.support.afterword_up import bare_environment
from tests.support.deployment import AFTERWORD
from tests.support.forked import run
from tests.support.ops_redis import PASSWORDS, OpsRedis, available
from tests.support.waiting import wait_until

COMPOSE = Path(__file__).parents[2] / "docker-compose.yml"


def check_of(service: str) -> list[str]:
    """The command of a health check, as the container runs it."""
    test: list[str] = yaml.safe_load(COMPOSE.read_text())["services"][service]["healthcheck"]["test"]
    how, *command = [part.replace("$$", "$") for part in test]
    return ["sh", "-c", *command] if how == "CMD-SHELL" else command


def passes(command: list[str], **environment: str) -> bool:
    environment = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False).returncode == 0


@contextmanager
def answering(status: int) -> Iterator[int]:
    """The port of an HTTP server that answers /readyz with `status`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def qdrant_check(port: int) -> list[str]:
    return [part.replace("/6333", f"/{port}") for part in check_of("qdrant")]


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_qdrant_is_healthy_when_it_says_it_is_ready(status: int, healthy: bool) -> None:
    with answering(status) as port:
        assert passes(qdrant_check(port)) is healthy


def test_qdrant_is_not_healthy_when_nothing_listens() -> None:
    assert not passes(qdrant_check(free_port()))


def test_redis_is_healthy_when_it_lets_the_worker_in(tmp_path: Path) -> None:
    if not available():
        unavailable("no redis-server on PATH")
    server = OpsRedis(tmp_path)
    *shell, script = check_of("redis")
    command = [*shell, script.replace("redis-cli ", f"redis-cli -p {server.port} ")]
    try:
        server.start()
        assert passes(command, **PASSWORDS)
        assert not passes(command, REDIS_WORKER_PASSWORD="guessed")
    finally:
        server.stop()
    assert not passes(command, **PASSWORDS)


def test_the_gateway_is_healthy_as_its_own_user_of_redis(tmp_path: Path) -> None:
    if not available():
        unavailable("no redis-server on PATH")
    server = OpsRedis(tmp_path)
    server.start()
    gateway = GatewayServer(GatewaySettings(redis_url=SecretStr(server.url("gateway")), insecure_dev=True, port=0))
    gateway.start()
    try:
        said = {"messages": [{"role": "user", "content": "I keep bees."}]}
        assert httpx.post(f"{gateway.url}/api/v1/conversations", json=said).json()["waits"] is False
        with server.client("worker") as worker:
            assert worker.llen(queue_key(Queue.CONVERSATIONS)) == 1

        assert is_healthy(gateway, tmp_path)
        server.stop()
        wait_until(lambda: not is_healthy(gateway, tmp_path), 20, "what was found before to be forgotten")
    finally:
        gateway.stop()
        server.stop()


def is_healthy(gateway: GatewayServer, folder: Path) -> bool:
    """By the check of Compose, at the port where this one listens."""
    command = [AFTERWORD, *check_of("gateway")[1:]]
    environment = {**bare_environment(), "AFTERWORD_PROBE_PORT": gateway.url.rsplit(":", 1)[1]}
    return run(command, environment=environment, folder=folder, timeout=60).returncode == 0


def test_sample_traffic_is_healthy_while_it_goes_on(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    *shell, script = check_of("traffic")
    command = [*shell, script.replace("/tmp/alive", str(alive))]
    assert not passes(command)
    alive.touch()
    assert passes(command)
    os.utime(alive, (0, 0))
    assert not passes(command)
