"""Servers that cannot be worked with are named with the mend; what waiting does not mend is not waited for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from sqlalchemy import text

from afterword.workers.core.errors import LedgerUnavailable, Misconfigured
from afterword.workers.embedded.redis_server import RedisServer
from afterword.workers.observing.metrics import Metrics
from afterword.workers.runtime import checks, server_checks
from afterword.workers.runtime.health import Check
from afterword.workers.runtime.probes import ProbeServer
from afterword.workers.runtime.process import wait_for_servers
from afterword.workers.runtime.roles import Role
from afterword.workers.runtime.settings import Settings
from afterword.workers.runtime.wiring.house import House
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.gate import LedgerGate
from tests.conftest import unavailable
from tests.support.pgbouncer import find_pgbouncer, pooled
from tests.support.ports import quiet_port
from tests.support.waiting import wait_until
from tests.support.workshop import Workshop, event

NOWHERE = "127.0.0.1:1"


@contextmanager
def house(**settings: Any) -> Iterator[House]:
    with closing(House(Settings(llm="none", embedder="hashing", **settings))) as opened:
        yield opened


def look(check: Callable[[House], Check], **settings: Any) -> Check:
    with house(**settings) as opened:
        return checks.run_one(opened, check)


class TestRedis:
    @pytest.fixture
    def own(self, tmp_path: Path) -> Iterator[Callable[..., RedisServer]]:
        started: list[RedisServer] = []

        def start(*arguments: str) -> RedisServer:
            server = RedisServer(tmp_path / "redis", quiet_port(), extra_arguments=arguments)
            server.start()
            started.append(server)
            return server

        yield start
        for server in started:
            server.stop()

    def test_a_cluster_is_refused(self, own: Callable[..., RedisServer]) -> None:
        found = look(server_checks.check_redis, redis_url=own("--cluster-enabled", "yes").url)
        assert (found.status, found.passing) == ("failed", False)
        assert "Redis Cluster" in found.detail

    def test_one_that_cannot_write_to_its_disk_is_refused(self, own: Callable[..., RedisServer]) -> None:
        server = own("--save", "3600 1")
        (server.folder / "dump.rdb").mkdir()
        with redis.Redis.from_url(server.url) as client:
            client.set("k", "v")
            client.bgsave()
            wait_until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", 10, "MISCONF")
        for check in (server_checks.check_redis, server_checks.check_redis_answers):
            found = look(check, redis_url=server.url)
            assert found.status == "failed"
            assert "free the disk" in found.detail
        (server.folder / "dump.rdb").rmdir()  # else it would not stop, but try to write for 15 s

    def test_one_without_its_replicas_is_refused_and_one_that_is_full_is_not(
        self, own: Callable[..., RedisServer]
    ) -> None:
        server = own()
        with redis.Redis.from_url(server.url) as client:
            client.config_set("min-replicas-to-write", 1)
            assert "min-replicas-to-write" in look(server_checks.check_redis, redis_url=server.url).detail
            client.config_set("min-replicas-to-write", 0)
            client.config_set("maxmemory", 1)
            assert look(server_checks.check_redis, redis_url=server.url).status == "warning"
            assert client.dbsize() == 0, "a check writes nothing"

    def test_a_wrong_password_and_a_producers_user_name_the_variable(self, own: Callable[..., RedisServer]) -> None:
        server = own()
        with redis.Redis.from_url(server.url) as client:
            client.acl_setuser("producer", enabled=True, passwords=["+right"], commands=["+ping"], keys=[])
        at = server.url.removeprefix("redis://")
        wrong = look(server_checks.check_redis, redis_url=f"redis://producer:s3cr3t@{at}")
        assert "password of user 'producer'" in wrong.detail
        assert "AFTERWORD_REDIS_URL" in wrong.detail
        assert "s3cr3t" not in wrong.detail
        mine = look(server_checks.check_redis, redis_url=f"redis://producer:right@{at}")
        assert "workers' user" in mine.detail
        assert [wrong.passing, mine.passing] == [False, False]


class TestPostgres:
    @pytest.mark.parametrize("mode", ["transaction", "session"])
    def test_a_pooler_in_transaction_mode_is_refused(self, ledger_url: str, tmp_path: Path, mode: str) -> None:
        binary = find_pgbouncer() or unavailable("no pgbouncer: install Debian's package")
        with pooled(binary, ledger_url, tmp_path, mode=mode) as url:
            found = look(server_checks.check_ledger, postgres_url=url)
        assert found.status == ("failed" if mode == "transaction" else "ok"), found
        assert (mode == "session") or "pool_mode = session" in found.detail
        assert not found.passing

    def test_a_ledger_that_only_reads_is_as_good_as_away(
        self, ledger_url: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        metrics = Metrics()
        database = Database(ledger_url)
        gate = LedgerGate(database, shown=metrics.ledger_gate_open)
        gate.start()
        assert shown(metrics) == 1
        with read_only(ledger_url):
            wait_until(lambda: not gate.is_open(), 10, "the gate to shut")
            wait_until(lambda: shown(metrics) == 0, 10, "the metric")
            assert "read-only" in look(server_checks.check_postgres, postgres_url=ledger_url).detail
            with pytest.raises(LedgerUnavailable), database.transaction() as connection:
                connection.execute(text("CREATE TABLE more (n int)"))
        wait_until(gate.is_open, 10, "the gate to open")
        gate.stop()
        database.close()
        ours = [record.getMessage() for record in caplog.records if "ledger.gate" in record.name]
        assert [line.partition(":")[0] for line in ours] == [
            "no message is taken from the queue until the ledger takes writes again",
            "the ledger takes writes again, and messages are taken from the queue",
        ]

    def test_a_full_disk_shuts_the_gate_until_a_page_can_be_written(self, database: Database) -> None:
        full = "CREATE FUNCTION full_disk() RETURNS event_trigger LANGUAGE plpgsql AS "
        body = "$$ BEGIN RAISE EXCEPTION USING ERRCODE = '53100', MESSAGE = 'could not extend file'; END $$"
        with database.transaction() as connection:
            connection.execute(text(full + body))
            connection.execute(text("CREATE EVENT TRIGGER full_disk ON ddl_command_start EXECUTE FUNCTION full_disk()"))
        assert database.refusal() is None, "it answers, and nothing was refused yet"
        with pytest.raises(LedgerUnavailable), database.transaction() as connection:
            connection.execute(text("CREATE TABLE more (n int)"))
        assert "could not extend file" in str(database.refusal())
        with database.transaction() as connection:
            connection.execute(text("ALTER EVENT TRIGGER full_disk DISABLE"))
        assert database.refusal() is None

    def test_a_ledger_newer_than_the_code_is_told_to_go_back_or_upgrade(self, ledger_url: str) -> None:
        with psycopg.connect(ledger_url, autocommit=True) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        found = look(server_checks.check_postgres, postgres_url=ledger_url)
        assert "go back to that version, or upgrade this one" in found.detail
        assert "afterword migrate" not in found.detail
        assert not found.passing


@contextmanager
def read_only(url: str) -> Iterator[None]:
    """As a provider makes a server whose disk is full."""
    with psycopg.connect(url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
        connection.execute(end, [name])
        yield
        connection.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
        connection.execute(end, [name])


def shown(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("afterword_ledger_gate_open")


class TestStart:
    def test_what_waiting_does_not_mend_ends_at_once(self, redis_url: str, ledger_url: str) -> None:
        with house(redis_url=redis_url, postgres_url=ledger_url) as opened, redis.Redis.from_url(redis_url) as client:
            client.config_set("maxmemory-policy", "allkeys-lru")
            try:
                with pytest.raises(Misconfigured, match="noeviction"):
                    wait_for_servers(Role.TELEMETRY, opened, threading.Event())
            finally:
                client.config_set("maxmemory-policy", "noeviction")
            wait_for_servers(Role.TELEMETRY, opened, threading.Event())

    def test_a_server_that_is_away_is_waited_for(self, ledger_url: str) -> None:
        with house(redis_url=f"redis://{NOWHERE}", postgres_url=ledger_url) as opened:
            [away] = checks.failures_at_start(opened, vector_store=False)
        assert (away.component, away.passing) == ("redis", True)

    def test_a_taken_port_is_one_line(self) -> None:
        first = ProbeServer("127.0.0.1", 0, registry=Metrics().exposed())
        with pytest.raises(Misconfigured, match="AFTERWORD_PROBE_PORT"):
            ProbeServer("127.0.0.1", first.port, registry=Metrics().exposed())
        first.stop()


class TestVectorStore:
    def test_a_look_makes_no_collection(self, ledger_url: str, tmp_path: Path) -> None:
        found = look(server_checks.check_vector_store, edge_path=tmp_path, postgres_url=ledger_url)
        assert found.status == "ok"
        assert "the first worker that starts makes the collection" in found.detail
        assert look(server_checks.check_payloads, edge_path=tmp_path, postgres_url=ledger_url).detail == "no points yet"
        assert not list(tmp_path.iterdir())

    def test_memories_that_only_the_ledger_knows_are_a_failure(self, workshop: Workshop) -> None:
        workshop.take_in(event("I play the cello."))
        assert checks.run_one(workshop.house, server_checks.check_payloads).status == "ok"
        workshop.store.delete([memory.id for memory in workshop.memories()])
        lost = checks.run_one(workshop.house, server_checks.check_payloads)
        assert (lost.status, lost.passing) == ("failed", False)
        assert "the ledger knows memories" in lost.detail
