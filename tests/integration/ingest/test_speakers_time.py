"""The speaker's time: a conversation of the fifth of March in Shanghai is of the fifth everywhere."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from afterword.schemas import AddMemory, ClearMemories, ConversationFinished, Kind
from afterword.workers.services.ingest.recorder import Outcome
from afterword.workers.stores.ledger import agents
from afterword.workers.stores.ledger.agents import Agent
from afterword.workers.stores.ledger.ingest import conversations
from tests.support.fake_openai import Fact, FakeOpenAI, given
from tests.support.workshop import REPLY_TO, Workshop, event, question

LOCAL = "2026-03-05T07:30:00+08:00"
SAME_INSTANT = "2026-03-04T23:30:00Z"


def said_at(workshop: Workshop, **having: Any) -> list[str]:
    return [memory.occurred_at.isoformat() for memory in workshop.memories(**having)]


def clear(workshop: Workshop, session: str | None = None) -> None:
    command = ClearMemories(user_id="ann", session_id=session, reply_to=REPLY_TO)
    workshop.house.commands.commands(workshop.broker).run(command)


def test_the_offset_comes_through_ledger_prompt_memories_and_context(workshop: Workshop, llm: FakeOpenAI) -> None:
    llm.answer_with(given(Fact("Ann plays the cello")))
    workshop.take_in(event("I play the cello.", occurred_at=LOCAL))
    with workshop.database.transaction() as connection:
        [recorded] = conversations.recent(connection, "default", "ann", limit=2)
    assert recorded.occurred_at.isoformat() == LOCAL
    assert [turn.at.isoformat() for turn in recorded.turns] == [LOCAL]

    workshop.extract_all()
    [asked] = llm.chats
    assert "## Observation Date\n2026-03-05" in str(asked.body["messages"][1]["content"])
    assert '"time": "2026-03-05T07:30+08:00"' in str(asked.body["messages"][1]["content"])
    assert said_at(workshop, kind=Kind.EXCERPT) == said_at(workshop, kind=Kind.FACT) == [LOCAL]

    reply = workshop.ask(question("cello"))
    assert "- (2026-03-05) Ann plays the cello" in reply.text
    assert {memory.occurred_at.isoformat() for memory in reply.memories} == {LOCAL}


def test_without_the_vector_store_the_last_turns_have_it_too(workshop: Workshop) -> None:
    workshop.take_in(event("I play the cello.", occurred_at=LOCAL))
    workshop.store.down()
    assert "- (2026-03-05) user said: I play the cello." in workshop.ask(question("cello")).text


def test_an_event_in_utc_is_told_by_its_own_time_zone(workshop: Workshop) -> None:
    workshop.take_in(event("I play the cello.", occurred_at=SAME_INSTANT, time_zone="Asia/Shanghai"))
    assert said_at(workshop) == [LOCAL]


def test_a_time_zone_that_was_named_holds_for_later_events_until_all_is_cleared(workshop: Workshop) -> None:
    workshop.take_in(
        event("I play the cello.", occurred_at=SAME_INSTANT, time_zone="Asia/Shanghai", session_id="s1"),
        event("And the harp.", occurred_at=SAME_INSTANT),
    )
    assert said_at(workshop) == [LOCAL, LOCAL]
    clear(workshop, "s1")
    assert workshop.subject().time_zone == "Asia/Shanghai"
    clear(workshop)
    assert workshop.subject().time_zone is None
    workshop.take_in(event("And the drums.", occurred_at=SAME_INSTANT))
    assert said_at(workshop) == ["2026-03-04T23:30:00+00:00"]


def test_an_agent_tells_the_time_zone_of_users_who_tell_none(workshop: Workshop) -> None:
    with workshop.database.transaction() as connection:
        agents.put(connection, Agent("default", "coach", time_zone="Asia/Shanghai"))
        agents.put(connection, Agent("default", "odd", time_zone="Mars/Olympus"))
    workshop.take_in(event("I play the cello.", occurred_at=SAME_INSTANT, agent_id="coach"))
    workshop.take_in(event("I play the harp.", occurred_at=SAME_INSTANT, agent_id="odd"))
    workshop.take_in(event("I sing.", occurred_at=SAME_INSTANT, agent_id="coach", time_zone="Europe/Berlin"))
    assert said_at(workshop) == [LOCAL, "2026-03-04T23:30:00+00:00", "2026-03-05T00:30:00+01:00"]


def test_a_note_is_written_by_the_clock_of_its_owners_memories(workshop: Workshop) -> None:
    workshop.take_in(event("I play the cello.", occurred_at=LOCAL))
    for user in ("ann", "bob"):
        command = AddMemory(user_id=user, text=f"{user} sings", reply_to=REPLY_TO)
        workshop.house.commands.commands(workshop.broker).run(command)
    offsets = [memory.occurred_at.utcoffset() for memory in workshop.memories(kind=Kind.NOTE)]
    assert offsets == [timedelta(hours=8), timedelta(0)]


def test_the_same_instant_by_another_clock_is_a_duplicate(workshop: Workshop) -> None:
    def sent(time: str, **fields: Any) -> ConversationFinished:
        messages = [{"role": "user", "content": "I play the cello.", "created_at": time}]
        given = {"user_id": "ann", "event_id": "e1", "messages": messages, "occurred_at": time}
        return ConversationFinished.parse({**given, **fields})

    outcomes = workshop.take_in(sent(LOCAL), sent(SAME_INSTANT), sent(SAME_INSTANT, time_zone="Asia/Tokyo"))
    assert outcomes == [Outcome.STORED, Outcome.DUPLICATE, Outcome.DUPLICATE]
    assert said_at(workshop) == [LOCAL]


def test_times_at_the_edges_of_the_contract_are_stored_and_read(workshop: Workshop) -> None:
    earliest = "1900-01-01T13:59:00+14:00"
    for number, time in enumerate(
        (earliest.replace("13:59", "14:00"), "1900-01-01T00:00:00Z", "2026-03-05T07:30-12:00")
    ):
        workshop.take_in(event(f"Number {number}.", occurred_at=time, user=f"u{number}"))
        with workshop.database.transaction() as connection:
            [recorded] = conversations.recent(connection, "default", f"u{number}", limit=1)
        assert recorded.occurred_at.isoformat() == datetime.fromisoformat(time).isoformat()
    assert workshop.statuses() == ["stored"] * 3
