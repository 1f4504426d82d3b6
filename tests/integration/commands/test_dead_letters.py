"""Dead letters in somebody's hands: found, replayed when what killed them is mended, or discarded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from afterword.producers import AsyncMemoryClient, CommandFailed, MemoryClient
from afterword.schemas import ConversationFinished, InvalidEvent, Kind, MemoryUnavailable, wire
from afterword.schemas.wire import Queue
from afterword.workers.broker import build_broker
from afterword.workers.core.errors import NotFound, NotReplayable
from afterword.workers.runtime.roles import Role, start_role
from afterword.workers.services.commands.dead_letters import DeadLetters
from afterword.workers.stores.ledger.upkeep.dead_letters import LetterFilter, StoredLetter
from tests.fixtures.workshops import OpenWorkshop
from tests.support import openai_faults as faults
from tests.support.extractions import clear, facts
from tests.support.fake_openai import FakeOpenAI
from tests.support.waiting import wait_until
from tests.support.workshop import Workshop, event, store_down


@pytest.fixture
def workshop(open_workshop: OpenWorkshop) -> Workshop:
    return open_workshop(max_attempts=1)


@pytest.fixture
def letters(workshop: Workshop) -> DeadLetters:
    return DeadLetters(database=workshop.database, queues=workshop.broker.admin)


def dead_conversation(workshop: Workshop, llm: FakeOpenAI, **more: Any) -> None:
    """One that the LLM refused."""
    llm.fail(faults.refusal())
    workshop.take_in(event("I play the cello.", **more))
    workshop.extract_all()
    assert workshop.statuses()[-1] == "dead"


def dead_message(workshop: Workshop, body: object, *, message_id: str = "m1", error: str = "InvalidEvent: x") -> None:
    """A message of the conversations queue that was given up on, and kept by the sweep."""
    data = body if isinstance(body, bytes) else json.dumps(envelope(body, error)).encode()
    client = workshop.broker.client
    client.zadd(f"{wire.queue_key(Queue.CONVERSATIONS)}.XQ", {message_id: 1_780_000_000_000})
    client.hset(f"{wire.queue_key(Queue.CONVERSATIONS)}.XQ.msgs", message_id, data)
    workshop.house.upkeep.sweeps(workshop.broker).keep_dead_messages()


def envelope(body: object, error: str = "") -> dict[str, Any]:
    return {
        "queue_name": "conversations",
        "actor_name": wire.ACTORS[Queue.CONVERSATIONS],
        "args": [body],
        "kwargs": {},
        "options": {"redis_message_id": "old", "error": error, "retries": 7, "traceback": "…"},
        "message_id": "old",
        "message_timestamp": 1_780_000_000_000,
    }


def body_of(sent: ConversationFinished) -> dict[str, Any]:
    return dict(sent.model_dump(mode="json"))


def only(letters: DeadLetters) -> StoredLetter:
    [found] = letters.select(LetterFilter())
    return found


def gauge(workshop: Workshop, name: str, queue: str) -> float:
    found = workshop.house.metrics.registry.get_sample_value(f"afterword_{name}", {"queue": queue})
    assert found is not None
    return found


def queued(workshop: Workshop) -> list[dict[str, Any]]:
    """The messages of the conversations queue."""
    return [json.loads(data) for data in workshop.broker.client.hvals(wire.messages_key(Queue.CONVERSATIONS))]


class TestSelecting:
    @pytest.fixture(autouse=True)
    def some(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        dead_conversation(workshop, llm, user="ann")
        dead_conversation(workshop, llm, user="bob", tenant_id="acme")
        dead_message(workshop, {"user_id": "ann", "event_id": "e1"}, error="InvalidEvent: 50% of_it")

    @pytest.mark.parametrize(
        ("which", "users"),
        [
            (LetterFilter(), ["ann", "bob", "ann"]),
            (LetterFilter(queue="extraction"), ["bob", "ann"]),
            (LetterFilter(tenant_id="acme"), ["bob"]),
            (LetterFilter(tenant_id="default", user_id="ann"), ["ann", "ann"]),
            (LetterFilter(error="BadAnswer"), ["bob", "ann"]),
            (LetterFilter(error="50% of_it"), ["ann"]),
            (LetterFilter(error="50_ of%it"), []),
            (LetterFilter(queue="extraction", user_id="ann"), ["ann"]),
            (LetterFilter(letter_id=0), []),
        ],
        ids=str,
    )
    def test_all_that_is_said_applies_newest_first(
        self, letters: DeadLetters, which: LetterFilter, users: list[str]
    ) -> None:
        assert [found.letter.user_id for found in letters.select(which)] == users

    def test_their_number_and_the_age_of_the_oldest_are_measured(
        self, workshop: Workshop, letters: DeadLetters
    ) -> None:
        readings = workshop.house.upkeep.readings(workshop.broker)
        readings.read_ledger()
        assert gauge(workshop, "dead_letters_standing", queue="extraction") == 2
        assert gauge(workshop, "dead_letters_standing", queue="conversations") == 1
        assert gauge(workshop, "oldest_dead_letter_age_seconds", queue="conversations") > 3600
        for found in letters.select(LetterFilter()):
            letters.discard(found.id)
        readings.read_ledger()
        for queue in Queue:
            assert gauge(workshop, "dead_letters_standing", queue=queue) == 0
            assert gauge(workshop, "oldest_dead_letter_age_seconds", queue=queue) == 0


class TestConversations:
    def test_a_replayed_one_is_extracted_under_its_own_event_id(
        self, workshop: Workshop, llm: FakeOpenAI, letters: DeadLetters
    ) -> None:
        dead_conversation(workshop, llm, event_id="e1", session_id="s1")
        letters.replay(only(letters).id)
        assert workshop.statuses() == ["stored"]
        assert letters.select(LetterFilter()) == []
        assert workshop.extract_all() == 1
        assert workshop.statuses() == ["done"]
        [fact] = workshop.memories(kind=Kind.FACT)
        assert (fact.event_id, fact.session_id) == ("e1", None)
        assert workshop.texts(kind=Kind.EXCERPT) == ["I play the cello."]
        assert "dead_letter_replay" in workshop.audit_types()

    def test_one_that_dies_again_is_listed_again(
        self, workshop: Workshop, llm: FakeOpenAI, letters: DeadLetters
    ) -> None:
        dead_conversation(workshop, llm)
        first = only(letters).id
        llm.fail(faults.refusal())
        letters.replay(first)
        workshop.extract_all()
        assert workshop.statuses() == ["dead"]
        assert only(letters).id != first

    def test_one_without_its_excerpts_gets_them(
        self, workshop: Workshop, llm: FakeOpenAI, letters: DeadLetters
    ) -> None:
        workshop.store.before["insert"] = store_down
        dead_conversation(workshop, llm)
        workshop.store.up()
        letters.replay(only(letters).id)
        assert workshop.statuses() == ["received"]
        workshop.some_time_passes(60)
        workshop.house.upkeep.sweeps(workshop.broker).complete_excerpts()
        workshop.extract_all()
        assert workshop.texts(kind=Kind.EXCERPT) == ["I play the cello."]

    def test_it_has_no_message_to_be_mended(self, workshop: Workshop, llm: FakeOpenAI, letters: DeadLetters) -> None:
        dead_conversation(workshop, llm)
        with pytest.raises(NotReplayable, match="no message"):
            letters.replay(only(letters).id, b"{}")
        assert workshop.statuses() == ["dead"]
        assert only(letters)

    def test_one_whose_words_are_gone_stays_a_letter(
        self, workshop: Workshop, llm: FakeOpenAI, letters: DeadLetters
    ) -> None:
        dead_conversation(workshop, llm, session_id="s1")
        clear(workshop, session="s1")
        with pytest.raises(NotReplayable, match="cleared"):
            letters.replay(only(letters).id)
        assert only(letters)
        assert workshop.subject().due_at is None

    def test_its_transcript_outlives_others_until_it_is_discarded(
        self, open_workshop: OpenWorkshop, llm: FakeOpenAI
    ) -> None:
        workshop = open_workshop(max_attempts=1, keep_transcripts=0.0)
        letters = DeadLetters(database=workshop.database, queues=workshop.broker.admin)
        dead_conversation(workshop, llm)
        workshop.some_time_passes(3600)
        workshop.house.upkeep.sweeps(workshop.broker).drop_transcripts()
        assert workshop.rows("SELECT 1 FROM conversations WHERE turns IS NOT NULL")
        letters.discard(only(letters).id)
        assert workshop.rows("SELECT 1 FROM conversations WHERE turns IS NOT NULL") == []
        assert workshop.statuses() == ["dead"]
        assert letters.select(LetterFilter()) == []

    def test_a_clear_takes_the_subject_s_letters_and_no_others(
        self, workshop: Workshop, llm: FakeOpenAI, letters: DeadLetters
    ) -> None:
        dead_conversation(workshop, llm, user="ann")
        dead_conversation(workshop, llm, user="bob")
        dead_message(workshop, {"user_id": "ann"})
        clear(workshop, "ann")
        assert only(letters).letter.user_id == "bob"


class TestMessages:
    def test_a_replayed_one_goes_back_to_its_queue_with_its_event_id(
        self, workshop: Workshop, letters: DeadLetters
    ) -> None:
        dead_message(workshop, body_of(event("I play the cello.", event_id="e1")))
        letters.replay(only(letters).id)
        assert letters.select(LetterFilter()) == []
        [message] = queued(workshop)
        assert message["args"][0]["event_id"] == "e1"
        assert "retries" not in message["options"]
        assert message["options"]["redis_message_id"] == message["message_id"] != "old"
        role = start_role(Role.INGEST, workshop.house)
        try:
            wait_until(lambda: workshop.statuses() == ["stored"], what="the conversation to be taken in")
        finally:
            role.stop(10)
        assert workshop.rows("SELECT event_id FROM conversations")[0].event_id == "e1"

    def test_one_that_was_taken_in_meanwhile_changes_nothing(self, workshop: Workshop, letters: DeadLetters) -> None:
        sent = event("I play the cello.", event_id="e1")
        dead_message(workshop, body_of(sent))
        workshop.take_in(sent)
        letters.replay(only(letters).id)
        [message] = queued(workshop)
        workshop.take_in(ConversationFinished.parse(message["args"][0]))
        workshop.extract_all()
        assert workshop.statuses() == ["done"]
        assert facts(workshop) == ["User said: I play the cello."]

    @pytest.mark.parametrize(
        "data",
        [b"", b"\xff no JSON", b"[" * 100_000, b'"text"', b"[1]", b'{"args": {}}', b'{"args": []}', b"{}"],
        ids=lambda data: str(data[:12]),
    )
    def test_one_that_cannot_be_read_wants_mending(self, workshop: Workshop, letters: DeadLetters, data: bytes) -> None:
        dead_message(workshop, data)
        with pytest.raises(NotReplayable, match="mended body"):
            letters.replay(only(letters).id)
        assert queued(workshop) == []
        assert only(letters).letter.body == data
        mended = json.dumps(envelope(body_of(event("I play the cello.", event_id="mended")))).encode()
        letters.replay(only(letters).id, mended)
        [message] = queued(workshop)
        assert message["args"][0]["event_id"] == "mended"
        assert letters.select(LetterFilter()) == []

    def test_a_mended_body_that_cannot_be_read_either_is_refused(
        self, workshop: Workshop, letters: DeadLetters
    ) -> None:
        dead_message(workshop, body_of(event("Hello.")))
        for body in (b"", b"{", b"[]"):
            with pytest.raises(NotReplayable):
                letters.replay(only(letters).id, body)
        assert only(letters)

    def test_without_redis_the_letter_stays(self, workshop: Workshop, letters: DeadLetters) -> None:
        dead_message(workshop, body_of(event("Hello.")))
        away = build_broker("redis://127.0.0.1:1/0")
        with pytest.raises(MemoryUnavailable):
            DeadLetters(database=workshop.database, queues=away.admin).replay(only(letters).id)
        assert only(letters)

    def test_a_message_that_is_named_like_a_conversation_touches_none(
        self, workshop: Workshop, llm: FakeOpenAI, letters: DeadLetters
    ) -> None:
        dead_conversation(workshop, llm)
        letters.replay(only(letters).id)
        dead_message(workshop, b"{}", message_id="conversation:1")
        letters.discard(only(letters).id)
        assert workshop.rows("SELECT 1 FROM conversations WHERE turns IS NOT NULL")
        dead_message(workshop, b"{}", message_id="conversation:no number")
        letters.discard(only(letters).id)
        assert letters.select(LetterFilter()) == []


@pytest.mark.parametrize("what", ["replay", "discard"])
def test_a_letter_that_is_not_there(letters: DeadLetters, what: str) -> None:
    with pytest.raises(NotFound, match="no dead letter 7"):
        getattr(letters, what)(7)


def test_an_invalid_event_is_still_invalid_after_a_replay(workshop: Workshop, letters: DeadLetters) -> None:
    """It dies again, and is listed again."""
    dead_message(workshop, {"user_id": "ann", "messages": "none"})
    letters.replay(only(letters).id)
    role = start_role(Role.INGEST, workshop.house)
    sweeps = workshop.house.upkeep.sweeps(workshop.broker)

    def listed_again() -> bool:
        sweeps.keep_dead_messages()
        return bool(letters.select(LetterFilter()))

    try:
        wait_until(listed_again, 20, "the letter to be back")
    finally:
        role.stop(10)
    assert InvalidEvent.__name__ in only(letters).letter.error


class TestOverTheQueue:
    @pytest.fixture
    def client(self, workshop: Workshop, redis_url: str) -> Iterator[MemoryClient]:
        role = start_role(Role.COMMANDS, workshop.house)
        with MemoryClient(redis_url) as client:
            yield client
        role.stop(10)

    @pytest.fixture(autouse=True)
    def some(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        dead_conversation(workshop, llm, user="ann")
        dead_conversation(workshop, llm, user="bob", tenant_id="acme")
        dead_message(workshop, b"no JSON\x1b[2J", error="")

    def test_a_tenant_sees_its_own_and_an_operator_all(self, client: MemoryClient) -> None:
        box = client.dead_letters
        assert [letter.user_id for letter in box.list().letters] == ["ann"]
        first = box.list(all_tenants=True, limit=2)
        rest = box.list(all_tenants=True, limit=2, cursor=first.next_cursor)
        assert [letter.user_id for letter in (*first.letters, *rest.letters)] == [None, "bob", "ann"]
        assert rest.next_cursor is None
        [bobs] = box.list(all_tenants=True, queue="extraction", error="BadAnswer", user_id="bob").letters
        with pytest.raises(CommandFailed, match="not_found"):
            box.get(bobs.id)
        for treat in (box.replay, box.drop):
            [refused] = treat(bobs.id).refused
            assert refused.reason == f"there is no dead letter {bobs.id}"
        assert len(box.list(all_tenants=True).letters) == 3
        with pytest.raises(CommandFailed, match="cursor"):
            box.list(cursor="٢")

    def test_what_is_shown_steers_nothing(self, client: MemoryClient) -> None:
        number = client.dead_letters.list(all_tenants=True, queue="conversations").letters[0].id
        shown = client.dead_letters.get(number, all_tenants=True)
        assert (shown.body, shown.truncated, shown.entry.size) == ("no JSON\\x1b[2J", False, 11)

    def test_a_long_one_is_shown_in_part(self, workshop: Workshop, client: MemoryClient) -> None:
        dead_message(workshop, b"\xe4\xb8\xad" * 200_000, message_id="long")
        shown = client.dead_letters.get(client.dead_letters.list(all_tenants=True).letters[0].id, all_tenants=True)
        assert (len(shown.body), shown.truncated, shown.entry.size) == (65_536, True, 600_000)

    def test_each_is_replayed_or_told_why_it_stays(self, workshop: Workshop, redis_url: str) -> None:
        async def treat() -> None:
            async with AsyncMemoryClient(redis_url) as client:
                box = client.dead_letters
                broken, bobs, anns = [letter.id for letter in (await box.list(all_tenants=True)).letters]
                treated = await box.replay(broken, anns, 4711, anns, all_tenants=True, asked_by="root")
                assert treated.done == (anns,)
                assert [each.id for each in treated.refused] == [broken, 4711]
                assert "mended body" in treated.refused[0].reason
                assert (await box.drop(bobs, all_tenants=True, asked_by="root")).done == (bobs,)
                assert (await box.get(broken, all_tenants=True)).entry.queue == "conversations"

        role = start_role(Role.COMMANDS, workshop.house)
        try:
            asyncio.run(treat())
        finally:
            role.stop(10)
        assert workshop.statuses() == ["stored", "dead"]
        rows = workshop.rows("SELECT type, metadata FROM audit WHERE type LIKE 'dead_letter_%' ORDER BY id")
        told = {"queue": "extraction", "by": "root"}
        assert [tuple(row) for row in rows] == [("dead_letter_replay", told), ("dead_letter_discard", told)]

    def test_while_a_server_is_away_no_letter_is_waited_for_twice(self, workshop: Workshop) -> None:
        dead_message(workshop, body_of(event("one")), message_id="one")
        dead_message(workshop, body_of(event("two")), message_id="two")
        away = DeadLetters(database=workshop.database, queues=build_broker("redis://127.0.0.1:1/0").admin)
        which = LetterFilter(queue="conversations", user_id="ann")
        ids = [head.id for head in away.heads(which)]
        treated = away.replay_each(ids)
        assert [each.id for each in treated.refused] == ids
        assert len(away.heads(which)) == 2
