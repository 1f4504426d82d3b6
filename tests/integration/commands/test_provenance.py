"""What a memory comes from."""

from __future__ import annotations

from typing import Any

import pytest

from afterword.schemas import AddMemory, Command, Kind
from afterword.schemas.answers import MemoryProvenance
from afterword.schemas.commands import GetProvenance
from afterword.workers.core.errors import NotFound
from afterword.workers.services.extraction.prompt import prompt_version
from afterword.workers.stores.ledger import agents
from afterword.workers.stores.ledger.agents import Agent
from tests.support.fake_openai import Fact, FakeOpenAI, given
from tests.support.workshop import REPLY_TO, Workshop, event

SAID = ("Hello.", "I live in Rome.", "It is warm there.", "Book a flight.", "Thanks.")


def provenance(workshop: Workshop, memory_id: str, **given: Any) -> MemoryProvenance:
    made: Command = GetProvenance(reply_to=REPLY_TO, memory_id=memory_id, **(given or {"user_id": "ann"}))
    found = workshop.house.commands.commands(workshop.broker).run(made)
    assert isinstance(found, MemoryProvenance)
    return found


def shown(found: MemoryProvenance) -> list[tuple[str, bool]]:
    return [(turn.text, turn.is_source) for turn in found.turns]


@pytest.fixture
def learned(workshop: Workshop, llm: FakeOpenAI) -> dict[str, str]:
    """Ids by text, of what was kept and learned of a conversation."""
    llm.answer_with(given(Fact("Ann lives in Rome", source=1), Fact("Plans by the week", "agent", source=3)))
    workshop.take_in(event(*SAID, session_id="s", agent_id="coach", event_id="e"))
    workshop.extract_all()
    return {each.text: each.id for each in workshop.memories()}


def test_a_fact_leads_to_its_turn_and_to_how_it_was_learned(workshop: Workshop, learned: dict[str, str]) -> None:
    found = provenance(workshop, learned["Ann lives in Rome"], user_id="ann", around=1)
    assert (found.kind, found.source, found.event_id, found.message) == (Kind.FACT, "conversation", "e", 1)
    assert (found.agent_id, found.model, found.prompt_version) == ("coach", "fake-model", prompt_version())
    [batch] = {row.metadata["batch_id"] for row in workshop.audited() if "batch_id" in row.metadata}
    assert found.batch_id == batch
    assert shown(found) == [("Hello.", False), ("I live in Rome.", True), ("It is warm there.", False)]


def test_excerpts_tell_it_when_the_transcript_is_gone(workshop: Workshop, learned: dict[str, str]) -> None:
    workshop.rows("UPDATE conversations SET turns = NULL")
    found = provenance(workshop, learned["Ann lives in Rome"])
    assert shown(found) == [(text, place == 1) for place, text in enumerate(SAID[:4])]
    assert {turn.role for turn in found.turns} == {"user"}


def test_an_excerpt_stands_among_its_neighbours(workshop: Workshop, learned: dict[str, str]) -> None:
    found = provenance(workshop, learned["Thanks."], user_id="ann", around=1)
    assert shown(found) == [("Book a flight.", False), ("Thanks.", True)]
    assert (found.model, found.batch_id) == (None, None)


def test_the_owner_of_an_agent_sees_how_and_not_what_its_user_said(workshop: Workshop, learned: dict[str, str]) -> None:
    with workshop.database.transaction() as connection:
        agents.put(connection, Agent("default", "coach", "acme"))
    found = provenance(workshop, learned["Plans by the week"], agent_id="coach", by="acme")
    assert (found.model, found.turns) == ("fake-model", ())


def test_a_note_says_who_added_it(workshop: Workshop) -> None:
    commands = workshop.house.commands.commands(workshop.broker)
    added: Any = commands.run(AddMemory(reply_to=REPLY_TO, user_id="ann", text="By hand", asked_by="an-admin"))
    found = provenance(workshop, added.id)
    assert (found.source, found.by, found.turns) == ("hand", "an-admin", ())


def test_another_users_is_not_there(workshop: Workshop, learned: dict[str, str]) -> None:
    with pytest.raises(NotFound):
        provenance(workshop, learned["Ann lives in Rome"], user_id="bob")
