"""The registry of agents, read and written through a client."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from afterword.producers import AsyncMemoryClient, CommandFailed, InvalidInput, MemoryClient
from afterword.schemas.registry import AgentEntry
from afterword.workers.runtime.roles import Role, start_role
from tests.support.workshop import Workshop


@pytest.fixture
def client(workshop: Workshop, redis_url: str) -> Iterator[MemoryClient]:
    role = start_role(Role.COMMANDS, workshop.house)
    with MemoryClient(redis_url) as client:
        yield client
    role.stop(10)


COACH = AgentEntry(agent_id="coach", owner_id="acme", instructions="Remember every injury.", time_zone="Asia/Tokyo")


def test_an_entry_is_written_read_and_replaced(workshop: Workshop, client: MemoryClient) -> None:
    given = COACH.model_dump(exclude={"agent_id"})
    assert client.agents.set("coach", asked_by="root", **given) == COACH
    assert client.agents.get("coach") == COACH
    assert client.agents.set("coach", memory_enabled=False) == AgentEntry(agent_id="coach", memory_enabled=False)
    rows = workshop.rows("SELECT agent_id, metadata FROM audit WHERE type = 'agent_update' ORDER BY id")
    told = {"owner": "acme", "memory": True, "instructions": True, "time_zone": "Asia/Tokyo", "by": "root"}
    assert [tuple(row) for row in rows] == [
        ("coach", told),
        ("coach", {"owner": None, "memory": False, "instructions": False}),
    ]


@pytest.mark.usefixtures("client")
def test_each_tenant_has_its_own_page_by_page(redis_url: str) -> None:
    async def use() -> None:
        async with AsyncMemoryClient(redis_url, tenant_id="acme") as acme, AsyncMemoryClient(redis_url) as other:
            for name in ("c", "a", "b"):
                assert await acme.agents.set(name) == await acme.agents.get(name)
            first = await acme.agents.list(limit=2)
            rest = await acme.agents.list(limit=2, cursor=first.next_cursor)
            assert [agent.agent_id for agent in (*first.agents, *rest.agents)] == ["a", "b", "c"]
            assert rest.next_cursor is None
            assert (await other.agents.list()).agents == ()
            with pytest.raises(CommandFailed, match="not_found"):
                await other.agents.get("a")

    asyncio.run(use())


def test_a_zone_that_does_not_exist_is_refused(client: MemoryClient) -> None:
    with pytest.raises(InvalidInput, match="time_zone"):
        client.agents.set("coach", time_zone="Atlantis/Capital")


def test_who_acted_for_a_user_is_told_by_the_audit(workshop: Workshop, client: MemoryClient) -> None:
    note = client.memories.add("by hand", user_id="ann", asked_by="root")
    client.memories.delete(note.id, user_id="ann", by="ann", asked_by="root")
    client.memories.clear(user_id="ann", asked_by="root")
    client.memories.clear(user_id="ann", by="ann")
    told = [(row.type, row.metadata.get("by")) for row in workshop.audited() if row.type != "memory_save"]
    assert told == [
        ("memory_add", "root"),
        ("memory_delete", "root"),
        ("memory_clear", "root"),
        ("memory_clear", "ann"),
    ]
