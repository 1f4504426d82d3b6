"""An agent's clear: what was said before it teaches the agent nothing any more, whatever a worker has in its hands."""

from __future__ import annotations

import pytest

from afterword.schemas import ClearMemories
from afterword.workers.stores.ledger import agents
from afterword.workers.stores.ledger.agents import Agent
from tests.support.extractions import facts
from tests.support.fake_openai import Fact, FakeOpenAI, given
from tests.support.workshop import REPLY_TO, Workshop, event


@pytest.fixture
def taught(workshop: Workshop, llm: FakeOpenAI) -> Workshop:
    """A conversation with an agent waits for its extraction."""
    with workshop.database.transaction() as connection:
        agents.put(connection, Agent("default", "coach", "acme"))
    llm.answer_with(given(Fact("Short answers", "agent"), Fact("Ann's own")))
    workshop.take_in(event("Hello.", agent_id="coach"))
    return workshop


def clear(workshop: Workshop) -> None:
    workshop.store.up()
    workshop.llm.after = lambda: None
    command = ClearMemories(reply_to=REPLY_TO, agent_id="coach", by="acme")
    workshop.house.commands.commands(workshop.broker).run(command)


def assert_cleared(workshop: Workshop) -> None:
    assert facts(workshop) == ["Ann's own"]
    assert workshop.rows("SELECT 1 FROM memories WHERE scope = 'agent'") == []
    assert workshop.statuses() == ["done"]


def test_while_the_llm_answers(taught: Workshop) -> None:
    taught.llm.after = lambda: clear(taught)
    taught.extract_all()
    assert_cleared(taught)


@pytest.mark.parametrize("when", ["before", "after"])
def test_while_the_facts_are_written(taught: Workshop, when: str) -> None:
    hook = taught.store.after if when == "after" else taught.store.before
    hook["get"] = lambda: clear(taught)
    taught.extract_all()
    taught.due_now()
    taught.extract_all()
    assert_cleared(taught)


def test_what_is_said_after_it_teaches_the_agent(taught: Workshop, llm: FakeOpenAI) -> None:
    taught.extract_all()
    clear(taught)
    llm.answer_with(given(Fact("Long answers", "agent")))
    taught.take_in(event("Hello again.", agent_id="coach"))
    taught.extract_all()
    assert facts(taught, agent_id="coach") == ["Long answers"]
