"""Notices when Dramatiq changes where the broker is mended.

When this fails: read what changed, see that each mend still holds (tests/integration/broker), then update
the digests, which the failure shows.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dramatiq
import pytest
from dramatiq import broker, worker
from dramatiq.brokers import redis

RELIED_ON: dict[Callable[..., Any], str] = {
    redis.RedisBroker.__init__: "f5bb0f17925f",
    redis.RedisBroker.__getattr__: "f4b5aa5f1307",
    redis.RedisBroker._dispatch: "ee77793d07f1",
    redis.RedisBroker.enqueue: "e1590deaae2f",
    redis.RedisBroker.declare_queue: "b789022e63cb",
    broker.Broker.emit_after: "5cdc14acc687",
    broker.Consumer: "8fdf388ea129",
    broker.MessageProxy: "cc402f18708a",
    worker.ConsumerThread: "0df6272466a1",
    worker.WorkerThread: "5b556a56786b",
    worker.Worker.stop: "b07f970155fe",
    worker.Worker._add_consumer: "79ec1f676e9b",
    dramatiq.middleware.Retries: "c7d167d99e6f",
}
"""What the mends override, or whose behaviour they count on."""

SCRIPT = "ba4d872e4fb2"


def digest(source: str | bytes) -> str:
    data = source.encode() if isinstance(source, str) else source
    return hashlib.sha256(data).hexdigest()[:12]


def test_the_version_is_the_one_that_was_read() -> None:
    assert version("dramatiq").startswith("2.2.")


@pytest.mark.parametrize(("part", "expected"), RELIED_ON.items(), ids=lambda value: getattr(value, "__qualname__", ""))
def test_the_code_is_as_it_was_read(part: Callable[..., Any], expected: str) -> None:
    assert digest(inspect.getsource(part)) == expected


def test_the_script_is_as_it_was_read() -> None:
    """Its argument order, its commands and its keys."""
    script = Path(redis.__file__).parent / "redis" / "dispatch.lua"
    assert digest(script.read_bytes()) == SCRIPT


def test_an_unknown_command_still_means_a_heartbeat_only() -> None:
    script = (Path(redis.__file__).parent / "redis" / "dispatch.lua").read_text()
    assert 'command == "heartbeat"' not in script
