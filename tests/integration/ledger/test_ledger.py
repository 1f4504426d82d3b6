"""The ledger on a real PostgreSQL: tables, claims, the journal, and what happens when the server goes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from afterword.schemas import Scope
from afterword.workers.core.errors import LeaseLost, LedgerUnavailable, Misconfigured
from afterword.workers.core.tokens import Tokens
from afterword.workers.core.turns import turns_of
from afterword.workers.embedded.postgres_server import PostgresServer
from afterword.workers.stores.ledger import agents, audit
from afterword.workers.stores.ledger.agents import Agent
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.extraction import claims, journal, progress, subjects
from afterword.workers.stores.ledger.extraction.claims import Claim
from afterword.workers.stores.ledger.extraction.journal import Entry, Fact, Slice
from afterword.workers.stores.ledger.ingest import conversations
from afterword.workers.stores.ledger.locks import serialise
from afterword.workers.stores.ledger.migrate import check_migrated, migrate
from afterword.workers.stores.ledger.upkeep import dead_letters
from afterword.workers.stores.ledger.upkeep.dead_letters import DeadLetter
from afterword.workers.stores.ledger.upkeep.leadership import Leadership
from tests.support.ledgers import with_database
from tests.support.waiting import wait_until
from tests.support.workshop import event

LEASE = timedelta(seconds=60)
OVER = timedelta(seconds=-1)
AT = datetime(2026, 5, 1, 12, tzinfo=UTC)


def due(database: Database, user: str, seconds_ago: float = 1) -> None:
    with database.transaction() as connection:
        subject = subjects.lock(connection, "default", user)
        due_at = subject.now - timedelta(seconds=seconds_ago)
        subjects.note_pending(connection, subject, due_at=due_at, tokens=1)


def claim(database: Database, lease: timedelta = LEASE) -> Claim | None:
    with database.transaction() as connection:
        return claims.claim(connection, lease)


def claimed(database: Database, lease: timedelta = LEASE) -> Claim:
    found = claim(database, lease)
    assert found is not None
    return found


def hold(database: Database, held: Claim) -> None:
    with database.transaction() as connection:
        claims.hold(connection, held, LEASE)


class TestMigrating:
    @pytest.fixture
    def empty(self, postgres_server: PostgresServer) -> Iterator[str]:
        name = f"empty_{uuid4().hex[:8]}"
        with psycopg.connect(postgres_server.url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
            yield with_database(postgres_server.url, name)
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def test_several_migrate_at_once_and_again(self, empty: str) -> None:
        databases = [Database(empty) for _ in range(4)]
        with ThreadPoolExecutor() as pool:
            revisions = set(pool.map(migrate, databases))
        assert len(revisions) == 1
        assert migrate(databases[0]) in revisions
        check_migrated(databases[0])
        for database in databases:
            database.close()

    def test_what_is_not_migrated_names_the_command(self, empty: str) -> None:
        database = Database(empty)
        with pytest.raises(Misconfigured, match="afterword migrate"):
            check_migrated(database)
        database.close()


class TestClaims:
    def test_the_subject_due_longest_comes_first(self, database: Database) -> None:
        for user, ago in (("young", 1), ("old", 100), ("middle", 50)):
            due(database, user, ago)
        assert [claimed(database).user_id for _ in range(3)] == ["old", "middle", "young"]
        assert claim(database) is None

    def test_what_is_not_due_is_not_claimed(self, database: Database) -> None:
        due(database, "ann", -60)
        assert claim(database) is None

    def test_a_lease_that_ran_out_frees_the_subject(self, database: Database) -> None:
        due(database, "ann")
        first = claimed(database, OVER)
        second = claimed(database)
        assert (second.user_id, second.fence) == ("ann", first.fence + 1)
        assert claim(database) is None

    def test_claimers_side_by_side_never_get_the_same(self, database: Database) -> None:
        for number in range(40):
            due(database, f"user-{number}")
        with ThreadPoolExecutor(8) as pool:
            claims = list(pool.map(lambda _: claim(database), range(60)))
        users = [each.user_id for each in claims if each]
        assert sorted(users) == sorted({f"user-{number}" for number in range(40)})

    @pytest.mark.parametrize(
        "act",
        [
            lambda connection, stale: claims.postpone(connection, stale, delay=LEASE, error="x", burns_attempt=True),
            lambda connection, stale: claims.release(connection, stale, tokens_left=0, since=None, due_at=None),
        ],
        ids=["postpone", "release"],
    )
    def test_a_stale_claim_changes_nothing(self, database: Database, act: Callable[..., None]) -> None:
        due(database, "ann")
        stale = claimed(database, OVER)
        fresh = claimed(database)
        with database.transaction() as connection:
            act(connection, stale)
        with pytest.raises(LeaseLost):
            hold(database, stale)
        hold(database, fresh)
        assert claim(database) is None

    def test_a_raised_generation_voids_claims(self, database: Database) -> None:
        due(database, "ann")
        before = claimed(database)
        with database.transaction() as connection:
            subjects.raise_generation(connection, "default", "ann")
            assert claims.renew(connection, [before], LEASE) == set()
        with pytest.raises(LeaseLost):
            hold(database, before)
        assert claim(database) is None
        due(database, "ann")
        assert claimed(database).generation == before.generation + 1

    def test_only_leases_still_ours_are_renewed(self, database: Database) -> None:
        due(database, "ann", 9)
        stale = claimed(database, OVER)
        due(database, "bob", 1)
        ann, bob = claimed(database), claimed(database)
        with database.transaction() as connection:
            assert claims.renew(connection, [stale, ann, bob], LEASE) == {ann, bob}

    def test_attempts_are_counted_only_when_burned(self, database: Database) -> None:
        due(database, "ann")
        for burns in (True, False, True):
            held = claimed(database)
            with database.transaction() as connection:
                claims.postpone(connection, held, delay=timedelta(0), error="x", burns_attempt=burns)
        assert claimed(database).attempts == 2

    def test_due_and_free_subjects_are_counted_up_to_the_limit(self, database: Database) -> None:
        for user in ("a", "b", "c"):
            due(database, user)
        due(database, "later", -60)
        claimed(database)
        with database.transaction() as connection:
            assert subjects.due_count(connection, 10) == 2
            assert subjects.due_count(connection, 1) == 1


class TestRecords:
    def test_the_journal_keeps_an_entry_as_it_was(self, database: Database) -> None:
        entry = an_entry()
        with database.transaction() as connection:
            journal.write(connection, entry)
        with database.transaction() as connection:
            assert journal.read(connection, "default", "ann") == entry
            assert journal.read(connection, "default", "bob") is None
            assert journal.read(connection, "other", "ann") is None

    def test_a_subject_has_one_open_batch(self, database: Database) -> None:
        with database.transaction() as connection:
            journal.write(connection, an_entry())
        with pytest.raises(IntegrityError), database.transaction() as connection:
            journal.write(connection, an_entry())
        with database.transaction() as connection:
            assert len(journal.remove(connection, "default", "ann")) == 1
            assert not journal.remove(connection, "default", "ann")
            journal.write(connection, an_entry())

    def test_audit_rows_come_back_in_order(self, database: Database) -> None:
        rows = [
            audit.Event(type="conversation_received", tenant_id="t", user_id="ann", metadata={"messages": 2}),
            audit.Event(type="memory_add", tenant_id="t", user_id="ann", memory_id="m", result_count=1),
        ]
        other = audit.Event(type="memory_add", tenant_id="t", user_id="bob")
        with database.transaction() as connection:
            audit.write(connection, [rows[0], other, rows[1]])
            audit.write(connection, [])
            assert audit.read(connection, "t", "ann") == rows

    def test_time_is_told_in_utc_whatever_the_servers_zone(self, ledger_url: str) -> None:
        name = ledger_url.rsplit("/", 1)[1].split("?")[0]
        with psycopg.connect(ledger_url, autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE \"{name}\" SET timezone TO 'America/New_York'")
        elsewhere = Database(ledger_url)
        with elsewhere.transaction() as connection, closing(elsewhere):
            assert connection.execute(text("SHOW timezone")).scalar_one() == "UTC"
            first = connection.execute(text("SELECT CAST('0001-01-01 00:00:00+00' AS timestamptz)")).scalar_one()
            assert first == datetime(1, 1, 1, tzinfo=UTC), "in New York it is of a year that no datetime can hold"
            assert (
                connection.execute(text("SELECT CAST('2026-01-01 02:00+00' AS timestamptz)::date::text")).scalar_one()
                == "2026-01-01"
            )

    def test_agents_are_replaced_and_have_defaults(self, database: Database) -> None:
        with database.transaction() as connection:
            agents.put(connection, Agent("default", "coach", "ann"))
            agents.put(connection, Agent("default", "coach", "bob", memory_enabled=False, instructions="Be brief."))
            agents.put(connection, Agent("default", "silent", time_zone="Asia/Tokyo"))
            assert agents.get(connection, "default", "coach") == Agent("default", "coach", "bob", False, "Be brief.")
            assert agents.get(connection, "other", "coach") == Agent("other", "coach", None, True, None)
            assert agents.get(connection, "default", "silent").time_zone == "Asia/Tokyo"
            assert agents.among(connection, "default", ["coach", "other"])["coach"].instructions == "Be brief."
            assert [agent.agent_id for agent in agents.every(connection, "default")] == ["coach", "silent"]

    def test_dead_letters_are_kept_once_and_cleared_by_subject(self, database: Database) -> None:
        letters = [a_letter("1", "ann"), a_letter("2", "bob"), a_letter("3", None)]
        with database.transaction() as connection:
            assert dead_letters.write(connection, letters) == letters
            assert dead_letters.write(connection, [letters[0], a_letter("4", "ann")]) == [a_letter("4", "ann")]
            assert dead_letters.write(connection, []) == []
            assert kept(connection) == {"1", "2", "3", "4"}
            dead_letters.clear(connection, "default", "ann", wanted=lambda _: True)
            assert kept(connection) == {"2", "3"}

    def test_parts_of_an_event_wait_in_their_order(self, database: Database) -> None:
        """Whichever of them a worker recorded first."""
        with database.transaction() as connection:
            for part in (3, 1, 2):
                said = event(f"part {part}", event_id="e", part=part, parts=3)
                conversations.record(connection, said, turns=turns_of(said), body_hash=b"", generation=0, now=AT)
            found = progress.pending(connection, "default", "ann", limit=9)
        assert [each.turns[0].text for each in found] == ["part 1", "part 2", "part 3"]


class TestLocks:
    def test_holders_of_one_name_take_turns(self, database: Database) -> None:
        inside, most = 0, 0

        def work(_: int) -> None:
            nonlocal inside, most
            with database.transaction() as connection:
                serialise(connection, ["b", "a"])
                inside += 1
                most = max(most, inside)
                connection.execute(text("SELECT pg_sleep(0.01)"))
                inside -= 1

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(8)))
        assert most == 1


class TestLeadership:
    def test_one_leads_until_it_gives_up(self, ledger_url: str) -> None:
        databases = [Database(ledger_url), Database(ledger_url)]
        first, second = (Leadership(database) for database in databases)
        assert first.held()
        assert first.held()
        assert not second.held()
        first.give_up()
        assert second.held()
        assert not first.held()
        second.give_up()
        for database in databases:
            database.close()

    def test_another_takes_over_when_the_leader_s_session_ends(self, ledger_url: str) -> None:
        databases = [Database(ledger_url), Database(ledger_url)]
        first, second = (Leadership(database) for database in databases)
        assert first.held()
        end_sessions(databases[1])
        wait_until(second.held, what="the second to lead")
        assert not first.held()
        second.give_up()
        for database in databases:
            database.close()


class TestOutages:
    @pytest.fixture
    def server(self, tmp_path: Path) -> Iterator[PostgresServer]:
        server = PostgresServer(tmp_path / "pg")
        server.start()
        yield server
        server.stop()

    def test_a_stopped_server_is_one_error_and_its_return_is_noticed(self, server: PostgresServer) -> None:
        database = Database(server.url)
        migrate(database)
        assert database.answers()
        server.kill()
        assert not database.answers()
        with pytest.raises(LedgerUnavailable):
            claim(database)
        with pytest.raises(LedgerUnavailable):
            database.session()
        server.start()
        wait_until(database.answers, what="the ledger to answer again")
        assert claim(database) is None
        database.close()

    def test_a_connection_lost_half_way_is_the_same_error_without_a_person_s_words(self, database: Database) -> None:
        secret = "ann said something private"

        def ask() -> None:
            with database.transaction() as connection:
                connection.execute(text("SELECT 1"))
                end_sessions(database)
                connection.execute(text("SELECT :said"), {"said": secret})

        with pytest.raises(LedgerUnavailable) as raised:
            ask()
        assert secret not in str(raised.value)
        assert secret not in str(raised.value.__cause__)
        assert database.answers()

    def test_a_session_lost_while_a_pooler_is_looked_for_is_the_same_error(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        open_session = database.session

        def opened_and_lost() -> Connection:
            session = open_session()
            end_sessions(database)
            return session

        monkeypatch.setattr(database, "session", opened_and_lost)
        with pytest.raises(LedgerUnavailable):
            database.is_pooled_by_transaction()

    def test_nothing_of_a_failed_transaction_stays(self, database: Database) -> None:
        def fail() -> None:
            with database.transaction() as connection:
                agents.put(connection, Agent("default", "coach", "ann"))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        with database.transaction() as connection:
            assert agents.every(connection, "default") == []

    def test_a_pool_with_no_connection_to_spare_makes_callers_wait(self, ledger_url: str) -> None:
        database = Database(ledger_url, connections=1)
        free = threading.Barrier(6)

        def work(number: int) -> int:
            free.wait()
            with database.transaction() as connection:
                return int(connection.execute(text("SELECT pg_backend_pid() * 0 + :n"), {"n": number}).scalar_one())

        with ThreadPoolExecutor(6) as pool:
            assert sorted(pool.map(work, range(6))) == list(range(6))
        database.close()


def end_sessions(database: Database) -> None:
    """End every other session on this database."""
    with psycopg.connect(database.url.set(drivername="postgresql").render_as_string(False), autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def kept(connection: Connection) -> set[str]:
    """The message ids of all dead letters."""
    return set(connection.execute(text("SELECT message_id FROM dead_letters")).scalars())


def an_entry() -> Entry:
    fact = Fact(
        id=str(uuid4()),
        text="Ann plays the cello",
        scope=Scope.USER,
        attributed_to="user",
        event_id="e",
        message=0,
        message_id=None,
        agent_id="coach",
        session_id=None,
        occurred_at=AT,
        linked_memory_ids=("x", "y"),
    )
    return Entry(
        batch_id=str(uuid4()),
        tenant_id="default",
        user_id="ann",
        generation=0,
        slices=(Slice(1, "e", 0, 2),),
        facts=(fact,),
        model="m",
        tokens=Tokens(10, 2, 3),
    )


def a_letter(message_id: str, user: str | None) -> DeadLetter:
    return DeadLetter(message_id, "conversations", "why", b"{}", AT, "default", user)
