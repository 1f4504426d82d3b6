"""How much is kept of whom, and who is over a quota, over real servers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from afterword.producers import AsyncMemoryClient, MemoryClient
from afterword.workers.runtime.roles import Role, start_role
from tests.integration.governance.test_policies import write
from tests.support.fake_openai import Fact, FakeOpenAI, given
from tests.support.workshop import Workshop, event

VECTOR = 4 * 128


@pytest.fixture
def client(workshop: Workshop, redis_url: str) -> Iterator[MemoryClient]:
    role = start_role(Role.COMMANDS, workshop.house)
    with MemoryClient(redis_url) as client:
        yield client
    role.stop(10)


def over_quota(workshop: Workshop, owner: str) -> float | None:
    workshop.house.policies.storage.read_quotas()
    return workshop.house.metrics.registry.get_sample_value("afterword_over_quota", {"type": owner})


def test_the_largest_come_first_by_memories_or_by_bytes(
    workshop: Workshop, client: MemoryClient, llm: FakeOpenAI, redis_url: str
) -> None:
    llm.answer_with(given(Fact("Answers briefly", "agent")))
    workshop.take_in(event("I am quite short.", agent_id="coach"))
    workshop.extract_all()
    workshop.take_in(event("One.", "Two.", user="bob"), event("我住在上海。", user="cat", tenant_id="acme"))
    workshop.take_in(event("x " * 450, user="dan"))
    workshop.rows("UPDATE memories SET archived_at = now() WHERE user_id = 'ann'")

    found = client.analytics.storage(top=2)
    assert [(each.user_id, each.memories) for each in found.users] == [("bob", 2), ("ann", 1)]
    [coach] = found.agents
    assert (coach.agent_id, coach.memories, coach.characters) == ("coach", 1, len("Answers briefly"))
    assert coach.bytes == len("Answers briefly") + VECTOR
    assert (found.whole.memories, found.whole.archived) == (5, 1)
    by_bytes = client.analytics.storage(order="bytes").users
    assert [each.user_id for each in by_bytes] == ["dan", "bob", "ann"]

    async def of_another_tenant() -> None:
        async with AsyncMemoryClient(redis_url, tenant_id="acme") as acme:
            [cat] = (await acme.analytics.storage()).users
            # Chinese characters take three bytes.
            assert (cat.characters, cat.bytes) == (6, 18 + VECTOR)

    asyncio.run(of_another_tenant())


def test_who_is_over_a_quota_is_counted_and_nothing_goes(workshop: Workshop) -> None:
    workshop.take_in(event("One.", "Two."), event("One.", "Two.", "Three.", user="bob"))
    assert (over_quota(workshop, "user"), over_quota(workshop, "agent")) == (0, 0)
    write(workshop, {"quota_memories": 1})
    assert over_quota(workshop, "user") == 2
    write(workshop, {"quota_memories": 10}, user="bob")
    assert over_quota(workshop, "user") == 1
    write(workshop, {"quota_bytes": 3 * VECTOR}, user="bob")
    assert over_quota(workshop, "user") == 2
    assert len(workshop.memories()) == 5


def test_what_is_archived_and_who_objects_is_counted(workshop: Workshop) -> None:
    workshop.take_in(event("One.", "Two."), event("One.", user="bob"))
    workshop.rows("UPDATE memories SET archived_at = now() WHERE user_id = 'ann'")
    workshop.rows("INSERT INTO wishes (tenant_id, user_id, memory_enabled) VALUES ('acme', 'cat', false)")
    workshop.house.policies.storage.read_quotas()
    shown = workshop.house.metrics.registry.get_sample_value
    assert [shown("afterword_left_out_of_recall", {"type": each}) for each in ("archived", "objecting")] == [2, 1]
