"""How far a conversation has come, as its asker is told."""

from __future__ import annotations

from typing import Any

import pytest

from afterword.schemas import ConversationState, GetConversation
from afterword.workers.core.errors import Denied, NotFound
from tests.support.fake_openai import Fact, FakeOpenAI, given
from tests.support.workshop import REPLY_TO, Workshop, event, store_down


def state(workshop: Workshop, event_id: str = "e1", **asked: Any) -> ConversationState:
    command = GetConversation(reply_to=REPLY_TO, event_id=event_id, **{"user_id": "ann", **asked})
    found = workshop.house.commands.commands(workshop.broker).run(command)
    assert isinstance(found, ConversationState)
    return found


def test_it_is_taken_in_then_recalled_then_learned_from(workshop: Workshop, llm: FakeOpenAI) -> None:
    llm.answer_with(given(Fact("one")))
    with pytest.raises(NotFound):
        state(workshop)
    workshop.store.before["insert"] = store_down
    workshop.take_in(event("Hello.", event_id="e1"))
    received = state(workshop)
    assert (received.status, received.searchable, received.finished) == ("received", False, False)

    workshop.store.up()
    workshop.take_in(event("Hello.", event_id="e1"))
    assert (state(workshop).status, state(workshop).searchable) == ("stored", True)

    workshop.extract_all()
    done = state(workshop)
    assert (done.status, done.searchable, done.finished) == ("done", True, True)
    assert done.received_at == received.received_at
    assert done.finished_at is not None


def test_an_event_in_parts_is_as_far_as_its_last_part(workshop: Workshop, llm: FakeOpenAI) -> None:
    llm.answer_with(given())
    workshop.take_in(event("One.", event_id="e1", part=1, parts=2, session_id="s"))
    workshop.extract_all()
    assert state(workshop).status == "done"
    workshop.take_in(event("Two.", event_id="e1", part=2, parts=2, session_id="s"))
    assert state(workshop).status == "stored"
    workshop.extract_all()
    # Nothing new was said: this part is skipped, and the event is done all the same.
    workshop.take_in(event("Two.", event_id="e1", part=3, parts=3, session_id="s"))
    assert state(workshop).status == "done"


def test_one_from_which_nothing_is_learned_says_why(workshop: Workshop) -> None:
    workshop.take_in(event("<think>hm</think>", event_id="e1", messages=[{"role": "tool", "content": "42"}]))
    skipped = state(workshop)
    assert (skipped.status, skipped.searchable, skipped.finished) == ("skipped", True, True)
    assert skipped.reason


def test_it_is_told_to_its_user_only(workshop: Workshop) -> None:
    workshop.take_in(event("Hello.", event_id="e1"))
    for other in ({"user_id": "bob"}, {"tenant_id": "other"}):
        with pytest.raises(NotFound):
            state(workshop, **other)
    with pytest.raises(Denied):
        state(workshop, by="bob")
