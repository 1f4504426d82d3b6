"""The gateway as a server: many slow callers, callers who hang up, and the command."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from afterword.schemas.wire import Queue, queue_key
from tests.support.afterword_up import bare_environment
from tests.support.deployment import AFTERWORD
from tests.support.gateway_stack import GatewayStack, new_user, token
from tests.support.waiting import wait_until


def test_slow_callers_hold_up_nobody(door: GatewayStack) -> None:
    address = urlsplit(door.url)
    with ExitStack() as callers:
        for _ in range(300):
            caller = callers.enter_context(socket.create_connection((address.hostname, address.port)))
            caller.sendall(
                b"POST /api/v1/context HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
                b"Authorization: Bearer %s\r\n\r\n{" % token("slow").encode()
            )
        with door.http(token(new_user())) as http:
            http.get("/api/v1/me")
            started = time.perf_counter()
            assert http.post("/api/v1/context", json={"query": "tea"}).status_code == 200
            assert time.perf_counter() - started < 1.0


def test_a_strangers_body_is_not_waited_for(door: GatewayStack) -> None:
    address = urlsplit(door.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as stranger:
        stranger.sendall(b"POST /api/v1/context HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert stranger.recv(100).startswith(b"HTTP/1.1 401")


def test_a_head_without_an_end_is_refused(door: GatewayStack) -> None:
    address = urlsplit(door.url)
    for begun in (b"GET /healthz HTTP/1.1\r\nX: ", b"GET /", chunked_with(b"0\r\nX: "), chunked_with(b"1;x=")):
        with socket.create_connection((address.hostname, address.port), timeout=10) as stranger:
            stranger.sendall(begun)
            sent = 0
            # Until the gateway ends the connection, at some hundred kilobytes.
            with suppress(ConnectionError):
                while sent < 8_000_000:
                    sent += stranger.send(b"a" * 65_536)
            assert sent < 8_000_000, begun[:20]


def chunked_with(rest: bytes) -> bytes:
    head = b"POST /api/v1/context HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head % token("slow").encode() + rest


def test_a_head_that_does_not_come_is_not_waited_for(door: GatewayStack) -> None:
    refused = b"POST /api/v1/context HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
    with door.serving(body_seconds=0.2) as url:
        address = urlsplit(url)
        for begun in (b"", b"GET /healthz HTT", refused):
            with socket.create_connection((address.hostname, address.port), timeout=3) as stranger:
                stranger.sendall(begun)
                while stranger.recv(65_536):
                    pass


def test_a_body_in_many_small_chunks_is_no_endless_head(door: GatewayStack) -> None:
    with door.http(token(new_user())) as http:
        pieces = (b'{"query": "te', *(b"a" for _ in range(15_000)), b'"}')
        json_sent = {"Content-Type": "application/json"}
        assert http.post("/api/v1/context", content=iter(pieces), headers=json_sent).status_code == 200


def test_a_caller_who_hangs_up_is_not_waited_for(door: GatewayStack) -> None:
    quiet = door.quiet_redis()

    async def use(url: str) -> None:
        async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {token('ann')}"}) as http:
            call = asyncio.create_task(http.get("/api/v1/memories"))
            await asyncio.to_thread(wait_until, lambda: quiet.llen(queue_key(Queue.COMMANDS)) == 1, 10, "the command")
            call.cancel()

    with door.serving(redis_url=door.quiet_url, command_seconds=30) as url:
        asyncio.run(use(url))
        wait_until(lambda: 'status="499"' in httpx.get(f"{url}/metrics").text, 10, "the end of the wait")


def test_the_command_serves_until_it_is_told_to_stop(door: GatewayStack, tmp_path: Path) -> None:
    log = tmp_path / "gateway.log"
    environment = {**bare_environment(), "AFTERWORD_REDIS_URL": door.redis_url, "AFTERWORD_GATEWAY_LOG_FORMAT": "json"}
    with log.open("wb") as output:
        command = [AFTERWORD, "gateway", "--port", "0", "--insecure-dev"]
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        wait_until(lambda: b"listens on" in log.read_bytes() or process.poll() is not None, 60, "the gateway")
        (port,) = re.findall(r"listens on 127.0.0.1, port (\d+)", log.read_text())
        assert httpx.get(f"http://127.0.0.1:{port}/api/v1/me").json()["account"] == "dev"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert next(each["event"] for each in lines if each["level"] == "warning").startswith("INSECURE")
    assert [each["status"] for each in lines if each.get("route") == "/api/v1/me"] == [200]
