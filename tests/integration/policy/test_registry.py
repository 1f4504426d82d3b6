"""The registry of agents: written by an operator, read by every request."""

from __future__ import annotations

from afterword.workers.services.policy.registry import AgentAdmin, AgentRegistry
from afterword.workers.stores.ledger.agents import Agent
from tests.support.workshop import Workshop

COACH = Agent("default", "coach", "acme", memory_enabled=True, instructions="Remember every injury.")


def test_what_is_registered_is_read_and_replaced(workshop: Workshop) -> None:
    admin = AgentAdmin(workshop.database)
    admin.register(Agent("default", "baker"))
    admin.register(Agent("default", "coach"))
    admin.register(Agent("other", "coach", "somebody"))
    admin.register(COACH)
    assert admin.registered("default") == [Agent("default", "baker"), COACH]
    assert AgentRegistry(workshop.database).agent("default", "coach") == COACH


def test_each_entry_written_is_an_audit_row_without_the_instructions(workshop: Workshop) -> None:
    admin = AgentAdmin(workshop.database)
    admin.register(COACH)
    admin.register(Agent("default", "coach", "acme", memory_enabled=False))
    rows = workshop.rows("SELECT type, tenant_id, agent_id, user_id, metadata FROM audit ORDER BY id")
    told = {"owner": "acme", "memory": True, "instructions": True}
    assert [tuple(row) for row in rows] == [
        ("agent_update", "default", "coach", None, told),
        ("agent_update", "default", "coach", None, {"owner": "acme", "memory": False, "instructions": False}),
    ]
