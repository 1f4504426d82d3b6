"""Questions about a time are asked by somebody's clock."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

import pytest

from afterword.schemas import ContextRequest, Kind, SearchMemories, SearchPage
from afterword.workers.stores.ledger import agents
from afterword.workers.stores.ledger.agents import Agent
from tests.support.workshop import REPLY_TO, Workshop, event, question

# Half past seven in the morning of the fifth of March in Shanghai, the evening of the fourth in UTC.
NOW = datetime.fromisoformat("2026-03-04T23:30:00+00:00")
LAST_EVENING = "2026-03-04T22:00:00+08:00"
THE_DAY_BEFORE = "2026-03-02T21:00:00+08:00"


class _At(datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return NOW.astimezone(tz)


@pytest.fixture
def told(workshop: Workshop) -> Workshop:
    """Dinners of two evenings in Shanghai; by the calendar of UTC the later is no yesterday's."""
    workshop.take_in(
        event("For dinner I had noodles.", occurred_at=LAST_EVENING),
        event("For dinner I had dumplings.", occurred_at=THE_DAY_BEFORE),
    )
    return workshop


def by_period(workshop: Workshop, query: str, **more: Any) -> dict[str, float]:
    """How much its closeness to the time that is asked about speaks for each memory."""
    request: ContextRequest = question(query, explain=True, **more)
    reply = workshop.house.recall.answerer.answer(request, now=NOW).reply
    assert reply.degraded == ()
    return {each.memory.text: each.signals.get("period", 0.0) for each in reply.explanations}


@pytest.mark.parametrize("query", ["What did I have for dinner yesterday?", "dinner 昨天"])
@pytest.mark.parametrize("zone", [None, "Asia/Shanghai", "+08:00", "no such zone"])
def test_yesterday_is_the_askers_own(told: Workshop, query: str, zone: str | None) -> None:
    """As the request says, else as the user's newest memories tell."""
    found = by_period(told, query, time_zone=zone)
    assert found["For dinner I had noodles."] == 0.3, "the whole weight: it was yesterday"
    assert found["For dinner I had dumplings."] < 0.3


def test_the_request_says_more_than_memories(told: Workshop) -> None:
    found = by_period(told, "What did I have for dinner yesterday?", time_zone="UTC")
    assert found["For dinner I had noodles."] < 0.3 == found["For dinner I had dumplings."]


def test_a_memory_in_utc_tells_no_clock(told: Workshop) -> None:
    told.take_in(event("I slept well.", occurred_at=NOW))
    assert by_period(told, "What did I have for dinner yesterday?")["For dinner I had noodles."] == 0.3


def test_an_agent_tells_the_clock_of_users_who_tell_none(workshop: Workshop) -> None:
    workshop.take_in(event("For dinner I had noodles.", occurred_at="2026-03-04T14:00:00Z", agent_id="cook"))
    asked = "What did I have for dinner yesterday?"
    assert by_period(workshop, asked, agent_id="cook")["For dinner I had noodles."] < 0.3
    with workshop.database.transaction() as connection:
        agents.put(connection, Agent("default", "coach", time_zone="Asia/Shanghai"))
    assert by_period(workshop, asked, agent_id="coach")["For dinner I had noodles."] == 0.3


def test_memories_are_only_looked_at_for_a_question_that_names_a_time(told: Workshop) -> None:
    told.ask(question("dinner yesterday"))
    told.store.calls.clear()
    told.ask(question("dinner"))
    plain = list(told.store.calls)
    told.store.calls.clear()
    told.ask(question("dinner yesterday", time_zone="+08:00"))
    assert told.store.calls == plain
    told.store.calls.clear()
    told.ask(question("dinner yesterday"))
    assert told.store.calls == ["search", *plain]


def test_a_search_is_by_the_clock_of_the_owners_memories(told: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    command = SearchMemories(user_id="ann", query="dinner yesterday", explain=True, reply_to=REPLY_TO)
    with monkeypatch.context() as patched:
        patched.setattr("afterword.workers.services.commands.owner_search.datetime", _At)
        page = told.house.commands.commands(told.broker).run(command)
    assert isinstance(page, SearchPage)
    found = {each.memory.text: each.signals.get("period", 0.0) for each in page.explanations}
    assert found["For dinner I had noodles."] == 0.3


def test_a_promise_does_not_stand_above_the_fact_when_a_question_is_asked_again(workshop: Workshop) -> None:
    asked = "Which instrument does my sister Clara play?"
    workshop.take_in(
        event("My sister Clara has been practising the cello.", session_id="s0"),
        event(session_id="s1", messages=[
            {"role": "user", "content": asked},
            {"role": "assistant", "content": "Let me think about that for you."},
        ]),
    )  # fmt: skip
    texts = [memory.text for memory in workshop.ask(question(asked)).memories]
    assert texts[0] == "My sister Clara has been practising the cello."
    assert workshop.texts(kind=Kind.EXCERPT, role="assistant") == ["Let me think about that for you."]
