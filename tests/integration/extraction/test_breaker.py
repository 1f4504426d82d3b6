"""The breaker of the LLM: one for all processes, opened by the provider's faults, closed by its one probe."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from afterword.schemas.wire import Queue
from afterword.workers.embedded.completions import HttpReply
from afterword.workers.runtime.roles import Role, start_role
from afterword.workers.runtime.running import RunningRole
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.extraction import breaker
from afterword.workers.stores.ledger.extraction.breaker import BreakerPolicy, Permit
from tests.fixtures.workshops import OpenWorkshop
from tests.support import openai_faults as faults
from tests.support.extractions import facts
from tests.support.fake_openai import FakeOpenAI
from tests.support.waiting import wait_until
from tests.support.workshop import Crash, Workshop, crash, event, store_down

POLICY = BreakerPolicy(3, timedelta(seconds=5), timedelta(seconds=60), timedelta(seconds=30))
AT_ONCE = {
    "401": faults.unauthorised(),
    "quota": faults.out_of_quota(),
    "unknown model": faults.unknown_model(),
    "Retry-After": faults.rate_limited("30"),
}
IN_A_ROW = {"503": faults.server_error(503), "429 without": HttpReply({}, 429), "dropped": faults.Dropped()}


def row(workshop: Workshop) -> Any:
    """The breaker, with `opens_in` its seconds from now."""
    found = workshop.rows("SELECT *, extract(epoch FROM open_until - clock_timestamp()) AS opens_in FROM breakers")
    return found[0] if found else None


def is_open(workshop: Workshop) -> bool:
    return row(workshop) is not None and row(workshop).open_until is not None


def delay_over(workshop: Workshop) -> None:
    workshop.rows("UPDATE breakers SET open_until = clock_timestamp()")


def subjects_due(workshop: Workshop) -> None:
    """All subjects are due now; the breaker is left as it is."""
    workshop.rows("UPDATE subjects SET due_at = clock_timestamp() WHERE due_at IS NOT NULL")


def all_claimed_by_another(workshop: Workshop) -> None:
    workshop.rows("UPDATE subjects SET fence = fence + 1, lease_until = NULL")


def users(count: int) -> list[str]:
    return [f"user-{number:03}" for number in range(count)]


def take_in(workshop: Workshop, count: int) -> None:
    workshop.take_in(*(event(f"{user} plays the cello.", user=user) for user in users(count)))


class TestOpening:
    @pytest.mark.parametrize("why", AT_ONCE)
    def test_at_once_when_the_provider_refuses_or_says_when_to_come_back(
        self, workshop: Workshop, llm: FakeOpenAI, why: str
    ) -> None:
        take_in(workshop, 3)
        llm.fail_when(lambda _: AT_ONCE[why])
        assert workshop.extract_all() == 1
        assert len(llm.chats) == 1
        assert is_open(workshop)
        assert row(workshop).opens_in > (25 if why == "Retry-After" else 3)
        assert "sk-secret" not in row(workshop).reason

    @pytest.mark.parametrize("why", IN_A_ROW)
    def test_after_some_failures_in_a_row_else(self, open_workshop: OpenWorkshop, llm: FakeOpenAI, why: str) -> None:
        workshop = open_workshop(breaker_failures=3)
        take_in(workshop, 5)
        llm.fail_when(lambda _: IN_A_ROW[why])
        assert workshop.extract_all() == 3
        assert is_open(workshop)

    @pytest.mark.parametrize("between", ["an answer", "a bad answer"])
    def test_an_answer_in_between_counts_anew(self, open_workshop: OpenWorkshop, llm: FakeOpenAI, between: str) -> None:
        workshop = open_workshop(breaker_failures=3, max_attempts=9)
        take_in(workshop, 5)
        llm.fail(faults.server_error(), times=2)
        if between == "a bad answer":
            llm.fail(faults.not_json())
        assert workshop.extract_all() == 5
        assert row(workshop).failures == 0
        assert not is_open(workshop)

    def test_faults_of_the_stores_do_not_count(self, open_workshop: OpenWorkshop) -> None:
        workshop = open_workshop(breaker_failures=1)
        take_in(workshop, 2)
        workshop.store.before["search"] = store_down
        assert workshop.extract_all() == 2
        assert not is_open(workshop)


class TestOpen:
    @pytest.fixture
    def paused(self, workshop: Workshop, llm: FakeOpenAI) -> Workshop:
        """Open for a minute, with subjects due."""
        take_in(workshop, 5)
        llm.fail(faults.rate_limited("60"))
        workshop.extract_all()
        subjects_due(workshop)
        return workshop

    def test_nobody_claims_and_no_attempt_burns(self, paused: Workshop, llm: FakeOpenAI) -> None:
        fences = paused.rows("SELECT user_id, fence FROM subjects ORDER BY user_id")
        with ThreadPoolExecutor(8) as pool:
            began = list(pool.map(lambda _: paused.extraction.extract_next(), range(40)))
        assert not any(began)
        assert len(llm.chats) == 1
        assert paused.rows("SELECT user_id, fence FROM subjects ORDER BY user_id") == fences
        assert paused.rows("SELECT 1 FROM subjects WHERE attempts > 0 OR lease_until IS NOT NULL") == []

    def test_there_is_one_hint_at_a_time(self, paused: Workshop) -> None:
        paused.broker.flush(Queue.EXTRACTION)
        sweeps = paused.house.upkeep.sweeps(paused.broker)
        for _ in range(5):
            sweeps.hint_due_subjects()
        assert paused.broker.admin.queue_length(Queue.EXTRACTION) == 1
        paused.house.upkeep.readings(paused.broker).read_ledger()
        assert paused.house.metrics.registry.get_sample_value("afterword_breaker_open") == 1

    def test_ingest_goes_on(self, paused: Workshop) -> None:
        paused.take_in(event("And the harp.", user="late"))
        assert "And the harp." in paused.texts()


class TestProbe:
    @pytest.fixture
    def probing(self, workshop: Workshop, llm: FakeOpenAI) -> Workshop:
        """Its delay is over; ten subjects are due."""
        take_in(workshop, 10)
        llm.fail(faults.unauthorised())
        workshop.extract_all()
        subjects_due(workshop)
        delay_over(workshop)
        return workshop

    def test_there_is_exactly_one_among_many_threads(self, probing: Workshop, llm: FakeOpenAI) -> None:
        llm.fail(faults.Hang())
        with ThreadPoolExecutor(8) as pool:
            first = [pool.submit(probing.extraction.extract_next) for _ in range(30)]
            llm.wait_for_chats(2)
            wait_until(lambda: sum(each.done() for each in first) == 29, what="all others to be turned away")
            assert len(llm.chats) == 2
            llm.release()
        assert [each.result() for each in first].count(True) == 1

    def test_its_success_closes_and_all_go_on(self, probing: Workshop) -> None:
        assert probing.extract_all() == 10
        assert not is_open(probing)
        assert row(probing).reason is None
        assert len(facts(probing)) == 10

    @pytest.mark.parametrize("answer", [faults.not_json(), faults.refusal()], ids=["no JSON", "refusal"])
    @pytest.mark.parametrize("attempts", [1, 5])
    def test_a_bad_answer_is_an_answer(
        self, open_workshop: OpenWorkshop, llm: FakeOpenAI, answer: HttpReply, attempts: int
    ) -> None:
        """Also that which ends in a dead letter."""
        workshop = open_workshop(max_attempts=attempts)
        take_in(workshop, 1)
        llm.fail(faults.unauthorised(), answer)
        workshop.extract_all()
        workshop.due_now()
        assert workshop.extract_all() == 1
        assert not is_open(workshop)

    def test_its_failure_opens_again_for_longer_within_bounds(
        self, open_workshop: OpenWorkshop, llm: FakeOpenAI
    ) -> None:
        workshop = open_workshop(breaker_after=5.0, breaker_within=30.0)
        take_in(workshop, 1)
        llm.fail_when(lambda _: faults.unauthorised())
        delays = []
        for _ in range(6):
            workshop.due_now()
            assert workshop.extract_all() == 1
            delays.append(row(workshop).opens_in)
        assert delays == [pytest.approx(expected, abs=3) for expected in (5, 10, 20, 30, 30, 30)]

    def test_one_that_dies_is_followed_by_another_after_its_time(self, probing: Workshop) -> None:
        probing.llm.after = crash
        with pytest.raises(Crash):
            probing.extraction.extract_next()
        probing.llm.after = lambda: None
        assert not probing.extraction.extract_next()
        probing.rows("UPDATE breakers SET probe_until = clock_timestamp()")
        assert probing.extract_all() == 9
        assert not is_open(probing)

    def test_one_that_finds_nothing_due_leaves_the_place_free(self, probing: Workshop) -> None:
        probing.rows("UPDATE subjects SET due_at = clock_timestamp() + interval '1 hour'")
        assert not probing.extraction.extract_next()
        subjects_due(probing)
        assert probing.extraction.extract_next()
        assert not is_open(probing)

    @pytest.mark.parametrize("why", ["store", "nothing waits", "claim lost"])
    def test_one_that_ends_before_it_asks_leaves_the_place_free(self, probing: Workshop, why: str) -> None:
        match why:
            case "store":
                probing.store.before["search"] = store_down
            case "nothing waits":
                probing.rows("UPDATE conversations SET status = 'done' WHERE user_id = 'user-000'")
                probing.rows("UPDATE subjects SET due_at = due_at - interval '1 s' WHERE user_id = 'user-000'")
            case _:
                probing.llm.after = lambda: all_claimed_by_another(probing)
        assert probing.extraction.extract_next()
        assert is_open(probing)
        probing.store.up()
        probing.llm.after = lambda: None
        assert probing.extraction.extract_next()
        assert not is_open(probing)

    def test_what_was_asked_before_it_opened_neither_closes_it_nor_makes_it_longer(self, workshop: Workshop) -> None:
        with workshop.database.transaction() as connection:
            early = breaker.take_permit(connection, POLICY)
            assert early == Permit()
            opened = breaker.note_failure(connection, POLICY, early, reason="401", asked=timedelta(0), at_once=True)
            assert opened == timedelta(seconds=5)
            for _ in range(16):
                assert not breaker.note_failure(
                    connection, POLICY, early, reason="401", asked=timedelta(0), at_once=True
                )
            breaker.note_success(connection, early)
        assert row(workshop).opens_in < 6
        assert is_open(workshop)

    def test_a_straggler_that_was_told_to_wait_longer_is_heeded(self, workshop: Workshop) -> None:
        asked = timedelta(seconds=40)
        with workshop.database.transaction() as connection:
            breaker.note_failure(connection, POLICY, Permit(), reason="401", asked=timedelta(0), at_once=True)
            breaker.note_failure(connection, POLICY, Permit(), reason="429", asked=asked, at_once=True)
            breaker.note_failure(connection, POLICY, Permit(), reason="429", asked=timedelta(seconds=1), at_once=True)
        assert 35 < row(workshop).opens_in < 41

    def test_a_straggler_does_not_take_the_probe_s_place(self, workshop: Workshop) -> None:
        with workshop.database.transaction() as connection:
            breaker.note_failure(connection, POLICY, Permit(), reason="401", asked=timedelta(0), at_once=True)
        delay_over(workshop)
        with workshop.database.transaction() as connection:
            probe = breaker.take_permit(connection, POLICY)
            assert probe is not None
            assert probe.is_probe
            breaker.note_failure(connection, POLICY, Permit(), reason="timeout", asked=timedelta(0), at_once=False)
            assert breaker.take_permit(connection, POLICY) is None
            breaker.note_success(connection, probe)
        assert not is_open(workshop)


def test_many_workers_of_two_processes_let_one_through(ledger_url: str) -> None:
    databases = [Database(ledger_url), Database(ledger_url)]
    with databases[0].transaction() as connection:
        breaker.note_failure(connection, POLICY, Permit(), reason="401", asked=timedelta(0), at_once=True)

    def ask(number: int) -> Permit | None:
        with databases[number % 2].transaction() as connection:
            return breaker.take_permit(connection, POLICY)

    with ThreadPoolExecutor(16) as pool:
        assert not any(pool.map(ask, range(60)))
        with databases[0].transaction() as connection:
            connection.exec_driver_sql("UPDATE breakers SET open_until = clock_timestamp()")
        let_through = [each for each in pool.map(ask, range(60)) if each]
    assert len(let_through) == 1
    for database in databases:
        database.close()


def test_delays_grow_and_are_bounded() -> None:
    delays = [POLICY.delay(failures, timedelta(0)) for failures in range(200)]
    assert all(before <= after for before, after in pairwise(delays))
    assert delays[0] == delays[3] == timedelta(seconds=5)
    assert delays[-1] == POLICY.longest
    assert POLICY.delay(3, timedelta(seconds=20)) == timedelta(seconds=20)
    assert POLICY.delay(3, timedelta(days=1)) == POLICY.longest


class TestRevokedKey:
    @pytest.fixture
    def running(self, open_workshop: OpenWorkshop) -> Iterator[Workshop]:
        """Extraction and scheduler at work."""
        workshop = open_workshop(
            threads=4, retry_after=0.2, retry_within=0.4, breaker_after=0.2, breaker_within=0.5, max_attempts=1
        )
        roles: list[RunningRole] = [start_role(role, workshop.house) for role in (Role.EXTRACTION, Role.SCHEDULER)]
        yield workshop
        for role in roles:
            role.stop(10)

    def test_nothing_is_dead_and_work_resumes_by_itself(self, running: Workshop, llm: FakeOpenAI) -> None:
        llm.fail_when(lambda _: faults.unauthorised())
        take_in(running, 20)
        llm.wait_for_chats(4, timeout=30)
        assert is_open(running)
        assert set(running.statuses()) == {"stored"}
        assert running.rows("SELECT 1 FROM subjects WHERE attempts > 0") == []
        llm.fail_when(lambda _: None)
        wait_until(lambda: set(running.statuses()) == {"done"}, 40, "all to be done")
        assert running.rows("SELECT 1 FROM dead_letters") == []
        assert not is_open(running)
        assert len(facts(running)) == 20


def test_a_moment_is_told_to_the_microsecond(workshop: Workshop) -> None:
    """A probe is known by its time: it must come back as it went."""
    with workshop.database.transaction() as connection:
        breaker.note_failure(connection, POLICY, Permit(), reason="401", asked=timedelta(0), at_once=True)
    delay_over(workshop)
    with workshop.database.transaction() as connection:
        probe = breaker.take_permit(connection, POLICY)
    assert probe is not None
    assert isinstance(probe.probe_until, datetime)
    with workshop.database.transaction() as connection:
        breaker.hand_back(connection, probe)
        assert breaker.take_permit(connection, POLICY) is not None
