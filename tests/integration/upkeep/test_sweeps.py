"""What the scheduler does again and again, over real servers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis

from afterword.schemas import wire
from afterword.schemas.wire import Queue
from afterword.workers.core.errors import LedgerUnavailable
from afterword.workers.observing.metrics import Metrics
from afterword.workers.services.upkeep.scheduler import Scheduler, Task
from afterword.workers.services.upkeep.sweeps import Sweeps
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.upkeep.leadership import Leadership
from tests.fixtures.workshops import OpenWorkshop
from tests.support.ledgers import refusing
from tests.support.waiting import wait_until
from tests.support.workshop import Workshop, event


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def sweeps(workshop: Workshop) -> Sweeps:
    return workshop.house.upkeep.sweeps(workshop.broker)


def letters(workshop: Workshop) -> list[Any]:
    return workshop.rows("SELECT * FROM dead_letters")


class TestHints:
    def test_there_are_as_many_as_subjects_are_due(self, workshop: Workshop, sweeps: Sweeps) -> None:
        workshop.take_in(*(event("Hello.", user=f"user-{number}") for number in range(5)))
        workshop.broker.flush(Queue.EXTRACTION)
        sweeps.hint_due_subjects()
        assert workshop.broker.admin.queue_length(Queue.EXTRACTION) == 5
        sweeps.hint_due_subjects()
        assert workshop.broker.admin.queue_length(Queue.EXTRACTION) == 5

    def test_none_for_who_is_in_work_or_not_due(self, open_workshop: OpenWorkshop) -> None:
        workshop = open_workshop(extract_after=60.0)
        workshop.take_in(event("Hello."), event("Hello.", user="bob"))
        workshop.house.upkeep.sweeps(workshop.broker).hint_due_subjects()
        assert workshop.broker.admin.queue_length(Queue.EXTRACTION) == 0
        workshop.rows("UPDATE subjects SET due_at = now(), lease_until = now() + interval '1 hour'")
        workshop.house.upkeep.sweeps(workshop.broker).hint_due_subjects()
        assert workshop.broker.admin.queue_length(Queue.EXTRACTION) == 0


def die(client: redis.Redis, message_id: str | bytes, data: bytes | str, queue: Queue = Queue.CONVERSATIONS) -> None:
    """A message that was given up on, as the broker leaves it."""
    name: Any = message_id
    client.zadd(f"{wire.queue_key(queue)}.XQ", {name: 1_780_000_000_000})
    client.hset(f"{wire.queue_key(queue)}.XQ.msgs", name, data)


class TestDeadMessages:
    def test_they_are_kept_once_and_forgotten_by_redis(
        self, workshop: Workshop, sweeps: Sweeps, client: redis.Redis
    ) -> None:
        body = {"tenant_id": "t", "user_id": "ann", "event_id": "e1", "messages": []}
        data = json.dumps({"args": [body], "options": {"error": "InvalidEvent: messages"}})
        die(client, "m1", data)
        sweeps.keep_dead_messages()
        die(client, "m1", data)  # Redis did not forget it: the worker ended in between
        sweeps.keep_dead_messages()
        [letter] = letters(workshop)
        assert (letter.message_id, letter.queue, letter.error) == ("m1", "conversations", "InvalidEvent: messages")
        assert (letter.tenant_id, letter.user_id, letter.event_id) == ("t", "ann", "e1")
        assert letter.body == data.encode()
        assert client.keys("*XQ*") == []
        counted = workshop.house.metrics.registry.get_sample_value(
            "afterword_dead_letters_total", {"queue": "conversations"}
        )
        assert counted == 1

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"\xff\x00 no JSON",
            b"[" * 100_000,
            b'"text"',
            b'{"args": {"a": 1}}',
            b'{"args": 5, "options": 7}',
            b'{"args": [], "options": {"error": "nul \\u0000 and half \\ud800"}}',
            b'{"args": [{"user_id": "half \\ud800", "event_id": "nul \\u0000", "tenant_id": 5}]}',
        ],
    )
    def test_no_message_is_too_broken_to_be_kept(
        self, workshop: Workshop, sweeps: Sweeps, client: redis.Redis, data: bytes
    ) -> None:
        die(client, "broken", data)
        die(client, "sound", b'{"args": [{"user_id": "ann"}]}')
        sweeps.keep_dead_messages()
        assert {letter.message_id: letter.body for letter in letters(workshop)}["broken"] == data
        assert len(letters(workshop)) == 2
        assert client.keys("*XQ*") == []

    @pytest.mark.parametrize("field", ["user_id", "tenant_id", "event_id", "the message's id"])
    def test_one_with_an_id_that_no_index_holds_blocks_no_other(
        self, workshop: Workshop, sweeps: Sweeps, client: redis.Redis, field: str
    ) -> None:
        endless = [incompressible(number) for number in range(2)]
        for each in endless:
            body = {"user_id": "ann"} | ({field: each} if field.endswith("_id") else {})
            die(client, each if field == "the message's id" else each[:9], json.dumps({"args": [body]}))
        die(client, "sound", b'{"args": [{"user_id": "ann"}]}', Queue.COMMANDS)
        sweeps.keep_dead_messages()
        assert len(letters(workshop)) == 3
        assert client.keys("*XQ*") == []
        column = field if field.endswith("_id") else "message_id"
        kept = {getattr(letter, column) for letter in letters(workshop) if letter.queue == Queue.CONVERSATIONS}
        assert len(kept) == 2, "two ids stay two"
        assert all(len(each.encode()) <= 512 for each in kept)

    def test_ids_that_are_no_text_are_forgotten_too(
        self, workshop: Workshop, sweeps: Sweeps, client: redis.Redis
    ) -> None:
        for name in (b"\xff", b"\xfe", b"a\x00", b"a"):
            die(client, name, b"{}")
        sweeps.keep_dead_messages()
        assert len({letter.message_id for letter in letters(workshop)}) == 4
        assert client.keys("*XQ*") == []

    def test_one_that_is_refused_stays_alone_and_that_is_said(
        self, workshop: Workshop, sweeps: Sweeps, client: redis.Redis, caplog: pytest.LogCaptureFixture
    ) -> None:
        for name in ("bad 1", "good 1", "bad 2", "good 2"):
            die(client, name, b"{}")
        die(client, "good 3", b"{}", Queue.TELEMETRY)
        with refusing(workshop.database, "dead_letters", "NEW.message_id LIKE 'bad%'"):
            for _ in range(2):
                sweeps.keep_dead_messages()
        assert sorted(letter.message_id for letter in letters(workshop)) == ["good 1", "good 2", "good 3"]
        assert client.zrange(f"{wire.queue_key(Queue.CONVERSATIONS)}.XQ", 0, -1) == [b"bad 1", b"bad 2"]
        assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
            "2 dead messages of queue conversations cannot be kept in PostgreSQL: they stay in Redis"
        ]
        sample = workshop.house.metrics.registry.get_sample_value
        assert sample("afterword_dead_messages_unkept", {"queue": "conversations"}) == 2
        assert sample("afterword_dead_messages_unkept", {"queue": "telemetry"}) == 0

    def test_why_the_broker_set_one_aside_is_kept(
        self, workshop: Workshop, sweeps: Sweeps, client: redis.Redis
    ) -> None:
        die(client, "m", b'{"args": [], "options": {"error": "none at all"}}')
        client.hset(f"{wire.queue_key(Queue.CONVERSATIONS)}.XQ.why", "m", "5000000 bytes: too many")
        sweeps.keep_dead_messages()
        assert [letter.error for letter in letters(workshop)] == ["5000000 bytes: too many"]
        assert client.keys("*XQ*") == []

    def test_of_a_huge_one_the_beginning_is_kept(self, workshop: Workshop, sweeps: Sweeps, client: redis.Redis) -> None:
        die(client, "huge", b"x" * 20_000_000)
        die(client, "sound", b"{}")
        sweeps.keep_dead_messages()
        kept = {letter.message_id: letter for letter in letters(workshop)}
        assert len(kept["huge"].body) == 8 * 1024 * 1024
        assert "of its 20000000 bytes the first 8388608 are kept" in kept["huge"].error
        assert kept["sound"].body == b"{}"


def incompressible(seed: int) -> str:
    """3 kB that PostgreSQL cannot make smaller."""
    return "".join(hashlib.sha256(f"{seed} {number}".encode()).hexdigest() for number in range(96))[:6000]


class TestTranscripts:
    def test_they_go_after_their_time_and_not_before(self, open_workshop: OpenWorkshop) -> None:
        workshop = open_workshop(keep_transcripts=100.0)
        workshop.take_in(event("done"))
        workshop.extract_all()
        workshop.take_in(event("pending", user="bob"))
        sweeps = workshop.house.upkeep.sweeps(workshop.broker)
        workshop.some_time_passes(90)
        sweeps.drop_transcripts()
        assert self.kept(workshop) == 2
        workshop.some_time_passes(20)
        sweeps.drop_transcripts()
        sweeps.drop_transcripts()
        assert self.kept(workshop) == 1
        told = "SELECT result_count, metadata FROM audit WHERE type = 'policy_apply'"
        assert [tuple(row) for row in workshop.rows(told)] == [(1, {"effect": "transcripts"})], "a row for each batch"
        workshop.extract_all()
        assert workshop.statuses() == ["done", "done"]

    def test_one_without_its_excerpts_is_kept_for_them(self, open_workshop: OpenWorkshop) -> None:
        workshop = open_workshop(keep_transcripts=0.0)
        workshop.store.down()
        workshop.take_in(event("I play the cello."))
        workshop.store.up()
        workshop.extract_all()
        workshop.some_time_passes(60)
        sweeps = workshop.house.upkeep.sweeps(workshop.broker)
        sweeps.drop_transcripts()
        assert self.kept(workshop) == 1
        sweeps.complete_excerpts()
        sweeps.drop_transcripts()
        assert self.kept(workshop) == 0
        assert "I play the cello." in workshop.texts()
        assert workshop.statuses() == ["done"]

    def kept(self, workshop: Workshop) -> int:
        return len(workshop.rows("SELECT 1 FROM conversations WHERE turns IS NOT NULL"))


class TestScheduler:
    def test_it_goes_on_after_a_task_that_fails(self, database: Database) -> None:
        ran: list[str] = []

        def fail() -> None:
            ran.append("failing")
            raise LedgerUnavailable("PostgreSQL is away")

        tasks = [Task("failing", 0.0, fail), Task("sound", 0.0, lambda: ran.append("sound"))]
        scheduler = Scheduler(tasks, leadership=Leadership(database), metrics=Metrics())
        scheduler.start()
        wait_until(lambda: ran.count("sound") >= 2, what="a second round")
        assert scheduler.is_alive()
        scheduler.stop(5)
        assert not scheduler.is_alive()
        assert ran[:4] == ["failing", "sound", "failing", "sound"]

    def test_of_two_only_the_leader_works_and_the_other_follows_it(self, ledger_url: str) -> None:
        databases = [Database(ledger_url), Database(ledger_url)]
        ran: list[str] = []
        first = Scheduler(
            [Task("t", 0.0, lambda: ran.append("first"))], leadership=Leadership(databases[0]), metrics=Metrics()
        )
        second = Scheduler(
            [Task("t", 0.0, lambda: ran.append("second"))], leadership=Leadership(databases[1]), metrics=Metrics()
        )
        first.start()
        wait_until(lambda: len(ran) >= 1, what="the first to lead")
        second.start()
        wait_until(lambda: len(ran) >= 4, what="the first to go on")
        assert set(ran) == {"first"}
        first.stop(5)
        wait_until(lambda: "second" in ran, what="the second to lead")
        second.stop(5)
        for database in databases:
            database.close()


def test_a_session_s_transcript_gives_context_for_as_long_as_it_is_kept(workshop: Workshop, sweeps: Sweeps) -> None:
    workshop.take_in(event("I play the cello.", session_id="s1"))
    workshop.extract_all()
    workshop.some_time_passes(timedelta(days=2).total_seconds())
    sweeps.drop_transcripts()
    workshop.take_in(event("And the harp.", session_id="s1", occurred_at=event("x").occurred_at + timedelta(hours=1)))
    workshop.extract_all()
    assert workshop.statuses() == ["done", "done"]
