"""Platforms that republish the last messages of a thread after every run: each turn is extracted once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from afterword.schemas import ConversationFinished, Kind
from afterword.schemas.wire import Queue
from afterword.workers.embedded.authored import new_messages
from afterword.workers.services.ingest.recorder import Outcome
from afterword.workers.text.tokens import estimate
from tests.fixtures.workshops import OpenWorkshop
from tests.support.extractions import clear, facts
from tests.support.fake_openai import FakeOpenAI
from tests.support.workshop import NOON, Workshop

THREAD = [f"Turn {number}: on day {number} I played piece {number} on the cello." for number in range(20)]
IDS = pytest.mark.parametrize("ids", [True, False], ids=["message ids", "no message ids"])


def window(first: int, last: int, *, ids: bool = False, said: Sequence[str] = THREAD, **more: Any) -> Any:
    """The turns [first, last) of a thread, user and assistant by turns, as a platform publishes them."""
    messages = [
        {"role": ("user", "assistant")[number % 2], "content": said[number]} | ({"id": f"m{number}"} if ids else {})
        for number in range(first, last)
    ]
    given: dict[str, Any] = {"session_id": "s1", "event_id": f"e{first}-{last}", "user_id": "ann"}
    at = (NOON + timedelta(minutes=last)).isoformat()
    return ConversationFinished.parse({**given, "occurred_at": at, "messages": messages, **more})


def asked(llm: FakeOpenAI) -> list[str]:
    """The turns that the LLM was asked about, in order."""
    return [message["content"] for call in llm.chats for message in new_messages(call.messages)]


class TestTenWindows:
    """Of ten turns each, one further every time: nineteen turns in all."""

    @IDS
    @pytest.mark.parametrize("batched", [True, False], ids=["debounced", "one by one"])
    def test_they_cost_what_their_union_costs(
        self, workshop: Workshop, llm: FakeOpenAI, ids: bool, batched: bool
    ) -> None:
        for first in range(10):
            assert workshop.take_in(window(first, first + 10, ids=ids)) == [Outcome.STORED]
            if not batched:
                workshop.extract_all()
        workshop.extract_all()
        assert asked(llm) == THREAD[:19]
        assert sum(map(estimate, asked(llm))) == sum(map(estimate, THREAD[:19]))
        assert len(llm.chats) == (1 if batched else 10)
        assert sorted(workshop.texts(kind=Kind.EXCERPT)) == sorted(THREAD[:19])
        assert facts(workshop) == sorted(f"User said: {turn}" for turn in THREAD[:19:2])
        assert workshop.statuses() == ["done"] * 10

    def test_they_cost_a_third_of_the_tokens_even_with_the_prompt_around_them(self, workshop: Workshop) -> None:
        """As a debounced batch, against the same windows in threads of their own."""
        workshop.take_in(*(window(first, first + 10) for first in range(10)))
        workshop.extract_all()
        at_once = self.spent(workshop)
        for first in range(10):
            workshop.take_in(window(first, first + 10, session_id=f"t{first}", event_id=f"t{first}", user_id="bob"))
            workshop.extract_all()
        assert at_once * 3 < self.spent(workshop) - at_once

    def spent(self, workshop: Workshop) -> int:
        return int(workshop.rows("SELECT sum(prompt_tokens) AS tokens FROM llm_calls")[0].tokens)

    @IDS
    def test_the_source_of_a_fact_is_the_window_that_brought_it(self, workshop: Workshop, ids: bool) -> None:
        workshop.take_in(window(0, 4, ids=ids), window(1, 5, ids=ids))
        workshop.extract_all()
        [late] = workshop.memories(text=f"User said: {THREAD[4]}")
        assert (late.event_id, late.message) == ("e1-5", 3)
        assert late.message_id == ("m4" if ids else None)


class TestWindows:
    @IDS
    def test_one_that_brings_nothing_is_skipped_and_says_why(
        self, workshop: Workshop, llm: FakeOpenAI, ids: bool
    ) -> None:
        workshop.take_in(window(0, 10, ids=ids))
        assert workshop.take_in(window(2, 8, ids=ids)) == [Outcome.SKIPPED]
        workshop.extract_all()
        assert workshop.statuses() == ["done", "skipped"]
        [row] = workshop.rows("SELECT reason, turns FROM conversations WHERE event_id = 'e2-8'")
        assert (row.reason, row.turns) == ("every turn was seen before", None)
        [skipped] = [row for row in workshop.audited() if row.type == "conversation_skipped"]
        assert skipped.metadata["reason"] == "every turn was seen before"
        assert asked(llm) == THREAD[:10]

    @IDS
    def test_one_that_comes_late_brings_what_was_before(self, workshop: Workshop, llm: FakeOpenAI, ids: bool) -> None:
        workshop.take_in(window(4, 10, ids=ids), window(0, 6, ids=ids), window(2, 12, ids=ids))
        workshop.extract_all()
        assert sorted(asked(llm)) == sorted(THREAD[:12])
        assert asked(llm)[:4] == THREAD[:4], "in the order it was said"

    @pytest.mark.parametrize("other", [{"agent_id": "coach"}, {"session_id": "s2"}, {"user_id": "bob"}], ids=str)
    def test_another_thread_has_its_own(self, workshop: Workshop, llm: FakeOpenAI, other: dict[str, Any]) -> None:
        workshop.take_in(window(0, 4), window(0, 4, event_id="other", **other))
        workshop.extract_all()
        assert asked(llm) == [*THREAD[:4], *THREAD[:4]]
        assert workshop.statuses() == ["done", "done"]

    def test_without_a_session_there_is_nothing_to_lie_over(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        workshop.take_in(window(0, 4, session_id=None), window(0, 4, session_id=None, event_id="again"))
        workshop.extract_all()
        assert len(asked(llm)) == 8
        assert workshop.rows("SELECT 1 FROM sessions") == []

    def test_another_tenant_has_its_own(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        workshop.take_in(window(0, 4), window(0, 4, tenant_id="other"))
        workshop.extract_all()
        assert len(asked(llm)) == 8

    @IDS
    def test_a_redelivered_event_shifts_nothing(self, workshop: Workshop, llm: FakeOpenAI, ids: bool) -> None:
        workshop.take_in(window(0, 6, ids=ids))
        before = workshop.rows("SELECT seen FROM sessions")
        assert workshop.take_in(window(0, 6, ids=ids)) == [Outcome.DUPLICATE]
        assert workshop.take_in(window(0, 6, ids=ids, said=[f"{said}!" for said in THREAD])) == [Outcome.CONFLICT]
        assert workshop.rows("SELECT seen FROM sessions") == before
        workshop.take_in(window(3, 9, ids=ids))
        workshop.extract_all()
        assert asked(llm) == THREAD[:9]

    def test_an_event_that_is_refused_leaves_no_trace(self, open_workshop: OpenWorkshop, llm: FakeOpenAI) -> None:
        """A turn that came while memory was off is learned when it comes again after memory was switched on."""
        off = open_workshop(memory_enabled=False)
        assert off.take_in(window(0, 4)) == [Outcome.SKIPPED]
        off.close()
        on = open_workshop()
        on.take_in(window(0, 4, event_id="again"))
        on.extract_all()
        assert asked(llm) == THREAD[:4]

    def test_parts_of_a_split_event_are_one_thread(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        parts = [
            window(first, first + 4, event_id="big", part=part, parts=3) for part, first in enumerate((0, 4, 8), 1)
        ]
        workshop.take_in(*parts, *parts)
        workshop.take_in(window(6, 14))
        workshop.extract_all()
        assert asked(llm) == THREAD[:14]
        assert len(workshop.texts(kind=Kind.EXCERPT)) == 14


class TestClearing:
    @pytest.mark.parametrize("session", [None, "s1"], ids=["the user", "the session"])
    @IDS
    def test_what_is_cleared_does_not_come_back_with_the_next_window(
        self, workshop: Workshop, llm: FakeOpenAI, session: str | None, ids: bool
    ) -> None:
        workshop.take_in(window(0, 4, ids=ids))
        workshop.extract_all()
        clear(workshop, session=session)
        assert workshop.take_in(window(0, 4, ids=ids, event_id="again")) == [Outcome.SKIPPED]
        assert workshop.take_in(window(0, 6, ids=ids, event_id="on")) == [Outcome.STORED]
        workshop.extract_all()
        assert asked(llm) == THREAD[:6]
        assert sorted(workshop.texts(kind=Kind.EXCERPT)) == sorted(THREAD[4:6])
        # What is known of the user is not the session's.
        known = THREAD[:6:2] if session else THREAD[4:6:2]
        assert facts(workshop) == [f"User said: {turn}" for turn in known]

    @IDS
    def test_what_was_cleared_in_the_queue_does_not_come_back_either(
        self, workshop: Workshop, llm: FakeOpenAI, ids: bool
    ) -> None:
        workshop.broker.admin.enqueue_body(Queue.CONVERSATIONS, window(0, 4, ids=ids))
        clear(workshop)
        workshop.take_in(window(2, 6, ids=ids))
        workshop.extract_all()
        assert asked(llm) == THREAD[4:6]

    @IDS
    def test_what_is_kept_of_a_cleared_thread_tells_nothing_and_ends(self, workshop: Workshop, ids: bool) -> None:
        workshop.take_in(window(0, 4, ids=ids))
        clear(workshop)
        forgetting = workshop.house.upkeep.forgetting
        forgetting.drop_old_marks()
        [kept] = workshop.rows("SELECT seen FROM sessions")
        assert all(len(key) == 32 and set(key) <= set("0123456789abcdef") for key in kept.seen)
        workshop.rows("UPDATE sessions SET seen_at = seen_at - interval '91 days', cleared_at = seen_at")
        workshop.rows("UPDATE sessions SET cleared_at = cleared_at - interval '91 days'")
        forgetting.drop_old_marks()
        assert workshop.rows("SELECT 1 FROM sessions") == []

    def test_another_session_s_turns_stay_known(self, workshop: Workshop) -> None:
        workshop.take_in(window(0, 4), window(0, 4, session_id="s2", event_id="other"))
        clear(workshop, session="s2")
        assert workshop.take_in(window(0, 4, event_id="again")) == [Outcome.SKIPPED]


def test_windows_that_come_at_once_see_each_other(workshop: Workshop, llm: FakeOpenAI) -> None:
    """Eight ingest threads: whatever their order, no turn is asked about twice."""
    windows = [window(first, first + 10, ids=True) for first in range(10)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(workshop.ingest.ingest, windows))
    workshop.extract_all()
    assert sorted(asked(llm)) == sorted(THREAD[:19])
    assert sorted(workshop.texts(kind=Kind.EXCERPT)) == sorted(THREAD[:19])
