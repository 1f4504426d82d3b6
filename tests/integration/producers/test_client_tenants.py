"""Clients of other tenants over one client's connections."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref

import pytest
import redis

from afterword.producers import AsyncMemoryClient, ClientSettings, InvalidInput, MemoryClient
from afterword.schemas import Removed
from afterword.schemas.wire import Queue
from tests.support.conversations import conversation
from tests.support.fake_worker import FakeWorker, drain
from tests.support.ports import quiet_port

TENANTS = [f"tenant-{number}" for number in range(2000)]


def tenants_of(url: str) -> list[tuple[str, str]]:
    return [(body["tenant_id"], body["event_id"]) for body in drain(url)]


def connections(url: str) -> int:
    with redis.Redis.from_url(url) as server:
        return len(server.client_list())


def test_each_speaks_for_its_own_tenant_over_the_same_connection(redis_url: str) -> None:
    with MemoryClient(redis_url, tenant_id="house") as client:
        client.publish(conversation("e0"))
        open_before, threads = connections(redis_url), threading.active_count()
        for tenant in TENANTS[:50]:
            with client.for_tenant(tenant) as other:
                other.publish(conversation(f"of {tenant}"))
        client.for_tenant("a").for_tenant("b").publish(conversation("e1"))
        client.publish(conversation("e2"))
        assert connections(redis_url) == open_before
        assert threading.active_count() <= threads
        assert client.stats.sent == client.for_tenant("a").stats.sent == 53
    of_tenants = [(tenant, f"of {tenant}") for tenant in TENANTS[:50]]
    assert tenants_of(redis_url) == [("house", "e0"), *of_tenants, ("b", "e1"), ("house", "e2")]


def test_on_a_loop_as_well(redis_url: str) -> None:
    async def use() -> None:
        async with AsyncMemoryClient(redis_url, tenant_id="house") as client:
            async with client.for_tenant("acme") as other:
                await other.publish(conversation("e1"))
            open_before = connections(redis_url)
            await asyncio.gather(*(client.for_tenant(tenant).flush() for tenant in TENANTS[:50]))
            await client.publish(conversation("e2"))
            assert connections(redis_url) == open_before
            assert client.stats.sent == other.stats.sent == 2

    asyncio.run(use())
    assert tenants_of(redis_url) == [("acme", "e1"), ("house", "e2")]


def test_commands_and_questions_go_out_in_its_name(redis_url: str) -> None:
    with (
        FakeWorker(redis_url, Queue.COMMANDS, lambda _: Removed(removed=1)) as worker,
        MemoryClient(redis_url) as client,
    ):
        client.for_tenant("acme").memories.clear(user_id="ada")
        client.memories.clear(user_id="ada")
        assert [request.tenant_id for request in worker.requests] == ["acme", "default"]


def test_thousands_leave_nothing_behind() -> None:
    client, loop_client = MemoryClient(), AsyncMemoryClient()
    gc.disable()  # they must go by themselves, at once
    try:
        gone: list[weakref.ref[object]] = [weakref.ref(client.for_tenant(tenant)) for tenant in TENANTS]
        gone += [weakref.ref(loop_client.for_tenant(tenant)) for tenant in TENANTS]
        assert [reference for reference in gone if reference() is not None] == []
    finally:
        gc.enable()


def test_an_outage_is_found_once_for_all_of_them() -> None:
    client = MemoryClient(f"redis://127.0.0.1:{quiet_port()}/0", settings=ClientSettings(exit_seconds=0))
    client.for_tenant("acme").publish(conversation("e1"))
    assert client.for_tenant("other").context("ada").degraded == ("redis",)
    assert client.stats.queued == 1
    client.close(timeout=0)


@pytest.mark.parametrize("client", [MemoryClient(), AsyncMemoryClient()])
def test_what_is_no_tenant_is_refused(client: MemoryClient | AsyncMemoryClient) -> None:
    with pytest.raises(InvalidInput, match="AFTERWORD_TENANT_ID"):
        client.for_tenant("")
