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
    given = COACH.model_dump(exclude={"agent_id", "shares_with", "shared_by"})
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


def test_members_have_roles_and_each_change_is_audited(workshop: Workshop, client: MemoryClient) -> None:
    client.agents.set("coach", owner_id="acme")
    client.agents.set_member("coach", "kim", "reader", asked_by="root")
    members = client.agents.set_member("coach", "kim", "editor", by="acme").members
    client.agents.set_member("coach", "bo", "reader", by="acme")
    assert [(each.account, each.role) for each in members] == [("acme", "owner"), ("kim", "editor")]
    assert client.agents.list(by="kim").agents == client.agents.list().agents
    assert client.agents.list(by="stranger").agents == ()
    # An editor writes the settings, and does not take the agent by it.
    assert client.agents.set("coach", memory_enabled=False, by="kim").owner_id == "acme"
    client.agents.remove_member("coach", "kim", by="kim")
    assert [each.account for each in client.agents.remove_member("coach", "nobody").members] == ["acme", "bo"]
    for refused in (
        lambda: client.agents.set("coach", by="kim"),
        lambda: client.agents.members("coach", by="kim"),
        lambda: client.agents.set_member("coach", "bo", "editor", by="bo"),
    ):
        with pytest.raises(CommandFailed, match="denied"):
            refused()
    with pytest.raises(CommandFailed, match="account"):
        client.agents.set_member("coach", "acme", "reader")
    with pytest.raises(CommandFailed, match="not_found"):
        client.agents.set_member("unheard-of", "kim", "reader")
    told = [row.metadata for row in workshop.rows("SELECT metadata FROM audit WHERE type = 'agent_member' ORDER BY id")]
    assert told == [
        {"account": "kim", "role": "reader", "by": "root"},
        {"account": "kim", "role": "editor", "by": "acme"},
        {"account": "bo", "role": "reader", "by": "acme"},
        {"account": "kim", "role": None, "by": "kim"},
    ]


def test_shares_are_told_by_both_agents(workshop: Workshop, client: MemoryClient) -> None:
    for name in ("coach", "tutor"):
        client.agents.set(name, owner_id="acme")
    assert client.agents.share("coach", "tutor", by="acme").shares_with == ("tutor",)
    client.agents.share("coach", "tutor")
    # Settings that are replaced leave them as they are.
    assert client.agents.set("tutor").shared_by == ("coach",)
    assert client.agents.unshare("coach", "tutor", asked_by="root").shares_with == ()
    for wrong, why in ((("coach", "coach"), "invalid"), (("coach", "unheard-of"), "not_found")):
        with pytest.raises(CommandFailed, match=why):
            client.agents.share(*wrong)
    told = [row.metadata for row in workshop.rows("SELECT metadata FROM audit WHERE type = 'agent_share' ORDER BY id")]
    assert told == [{"with": "tutor", "shared": True, "by": "acme"}, {"with": "tutor", "shared": False, "by": "root"}]


def test_instructions_are_bounded(client: MemoryClient) -> None:
    with pytest.raises(InvalidInput, match="instructions"):
        client.agents.set("coach", instructions="x" * 4_001)


def test_scopes_are_kept_in_order_and_at_least_one(client: MemoryClient) -> None:
    assert client.agents.set("coach", scopes=["session", "user", "user"]).scopes == ("user", "session")
    assert client.agents.get("coach").scopes == ("user", "session")
    with pytest.raises(InvalidInput, match="scopes"):
        client.agents.set("coach", scopes=[])
