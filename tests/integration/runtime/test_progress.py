"""A worker whose threads run, and that finishes nothing, is told from one that works."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from afterword.schemas.wire import Queue
from afterword.workers.broker import MendedBroker, build_broker
from afterword.workers.observing.metrics import Metrics
from afterword.workers.runtime import progress as progress_module
from afterword.workers.runtime import roles
from afterword.workers.runtime.progress import QueueProgress
from afterword.workers.runtime.roles import Role, health_of, start_role
from tests.support.brokers import put
from tests.support.waiting import wait_until
from tests.support.workshop import Workshop, event

CONVERSATIONS = Queue.CONVERSATIONS


class Clock:
    """Monotonic seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress_module, "time", clock)
    return clock


@pytest.fixture
def broker(redis_url: str) -> Iterator[MendedBroker]:
    broker = build_broker(redis_url)
    yield broker
    broker.client.close()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def progress(broker: MendedBroker, metrics: Metrics, clock: Clock) -> QueueProgress:
    broker.held(CONVERSATIONS).settled_at = clock.now
    return QueueProgress(broker, CONVERSATIONS, patience=60.0, metrics=metrics)


def looked(progress: QueueProgress) -> str:
    progress.look()
    return progress.check().status


def gauge(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("afterword_worker_stalled", {"queue": "conversations"})


def test_one_that_has_messages_and_finishes_none_is_stalled_and_says_so_once(
    progress: QueueProgress,
    broker: MendedBroker,
    metrics: Metrics,
    clock: Clock,
    redis_url: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    with redis.Redis.from_url(redis_url) as client:
        put(client, b"{}", queue=CONVERSATIONS.value)
    assert (looked(progress), gauge(metrics)) == ("ok", 0)
    clock.now += 61
    for _ in range(2):
        assert (looked(progress), gauge(metrics)) == ("failed", 1)
    assert progress.check().detail == "1 messages wait, and none was finished for 61 s"
    broker.held(CONVERSATIONS).settled_at = clock.now
    assert (looked(progress), gauge(metrics)) == ("ok", 0)
    told = [line for line in caplog.messages if "the worker of queue" in line]
    assert told == [
        "the worker of queue conversations is stalled: 1 messages wait, and none was finished for 61 s",
        "the worker of queue conversations finishes messages again",
    ]


def test_one_without_messages_is_not(progress: QueueProgress, clock: Clock, redis_url: str) -> None:
    for _ in range(3):
        clock.now += 600
        assert looked(progress) == "ok"
    with redis.Redis.from_url(redis_url) as client:
        put(client, b"{}", queue=CONVERSATIONS.value)
    clock.now += 59
    assert looked(progress) == "ok", "it has its minute from the last look at an empty queue"


def test_messages_in_its_hands_count(progress: QueueProgress, broker: MendedBroker, clock: Clock) -> None:
    broker.held(CONVERSATIONS)._sizes[b"1"] = 5
    clock.now += 61
    assert looked(progress) == "failed"


def test_without_redis_nobody_is(metrics: Metrics, clock: Clock) -> None:
    away = build_broker("redis://127.0.0.1:1/0")
    progress = QueueProgress(away, CONVERSATIONS, patience=60.0, metrics=metrics)
    clock.now += 600
    assert looked(progress) == "ok"


def test_a_worker_that_hangs_is_not_ready_until_it_goes_on(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roles, "PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr(progress_module, "_LOOK_SECONDS", 0.02)
    released = threading.Event()

    def hang() -> None:
        released.wait(30)

    workshop.store.before["insert"] = hang
    running = start_role(Role.INGEST, workshop.house)
    health = health_of(Role.INGEST, workshop.house, running)

    def found() -> Any:
        return {check.component: check for check in health.look()}["conversations_queue"]

    try:
        workshop.broker.admin.enqueue_body(CONVERSATIONS, event("I play the cello."))
        wait_until(lambda: found().status == "failed", what="it to be noticed")
        assert "none was finished for" in found().detail
        assert health.needs("conversations_queue")
        assert not health.suffices(health.look())
        assert running.is_alive(), "its threads run: a restart is somebody's decision"
        released.set()
        wait_until(lambda: found().status == "ok", what="it to be ready again")
    finally:
        released.set()
        running.stop(10)
