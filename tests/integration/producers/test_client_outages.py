"""Publishing while Redis is away, hangs, or refuses."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from afterword.producers import ClientSettings, MemoryClient
from afterword.producers.links import Links
from afterword.workers.embedded.redis_server import RedisServer
from tests.support.conversations import conversation
from tests.support.fake_worker import drain
from tests.support.ports import quiet_port
from tests.support.waiting import wait_until

PROMISED_SECONDS = 0.25


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis to stop, hang and kill."""
    found = RedisServer(tmp_path / "redis", quiet_port())
    found.start()
    yield found
    found.kill()


@contextmanager
def hanging(server: RedisServer) -> Iterator[None]:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


def event_ids(server: RedisServer, user_id: str = "ada") -> list[str]:
    return [body["event_id"] for body in drain(server.url) if body["user_id"] == user_id]


def seconds(client: MemoryClient, event_id: str) -> float:
    began = time.perf_counter()
    client.publish(conversation(event_id))
    return time.perf_counter() - began


def test_nothing_is_lost_when_redis_stops_and_starts_and_every_user_keeps_the_order(server: RedisServer) -> None:
    users = ("ada", "bob", "eve")
    with MemoryClient(server.url) as client:
        for number in range(30):
            if number == 10:
                server.stop()
            if number == 20:
                server.start()
            for user in users:
                client.publish(conversation(f"{user}-{number}", user_id=user))
        assert client.flush(20)
        stats = client.stats
    for user in users:
        assert event_ids(server, user) == [f"{user}-{number}" for number in range(30)]
    assert (stats.sent, stats.queued, stats.dropped, stats.redis_available) == (90, 0, 0, True)


def test_a_client_made_before_redis_was_there_sends_once_it_is(server: RedisServer) -> None:
    server.stop()
    with MemoryClient(server.url) as client:
        client.publish(conversation("e1"))
        assert client.stats.queued == 1
        server.start()
        assert client.flush(20)
    assert event_ids(server) == ["e1"]


