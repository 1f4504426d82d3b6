"""What an agent is given: of its scopes alone, and of the agents that share with it."""

from __future__ import annotations

from typing import Any

import pytest

from afterword.schemas import AddMemory, Memory, Scope
from afterword.schemas.registry import SetAgent, ShareAgent, UnshareAgent
from tests.support.workshop import REPLY_TO, Workshop, event, question


def run(workshop: Workshop, command: type[Any], **given: Any) -> Any:
    made = command(reply_to=REPLY_TO, **given)
    answer = workshop.house.commands.commands(workshop.broker).run(made)
    workshop.house.memories.registry.forget()
    return answer


def add(workshop: Workshop, text: str, **owner: Any) -> None:
    assert isinstance(run(workshop, AddMemory, text=text, **owner), Memory)


@pytest.fixture
def agents(workshop: Workshop) -> Workshop:
    """`coach` and `tutor`, each with something it has learned, of `acme`; a namesake of the coach elsewhere."""
    for tenant, agent_id in (("default", "coach"), ("default", "tutor"), ("elsewhere", "coach")):
        run(workshop, SetAgent, tenant_id=tenant, agent_id=agent_id, owner_id="acme")
        add(workshop, f"Warm up, says {agent_id} {tenant}", tenant_id=tenant, agent_id=agent_id, by="acme")
    add(workshop, "Ann has to warm up her knee", user_id="ann")
    add(workshop, "Bob has to warm up his back", user_id="bob")
    return workshop


OWN, LENT, OF_ANN = "Warm up, says tutor default", "Warm up, says coach default", "Ann has to warm up her knee"


def given_to(workshop: Workshop, agent_id: str = "tutor", query: str | None = "Shall I warm up?") -> set[str]:
    return {memory.text for memory in workshop.ask(question(query, agent_id=agent_id)).memories}


def share(workshop: Workshop, command: type[Any] = ShareAgent) -> None:
    run(workshop, command, agent_id="coach", with_agent_id="tutor")


@pytest.mark.parametrize("query", ["Shall I warm up?", None])
def test_what_an_agent_has_learned_is_given_to_those_that_it_shares_with(agents: Workshop, query: str | None) -> None:
    assert given_to(agents, query=query) == {OWN, OF_ANN}
    share(agents)
    assert given_to(agents, query=query) == {OWN, LENT, OF_ANN}
    # Not the other way round, and not by way of a third.
    assert given_to(agents, "coach", query) == {LENT, OF_ANN}
    share(agents, UnshareAgent)
    assert given_to(agents, query=query) == {OWN, OF_ANN}


@pytest.mark.parametrize("off", [{"memory_enabled": False}, {"scopes": ("user", "session")}])
def test_an_agent_lends_nothing_while_its_own_memory_is_off(agents: Workshop, off: dict[str, Any]) -> None:
    share(agents)
    run(agents, SetAgent, agent_id="coach", owner_id="acme", **off)
    assert given_to(agents) == {OWN, OF_ANN}


def test_a_request_that_wants_no_agents_memories_gets_none_that_are_lent(agents: Workshop) -> None:
    share(agents)
    reply = agents.ask(question("Shall I warm up?", agent_id="tutor", scopes=(Scope.USER,)))
    assert {memory.text for memory in reply.memories} == {OF_ANN}


def test_an_agent_is_given_memories_of_its_scopes_alone(agents: Workshop) -> None:
    run(agents, SetAgent, agent_id="tutor", owner_id="acme", scopes=("agent",))
    assert given_to(agents) == {OWN}
    assert agents.ask(question("Shall I warm up?", agent_id="tutor", scopes=(Scope.USER,))).memories == ()
    # Nor the last turns, while the store is away.
    agents.take_in(event("I warm up.", agent_id="coach"))
    agents.store.down()
    assert given_to(agents) == set()
    assert given_to(agents, "coach") == {"I warm up."}
