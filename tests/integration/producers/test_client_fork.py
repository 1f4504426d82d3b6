"""A client that was made before a fork, as under Gunicorn, Celery and Dramatiq."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from pathlib import Path

from afterword.producers import MemoryClient
from afterword.workers.embedded.redis_server import RedisServer
from tests.support.conversations import conversation
from tests.support.fake_worker import drain
from tests.support.ports import quiet_port


def in_child(act: Callable[[], None]) -> int:
    """Run in a forked child; its process id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        act()
        os._exit(0)
    finally:
        traceback.print_exc()
        os._exit(1)


def assert_succeeded(pid: int) -> None:
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_parent_and_child_each_have_their_own_connections(redis_url: str) -> None:
    def child() -> None:
        for number in range(50):
            client.publish(conversation(f"child-{number}", user_id="child"))
        assert client.stats.sent == 50
        client.close()

    client = MemoryClient(redis_url)
    client.publish(conversation("parent-0", user_id="parent"))
    pid = in_child(child)
    for number in range(1, 50):
        client.publish(conversation(f"parent-{number}", user_id="parent"))
    assert_succeeded(pid)
    client.close()
    bodies = drain(redis_url)
    for who in ("parent", "child"):
        assert [b["event_id"] for b in bodies if b["user_id"] == who] == [f"{who}-{number}" for number in range(50)]


def test_what_waited_before_the_fork_is_sent_by_the_parent_alone(tmp_path: Path) -> None:
    def child() -> None:
        assert client.stats.queued == 0
        client.publish(conversation("of the child"))
        assert client.stats.queued == 1
        os.write(ready_end, b"!")
        assert client.flush(20)
        client.close()

    server = RedisServer(tmp_path / "redis", quiet_port())
    client = MemoryClient(server.url)
    for number in range(3):
        client.publish(conversation(f"of the parent {number}"))
    waiting_end, ready_end = os.pipe()
    pid = in_child(child)
    os.read(waiting_end, 1)
    server.start()
    try:
        assert client.flush(20)
        assert_succeeded(pid)
        client.close()
        assert sorted(body["event_id"] for body in drain(server.url)) == [
            "of the child",
            *(f"of the parent {number}" for number in range(3)),
        ]
    finally:
        server.kill()
        os.close(waiting_end)
        os.close(ready_end)