def test_a_restarted_redis_costs_no_detour(server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    with MemoryClient(server.url) as client:
        client.publish(conversation("e1"))
        server.stop()
        server.start()
        client.publish(conversation("e2"))
        assert client.flush(20)
    assert event_ids(server) == ["e1", "e2"]
    assert caplog.records == []


def test_a_hanging_redis_is_waited_for_once_and_briefly(server: RedisServer) -> None:
    first, later = [], []
    with MemoryClient(server.url) as client:
        for attempt in range(3):
            client.publish(conversation(f"{attempt}-before"))
            with hanging(server):
                first.append(seconds(client, f"{attempt}-first"))
                later += [seconds(client, f"{attempt}-{number}") for number in range(5)]
            assert client.flush(20)
    assert min(first) < PROMISED_SECONDS
    assert sorted(later)[len(later) // 2] < min(first) / 4
    assert event_ids(server) == [
        f"{attempt}-{which}" for attempt in range(3) for which in ("before", "first", *range(5))
    ]


def test_the_first_publish_to_a_hanging_redis_is_brief_too(server: RedisServer) -> None:
    with hanging(server):
        clients = [MemoryClient(server.url) for _ in range(3)]
        took = [seconds(client, f"e{number}") for number, client in enumerate(clients)]
    assert min(took) < PROMISED_SECONDS
    for client in clients:
        assert client.flush(20)
        client.close()
    assert sorted(event_ids(server)) == ["e0", "e1", "e2"]


def test_a_hanging_redis_costs_one_context_its_timeout_and_the_next_nothing(server: RedisServer) -> None:
    with MemoryClient(server.url) as client:
        client.publish(conversation("e1"))
        with hanging(server):
            assert client.context("ada", timeout=0.1).degraded == ("redis",)
            began = time.monotonic()
            assert client.context("ada", timeout=60).degraded == ("redis",)
            assert time.monotonic() - began < 60
        wait_until(lambda: client.stats.redis_available, timeout=20)


def test_a_peer_that_never_reads_does_not_hold_a_write_beyond_its_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        links = Links(f"redis://127.0.0.1:{deaf.getsockname()[1]}/0")
        link = links.connect()  # which takes no round trip: nobody answers here
        began = time.monotonic()
        with pytest.raises(redis.TimeoutError):
            link.write([("SET", "key", b"x" * 50_000_000)], began + 0.1)
        assert time.monotonic() - began < 30
        link.close()


def test_the_oldest_events_go_when_the_outbox_is_full(server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    server.stop()
    with MemoryClient(server.url, settings=ClientSettings(outbox_messages=3)) as client:
        for number in range(8):
            client.publish(conversation(f"e{number}"))
        stats = client.stats
        server.start()
        assert client.flush(20)
    assert (stats.queued, stats.dropped) == (3, 5)
    assert event_ids(server) == ["e5", "e6", "e7"]
    assert sum("the outbox is full" in record.message for record in caplog.records) == 1


def test_an_outbox_is_bounded_in_bytes(server: RedisServer) -> None:
    server.stop()
    client = MemoryClient(server.url, settings=ClientSettings(outbox_bytes=5000))
    for number in range(20):
        client.publish(conversation(f"e{number}"))
    stats = client.stats
    client.close(timeout=0)
    assert 0 < stats.queued_bytes <= 5000
    assert stats.queued + stats.dropped == 20


def test_closing_drops_and_counts_what_cannot_be_sent(server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    server.stop()
    client = MemoryClient(server.url)
    client.publish(conversation("e1"))
    assert not client.flush(0.05)
    client.close(timeout=0.05)
    assert (client.stats.queued, client.stats.dropped) == (0, 1)
    assert "could not be sent before the client closed: 1 events" in caplog.text


@pytest.mark.parametrize(
    ("refuse", "accept"),
    [
        (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
        (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
        (("ACL", "SETUSER", "default", "-hset"), ("ACL", "SETUSER", "default", "+hset")),
    ],
    ids=["out of memory", "read-only replica", "no permission"],
)
def test_what_redis_refuses_is_sent_when_it_accepts_again(
    server: RedisServer, refuse: tuple[str, ...], accept: tuple[str, ...]
) -> None:
    with MemoryClient(server.url) as client, redis.Redis.from_url(server.url) as admin:
        client.publish(conversation("e1"))
        admin.execute_command(*refuse)
        client.publish(conversation("e2"))
        client.publish(conversation("e3"))
        assert (client.stats.queued, client.stats.redis_available) == (2, False)
        admin.execute_command(*accept)
        assert client.flush(20)
    assert event_ids(server) == ["e1", "e2", "e3"]


def test_a_missing_permission_is_logged_as_what_it_is(server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    with redis.Redis.from_url(server.url) as admin:
        admin.execute_command("ACL", "SETUSER", "runner", "on", ">hunter2", "~*", "+@all", "-hset")
    client = MemoryClient(f"redis://runner:hunter2@127.0.0.1:{server.port}/0")
    client.publish(conversation("e1"))
    client.publish(conversation("e2"))
    client.close(timeout=0)
    [record] = [record for record in caplog.records if "configuration error" in record.message]
    assert record.levelno == logging.ERROR
    assert "HSET" in record.message
    assert "'runner'" in record.message
    assert "hunter2" not in caplog.text


def test_a_wrong_password_is_a_configuration_error(server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    client = MemoryClient(f"redis://runner:hunter2@127.0.0.1:{server.port}/0")
    client.publish(conversation("e1"))
    client.close(timeout=0)
    assert "configuration error as Redis user 'runner'" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_key_of_the_wrong_type_is_a_configuration_error(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    with redis.Redis.from_url(server.url) as admin, MemoryClient(server.url) as client:
        admin.set("afterword:conversations.msgs", "not a hash")
        client.publish(conversation("e1"))
        wait_until(lambda: "WRONGTYPE" in caplog.text)
        assert "configuration error" in caplog.text
        assert "HSET" in caplog.text
        admin.delete("afterword:conversations.msgs")
        assert client.flush(20)
    assert event_ids(server) == ["e1"]


def test_publishing_goes_on_where_no_thread_can_be_started(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with MemoryClient(server.url) as client:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse)
            assert client.publish(conversation("e1")) == "e1"
            assert client.context("ada").degraded == ("redis",)
        client.publish(conversation("e2"))
        assert client.flush(20)
    assert event_ids(server) == ["e1", "e2"]


_LEAVING = """
import asyncio, os, signal
from afterword.producers import *
url, pid = {url!r}, {pid}
turns = [dict(role="user", content="Hello")]
client = {client}(url)
os.kill(pid, signal.SIGSTOP)
{publish}
assert client.stats.queued == 1
os.kill(pid, signal.{last})
"""


@pytest.mark.parametrize(
    ("client", "publish"),
    [
        ("MemoryClient", "client.publish(event_id='e1', user_id='ada', messages=turns)"),
        ("AsyncMemoryClient", "asyncio.run(client.publish(event_id='e1', user_id='ada', messages=turns))"),
    ],
)
def test_what_waits_is_sent_when_the_process_ends(server: RedisServer, client: str, publish: str) -> None:
    program = _LEAVING.format(url=server.url, pid=server.pid, client=client, publish=publish, last="SIGCONT")
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
    assert event_ids(server) == ["e1"]


@pytest.mark.parametrize("client", ["MemoryClient", "AsyncMemoryClient"])
def test_a_process_ends_in_time_when_redis_is_away(server: RedisServer, client: str) -> None:
    publish = "client.publish(user_id='ada', messages=turns)"
    if client == "AsyncMemoryClient":
        publish = f"asyncio.run({publish})"
    program = _LEAVING.format(url=server.url, pid=server.pid, client=client, publish=publish, last="SIGSTOP")
    with hanging(server):
        ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert "could not be sent before the client closed: 1 events" in ended.stderr
