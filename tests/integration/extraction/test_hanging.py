"""A worker that hangs, a subject with much behind it, and transcripts that are not kept: what they cost others."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import redis

from afterword.schemas import Kind
from afterword.schemas.wire import Queue
from afterword.workers.runtime.roles import Role, start_role
from afterword.workers.services.extraction.lease import LeaseKeeper
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.extraction import claims, subjects
from tests.fixtures.workshops import OpenWorkshop
from tests.support import openai_faults as faults
from tests.support.extractions import count, facts
from tests.support.fake_openai import FakeOpenAI
from tests.support.waiting import wait_until
from tests.support.workshop import Workshop, event, store_down


class TestMaximumHold:
    @pytest.fixture
    def workshop(self, open_workshop: OpenWorkshop) -> Iterator[Workshop]:
        """Leases of 0.6 s, which the keeper renews for 1.5 s."""
        workshop = open_workshop(lease=0.6, max_hold=1.5, llm_timeout=30.0)
        workshop.keeper.start()
        yield workshop
        workshop.keeper.stop()

    def test_a_worker_that_hangs_alive_loses_its_subject(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        llm.fail(faults.Hang())
        workshop.take_in(event("I play the cello."))
        with ThreadPoolExecutor(1) as pool:
            hanging = pool.submit(workshop.extraction.extract_next)
            llm.wait_for_chats(1)
            wait_until(lambda: workshop.extraction.extract_next(), 20, "another to get the subject")
            assert facts(workshop) == ["User said: I play the cello."]
            llm.release()
            assert hanging.result(20)
        assert count(workshop, "afterword_extractions_total", outcome="lost") == 1
        assert facts(workshop) == ["User said: I play the cello."]
        assert workshop.audit_types().count("memory_add") == 1


def test_another_subject_waits_for_nothing(workshop: Workshop, llm: FakeOpenAI) -> None:
    llm.fail(faults.Hang())
    workshop.take_in(event("I play the cello."))
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(workshop.extraction.extract_next)
        llm.wait_for_chats(1)
        workshop.take_in(event("I live in Ghent.", user="bob"))
        assert workshop.extraction.extract_next()
        assert facts(workshop) == ["User said: I live in Ghent."]
        llm.release()
        assert hanging.result(20)


def test_a_lease_is_renewed_up_to_the_maximum_and_not_beyond(database: Database) -> None:
    with database.transaction() as connection:
        subject = subjects.lock(connection, "default", "ann")
        subjects.note_pending(connection, subject, due_at=subject.now, tokens=1)
    lease = timedelta(seconds=3)
    keeper = LeaseKeeper(database=database, lease=lease, max_hold=timedelta(seconds=4))
    keeper.start()
    with database.transaction() as connection:
        claim = claims.claim(connection, lease)
    assert claim is not None
    began = time.monotonic()

    def claimed_by_another() -> bool:
        with database.transaction() as connection:
            return claims.claim(connection, lease) is not None

    with keeper.holding(claim):
        wait_until(claimed_by_another, 20, "the lease to run out")
        assert time.monotonic() - began >= 4
    keeper.stop()


class TestTranscriptsThatAreNotKept:
    def kept(self, workshop: Workshop) -> int:
        return len(workshop.rows("SELECT 1 FROM conversations WHERE turns IS NOT NULL"))

    def test_they_go_with_the_commit_that_ends_them(self, open_workshop: OpenWorkshop) -> None:
        workshop = open_workshop(keep_transcripts=0.0)
        workshop.take_in(event("I play the cello."))
        assert self.kept(workshop) == 1
        workshop.extract_all()
        assert (self.kept(workshop), workshop.statuses()) == (0, ["done"])

    def test_not_before_their_excerpts_are_written(self, open_workshop: OpenWorkshop) -> None:
        workshop = open_workshop(keep_transcripts=0.0)
        workshop.store.before["insert"] = store_down
        workshop.take_in(event("I play the cello."))
        workshop.store.up()
        workshop.extract_all()
        assert (self.kept(workshop), workshop.statuses()) == (1, ["done"])
        sweeps = workshop.house.upkeep.sweeps(workshop.broker)
        workshop.some_time_passes(60)
        sweeps.drop_transcripts()
        sweeps.complete_excerpts()
        sweeps.drop_transcripts()
        assert self.kept(workshop) == 0
        assert workshop.texts(kind=Kind.EXCERPT) == ["I play the cello."]

    def test_not_while_a_part_of_them_waits(self, open_workshop: OpenWorkshop) -> None:
        workshop = open_workshop(keep_transcripts=0.0, batch_tokens=20)
        workshop.take_in(event("cello " * 20, "harp " * 20))
        assert workshop.extraction.extract_next()
        assert self.kept(workshop) == 1
        workshop.extract_all()
        assert self.kept(workshop) == 0
        assert len(facts(workshop)) == 2


class TestManyBehindOne:
    """A thousand conversations wait for one subject, whose call to the LLM hangs."""

    MOST_A_SECOND = 50
    SECONDS = 4

    @pytest.fixture
    def at_work(self, open_workshop: OpenWorkshop, llm: FakeOpenAI) -> Iterator[Workshop]:
        workshop = open_workshop(llm_timeout=60.0, threads=4)
        self.record(workshop, 1)
        llm.fail(faults.Hang())
        roles = [start_role(role, workshop.house) for role in (Role.EXTRACTION, Role.SCHEDULER)]
        llm.wait_for_chats(1, timeout=30)
        self.record(workshop, 1_000)
        yield workshop
        llm.release()
        stopping = [threading.Thread(target=role.stop, args=(20,)) for role in roles]
        for each in stopping:
            each.start()
        for each in stopping:
            each.join()

    def record(self, workshop: Workshop, many: int) -> None:
        """Conversations as ingest leaves them, without the time that it takes."""
        workshop.rows(
            """
            INSERT INTO conversations (tenant_id, event_id, user_id, occurred_at, status, body_hash, turns, tokens,
                                       generation, excerpts_at, metadata)
            SELECT 'default', 'e' || :many || '-' || number, 'ann', now(), 'stored', ''::bytea,
                   '[{"position": 0, "role": "user", "text": "I play the cello.", "at": "2026-05-01T12:00:00+00:00",
                      "message_id": null, "name": null}]', 5, 0, now(), '{}'
            FROM generate_series(1, :many) AS number
            """,
            many=many,
        )
        with workshop.database.transaction() as connection:
            subject = subjects.lock(connection, "default", "ann")
            subjects.note_pending(connection, subject, due_at=subject.now, tokens=5 * many)

    def test_redis_is_left_in_peace(self, at_work: Workshop, redis_url: str, llm: FakeOpenAI) -> None:
        with redis.Redis.from_url(redis_url) as client:
            before = int(client.info("stats")["total_commands_processed"])
            time.sleep(self.SECONDS)  # a rate is what is measured
            after = int(client.info("stats")["total_commands_processed"])
        assert (after - before) / self.SECONDS < self.MOST_A_SECOND
        assert at_work.broker.admin.queue_length(Queue.EXTRACTION) == 0
        assert len(llm.chats) == 1, "nobody else asks about the same subject"
        llm.release()
        wait_until(lambda: set(at_work.statuses()) == {"done"}, 60, "all to be done")
        assert len(llm.chats) <= 1 + 11 + 1

    def test_so_it_is_while_the_breaker_is_open(self, at_work: Workshop, redis_url: str) -> None:
        at_work.take_in(*(event("Hello.", user=f"user-{number}") for number in range(20)))
        at_work.rows(
            "INSERT INTO breakers (name, failures, open_until) VALUES ('llm', 9, clock_timestamp() + interval '1 h') "
            "ON CONFLICT (name) DO UPDATE SET open_until = EXCLUDED.open_until, probe_until = NULL"
        )
        at_work.rows("UPDATE subjects SET due_at = clock_timestamp(), lease_until = NULL WHERE user_id <> 'ann'")
        with redis.Redis.from_url(redis_url) as client:
            before = int(client.info("stats")["total_commands_processed"])
            time.sleep(self.SECONDS)
            after = int(client.info("stats")["total_commands_processed"])
        assert (after - before) / self.SECONDS < self.MOST_A_SECOND
