"""Limits behind the door: events wait, questions and commands are refused, and nobody else notices."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from afterword.producers import CommandFailed, MemoryClient
from afterword.schemas import ContextRequest, ConversationFinished, GetConversation, InvalidInput
from afterword.schemas.erasures import EraseUser
from afterword.schemas.letters import ReplayDeadLetters
from afterword.schemas.limits import LimitedKind
from afterword.schemas.policies import SetPolicy
from afterword.schemas.wire import Queue
from afterword.workers.broker import ServerClock, WindowCounter
from afterword.workers.observing.metrics import Metrics
from afterword.workers.runtime.roles import Role, start_role
from afterword.workers.services.ingest.recorder import Outcome
from afterword.workers.services.policy.limits import Requester, RequestLimits
from afterword.workers.services.upkeep import deferred_intake
from tests.fixtures.workshops import OpenWorkshop
from tests.support.extractions import clear, count
from tests.support.workshop import REPLY_TO, Workshop, event

DEFERRED, STORED = Outcome.DEFERRED, Outcome.STORED


def run(workshop: Workshop, command: type[Any], **given: Any) -> Any:
    return workshop.house.commands.commands(workshop.broker).run(command(reply_to=REPLY_TO, **given))


def limit(workshop: Workshop, limits: dict[str, int], **whose: Any) -> None:
    run(workshop, SetPolicy, rules={"limits": limits}, **whose)
    workshop.house.memories.limit_book.read()


def say(workshop: Workshop, *numbers: int, user: str = "ann", **more: Any) -> list[Outcome]:
    return workshop.take_in(*(event(f"number {n}", user=user, event_id=f"{user}-{n}", **more) for n in numbers))


def a_minute_passes(workshop: Workshop) -> None:
    """For limits, and for those who wait for them."""
    with redis.Redis.from_url(workshop.house.settings.redis) as client:
        for key in client.scan_iter("afterword:windows:*"):
            client.delete(key)
    workshop.rows("UPDATE deferred_events SET due_at = clock_timestamp() WHERE due_at IS NOT NULL")


def intake(workshop: Workshop) -> Any:
    return workshop.house.upkeep.deferred_intake(workshop.broker)


def said(workshop: Workshop, user: str = "ann") -> list[str]:
    """The events of a user that were taken in, in that order."""
    rows = workshop.rows("SELECT event_id FROM conversations WHERE user_id = :user ORDER BY id", user=user)
    return [row.event_id.removeprefix(f"{user}-") for row in rows]


class TestEvents:
    def test_one_of_a_user_who_is_being_erased_stands_before_nobody(
        self, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(deferred_intake, "_AT_ONCE", 1)
        limit(workshop, {"publishes.user.minute": 1})
        for user in ("ann", "bob"):
            assert say(workshop, 1, 2, user=user) == [STORED, DEFERRED]
        run(workshop, EraseUser, user_id="ann")
        a_minute_passes(workshop)
        for _ in range(2):
            intake(workshop).take_in()
        assert said(workshop, "bob") == ["1", "2"]

    def test_one_over_a_limit_waits_and_is_taken_in_later_in_its_order(self, workshop: Workshop) -> None:
        limit(workshop, {"publishes.user.minute": 2})
        assert say(workshop, 1, 2, 3, 4, 5) == [STORED, STORED, DEFERRED, DEFERRED, DEFERRED]
        # Others of the tenant are not held up.
        assert say(workshop, 1, user="bob") == [STORED]
        intake(workshop).take_in()
        assert said(workshop) == ["1", "2"]
        a_minute_passes(workshop)
        # Who comes now stands behind those that wait, though there is room.
        assert say(workshop, 6) == [DEFERRED]
        intake(workshop).take_in()
        assert said(workshop) == ["1", "2", "3", "4"]
        a_minute_passes(workshop)
        intake(workshop).take_in()
        assert said(workshop) == ["1", "2", "3", "4", "5", "6"]
        assert workshop.texts(user_id="ann") == [f"number {n}" for n in range(1, 7)]
        assert say(workshop, 7) == [DEFERRED]
        assert count(workshop, "afterword_ingested_conversations_total", outcome="deferred") == 5
        assert count(workshop, "afterword_ingested_conversations_total", outcome="stored") == 7
        told = [row.metadata for row in workshop.audited() if row.type == "conversation_deferred"]
        assert told[0] == {"limit": "2 publishes a minute are allowed for this user", "owner": "user"}

    def test_an_event_that_comes_twice_waits_once_and_another_of_its_id_is_a_conflict(self, workshop: Workshop) -> None:
        limit(workshop, {"publishes.user.minute": 1})
        say(workshop, 1, 2, 2, 2)
        workshop.take_in(event("another", event_id="ann-2"))
        a_minute_passes(workshop)
        limit(workshop, {})
        intake(workshop).take_in()
        assert said(workshop) == ["1", "2"]
        assert "conversation_conflict" in workshop.audit_types()

    def test_tenants_and_agents_have_limits_and_the_nearest_policy_holds(self, workshop: Workshop) -> None:
        limit(workshop, {"publishes.user.minute": 1, "publishes.agent.minute": 2, "publishes.tenant.minute": 4})
        limit(workshop, {"publishes.user.minute": 0}, user_id="ann")
        limit(workshop, {"publishes.agent.minute": 1}, agent_id="guide")
        assert say(workshop, 1, 2) == [STORED, STORED]
        assert say(workshop, 1, user="bob", agent_id="guide") == [STORED]
        assert say(workshop, 1, user="cy", agent_id="guide") == [DEFERRED]
        assert say(workshop, 1, user="dee") == [STORED]
        assert say(workshop, 3) == [DEFERRED]
        owners = workshop.rows("SELECT owner FROM deferred_events ORDER BY id")
        assert [row.owner for row in owners] == ["agent", "tenant"]
        # Another tenant has none of these.
        assert say(workshop, *range(6), tenant_id="elsewhere") == [STORED] * 6

    def test_one_that_waits_too_long_is_a_dead_letter_that_can_be_replayed(self, open_workshop: OpenWorkshop) -> None:
        workshop = open_workshop(defer_within=3600.0)
        limit(workshop, {"publishes.user.day": 1})
        say(workshop, 1, 2, 3)
        workshop.rows("UPDATE deferred_events SET deferred_at = deferred_at - interval '2 h' WHERE event_id = 'ann-2'")
        intake(workshop).give_up()
        (letter,) = workshop.rows("SELECT id, error, user_id, event_id FROM dead_letters")
        assert (letter.user_id, letter.event_id) == ("ann", "ann-2")
        assert "1 publishes a day are allowed for this user" in letter.error
        # The next one is tried in its place.
        a_minute_passes(workshop)
        intake(workshop).take_in()
        assert said(workshop) == ["1", "3"]
        assert run(workshop, ReplayDeadLetters, letter_ids=[letter.id]).done == (letter.id,)
        ((_, data),) = workshop.broker.admin.messages(Queue.CONVERSATIONS)
        assert ConversationFinished.parse(json.loads(data)["args"][0]).event_id == "ann-2"

    def test_one_that_cannot_be_read_any_more_ends_alone(self, workshop: Workshop) -> None:
        limit(workshop, {"publishes.user.minute": 1})
        say(workshop, 1, 2, 3)
        workshop.rows("""UPDATE deferred_events SET body = '{"version": 7}' WHERE event_id = 'ann-2'""")
        limit(workshop, {})
        a_minute_passes(workshop)
        intake(workshop).take_in()
        assert said(workshop) == ["1", "3"]
        assert [row.event_id for row in workshop.rows("SELECT event_id FROM dead_letters")] == ["ann-2"]

    def test_its_state_says_that_it_waits_and_a_clear_takes_it_away(self, workshop: Workshop) -> None:
        limit(workshop, {"publishes.user.minute": 1})
        say(workshop, 1, 2, 3)
        say(workshop, 4, session_id="s1")
        state = run(workshop, GetConversation, user_id="ann", event_id="ann-2")
        assert (state.status, state.searchable, state.finished) == ("deferred", False, False)
        assert "1 publishes a minute" in state.reason
        clear(workshop, session="s1")
        assert len(workshop.rows("SELECT 1 FROM deferred_events")) == 2
        clear(workshop)
        assert workshop.rows("SELECT 1 FROM deferred_events") == []
        a_minute_passes(workshop)
        intake(workshop).take_in()
        assert workshop.texts() == []

    def test_how_many_wait_is_shown(self, workshop: Workshop) -> None:
        limit(workshop, {"publishes.user.minute": 1})
        say(workshop, 1, 2, 3)
        workshop.house.upkeep.readings(workshop.broker).read_ledger()
        assert count(workshop, "afterword_deferred_events", type="user") == 2
        assert count(workshop, "afterword_deferred_events", type="tenant") == 0
        assert count(workshop, "afterword_oldest_deferred_event_age_seconds") > 0

    def test_a_user_who_floods_does_not_use_up_the_turns_of_others(self, workshop: Workshop) -> None:
        limit(workshop, {"publishes.user.minute": 1})
        say(workshop, *range(40))
        for name in ("bob", "cy"):
            say(workshop, 1, 2, user=name)
        a_minute_passes(workshop)
        intake(workshop).take_in()
        assert [said(workshop, name) for name in ("ann", "bob", "cy")] == [["0", "1"], ["1", "2"], ["1", "2"]]


class TestQuestions:
    def test_one_over_a_limit_is_answered_at_once_with_nothing(self, workshop: Workshop) -> None:
        workshop.take_in(event("I play the cello."))
        limit(workshop, {"contexts.user.minute": 1})
        answerer = workshop.house.recall.limited_answerer
        asked = ContextRequest(user_id="ann", query="cello?", reply_to=REPLY_TO)
        assert answerer.answer(asked).reply.memories
        workshop.store.calls.clear()
        refused = answerer.answer(asked).reply
        assert (refused.memories, refused.text, refused.degraded) == ((), "", ("over_limit",))
        assert workshop.store.calls == []
        assert "over_limit" not in answerer.answer(asked.model_copy(update={"user_id": "bob"})).reply.degraded
        assert count(workshop, "afterword_limited_requests_total", kind="contexts", outcome="over_user") == 1


class TestCommands:
    @pytest.fixture
    def client(self, workshop: Workshop, redis_url: str) -> Iterator[MemoryClient]:
        role = start_role(Role.COMMANDS, workshop.house)
        with MemoryClient(redis_url) as client:
            yield client
        role.stop(10)

    def test_one_over_a_limit_says_which_and_when_to_come_again(self, workshop: Workshop, client: MemoryClient) -> None:
        limit(workshop, {"commands.user.minute": 2})
        for _ in range(2):
            client.memories.list(user_id="ann")
        with pytest.raises(CommandFailed, match="2 commands a minute are allowed for this user: try again in") as told:
            client.memories.list(user_id="ann")
        assert told.value.code == "over_limit"
        assert 0 < (told.value.retry_after or 0) <= 120
        client.memories.list(user_id="bob")
        # Whoever may lift the limit is not locked out.
        for _ in range(3):
            client.policies.set({"limits": {}})

    def test_who_may_not_is_not_counted(self, workshop: Workshop, client: MemoryClient) -> None:
        limit(workshop, {"commands.user.minute": 1})
        for _ in range(3):
            with pytest.raises(CommandFailed, match="denied"):
                client.memories.list(user_id="ann", by="mallory")
        client.memories.list(user_id="ann")


def test_without_limits_nobody_is_asked(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Any) -> None:
        raise AssertionError("nothing is to be counted")

    monkeypatch.setattr(workshop.house.stores.windows, "take", refuse)
    limit(workshop, {"publishes.user.minute": 0, "contexts.user.minute": 5}, tenant_id="elsewhere")
    assert say(workshop, 1) == [STORED]
    assert say(workshop, 1, tenant_id="elsewhere") == [STORED]


def test_settings_hold_where_no_policy_says_anything(open_workshop: OpenWorkshop) -> None:
    workshop = open_workshop(limits={"publishes.user.minute": 1})
    assert say(workshop, 1, 2) == [STORED, DEFERRED]
    limit(workshop, {"publishes.user.minute": 3}, user_id="bob")
    assert say(workshop, 1, 2, 3, 4, user="bob") == [STORED, STORED, STORED, DEFERRED]


def test_while_redis_does_not_count_everybody_is_let_in(workshop: Workshop, caplog: pytest.LogCaptureFixture) -> None:
    limit(workshop, {"publishes.user.minute": 1})
    house = workshop.house

    metrics = Metrics()
    with redis.Redis.from_url("redis://127.0.0.1:1/0", retry=None) as away:
        limits = RequestLimits(house.memories.limit_book, WindowCounter(away, ServerClock(away)), metrics)
        for _ in range(3):
            assert limits.over(LimitedKind.PUBLISHES, Requester("default", "ann")) is None
    found = metrics.registry.get_sample_value(
        "afterword_limited_requests_total", {"kind": "publishes", "outcome": "unchecked"}
    )
    assert found == 3
    assert sum("limits are not checked" in line for line in caplog.messages) == 1


def test_a_policy_names_limits_of_its_own_owner(workshop: Workshop) -> None:
    for wrong in (
        {"rules": {"limits": {"publishes.tenant.minute": 1}}, "user_id": "ann"},
        {"rules": {"limits": {"publishes.user.minute": 1}}, "agent_id": "guide"},
        {"rules": {"limits": {"publishes.user.hour": 1}}},
    ):
        with pytest.raises((InvalidInput, ValueError), match="limits"):
            SetPolicy.model_validate({"reply_to": REPLY_TO, **wrong})
    limit(workshop, {"publishes.user.minute": 5, "contexts.tenant.day": 9})
    found = run(workshop, SetPolicy, rules={"limits": {"publishes.user.minute": 7}}, user_id="ann")
    assert found.force.limits == {"publishes.user.minute": 7, "contexts.tenant.day": 9}
