"""The health of a deployment, asked for through a client and answered by a commands worker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from afterword.producers import AsyncMemoryClient, CommandFailed, MemoryClient
from afterword.producers.service_check import ServiceCheck
from afterword.workers.embedded.redis_server import free_port
from afterword.workers.runtime.roles import Role, start_role
from tests.support.waiting import wait_until
from tests.support.workshop import Workshop, event, store_down


@pytest.fixture
def at_work(workshop: Workshop) -> Iterator[Workshop]:
    role = start_role(Role.COMMANDS, workshop.house)
    yield workshop
    role.stop(10)


def statuses(check: ServiceCheck) -> dict[str, str]:
    return {each.component: each.status for each in check.health.components}


@pytest.mark.usefixtures("at_work")
def test_each_component_and_each_queue_is_told(redis_url: str) -> None:
    with MemoryClient(redis_url) as client:
        client.publish(event("one"))
        client.publish(event("two"))
        check = client.check()
        queues = {each.queue: each for each in check.health.queues}
    assert check
    assert check.error is None
    known = ("redis", "postgres", "vector_store", "mem0", "embedder", "llm")
    assert statuses(check) == dict.fromkeys(known, "ok")
    assert queues["commands"].has_worker
    assert (queues["commands"].in_work, queues["commands"].dead) == (1, 0)
    assert (queues["conversations"].waiting, queues["conversations"].has_worker) == (2, False)
    assert queues["conversations"].oldest_seconds is not None
    assert queues["conversations"].worker_seconds is None


def test_what_has_failed_is_named(at_work: Workshop, redis_url: str) -> None:
    at_work.store.before["version"] = store_down

    async def ask() -> ServiceCheck:
        async with AsyncMemoryClient(redis_url) as client:
            return await client.check()

    check = asyncio.run(ask())
    assert (check.redis, check.workers, bool(check)) == (True, True, False)
    assert check.health.failed == ("vector_store",)
    assert check.error is not None
    assert check.error.startswith("vector_store: Qdrant")


def test_a_worker_that_has_stopped_is_missed(workshop: Workshop, redis_url: str) -> None:
    workshop.broker.client.zadd("afterword:__looks__", {"commands": 1_780_000_000_000})
    assert not workshop.broker.admin.backlog("context").looked_age
    assert (workshop.broker.admin.backlog("commands").looked_age or 0) > 6
    with MemoryClient(redis_url) as client:
        check = client.check(timeout=0.05)
        assert (check.redis, check.workers) == (True, False)
        assert check.error is not None
        role = start_role(Role.COMMANDS, workshop.house)
        try:
            wait_until(lambda: bool(client.check()), what="the worker to answer")
        finally:
            role.stop(10)


def test_without_redis_there_is_an_answer_all_the_same() -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    with MemoryClient(url) as client:
        found = client.check(timeout=0.5)

    async def ask() -> ServiceCheck:
        async with AsyncMemoryClient(url) as client:
            return await client.check(timeout=0.5)

    for check in (found, asyncio.run(ask())):
        assert (check.redis, check.workers, bool(check)) == (False, False, False)
        assert check.health.components == ()


def test_workers_that_do_not_know_the_command_are_there() -> None:
    check = ServiceCheck.failed(CommandFailed("invalid", "command: must be one of list, search"))
    assert (check.redis, check.workers, bool(check)) == (True, True, False)
