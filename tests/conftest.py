"""Real servers for the tests: each process of a run starts its own Redis and PostgreSQL, and stops them."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
import redis
from hypothesis import HealthCheck, settings

from afterword.workers.core.errors import Misconfigured
from afterword.workers.embedded.postgres_server import PostgresServer
from afterword.workers.embedded.redis_server import RedisServer
from afterword.workers.models import mem0_environment
from afterword.workers.stores.ledger.database import Database
from tests.support.canaries import Watch
from tests.support.ledgers import fresh_ledger, make_template, spare_the_disk
from tests.support.ports import quiet_port

# Fixtures of more than one folder: the services over real servers, and deployments of worker processes.
pytest_plugins = [
    "tests.fixtures.browsers",
    "tests.fixtures.workshops",
    "tests.fixtures.deployments",
    "tests.fixtures.doors",
]

# Before any test imports mem0, whose telemetry is on otherwise.
mem0_environment.prepare()


# On a busy machine an example may take long, which says nothing about what is tested.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

MEMORY = Path("/dev/shm")
ROOM = 4 << 30


def pytest_configure() -> None:
    """Turn off what costs a machine more than the tests need, for the processes that tests start as well."""
    if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ["TMPDIR"] = str(MEMORY)  # a vector store waits for the disk with each write
        tempfile.tempdir = None
    # Each client of an LLM or of Qdrant reads a hundred authorities, 30 ms of its processor's time; no test speaks TLS.
    # Whatever the machine says: many set this variable to the whole bundle.
    os.environ["SSL_CERT_FILE"] = str(Path(__file__).parent / "support" / "authority.pem")


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Reports of tests travel between processes as UTF-8. A captured log may hold half of an emoji, and would end the
    whole run.
    """
    return _encodable((yield))


def _encodable(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case dict():
            return {_encodable(name): _encodable(each) for name, each in value.items()}
        case list():
            return [_encodable(each) for each in value]
        case tuple():
            return tuple(_encodable(each) for each in value)
    return value


def unavailable(what: str) -> NoReturn:
    """Say what could not be had; in CI that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A test that sets logging up must not silence the next one."""
    root = logging.getLogger()
    level, handlers, hook = root.level, root.handlers[:], threading.excepthook
    yield
    root.setLevel(level)
    root.handlers[:] = handlers
    threading.excepthook = hook
    logging.captureWarnings(False)


@pytest.fixture(autouse=True)
def silent_about_what_was_said() -> Iterator[None]:
    """No test may make our loggers tell a secret, or what somebody said: not at DEBUG level either."""
    watch, logger = Watch(), logging.getLogger("afterword")
    level = logger.level
    logger.addHandler(watch)
    logger.setLevel(logging.DEBUG)
    yield
    logger.setLevel(level)
    logger.removeHandler(watch)
    assert not watch.lines, "logged, and must not be"


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """Where servers keep their data; a short path, since a socket's may not be long."""
    with tempfile.TemporaryDirectory(prefix="afterword-tests-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def redis_server(server_folder: Path) -> Iterator[RedisServer]:
    """One Redis for all tests of this process. A test that stops or kills Redis starts its own."""
    server = RedisServer(server_folder / "redis", quiet_port())
    try:
        server.start()
    except Misconfigured as error:
        unavailable(str(error))
    yield server
    server.stop()


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The URL of an empty Redis."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@pytest.fixture(scope="session")
def postgres_server(server_folder: Path) -> Iterator[PostgresServer]:
    """One PostgreSQL for all tests of this process."""
    server = PostgresServer(server_folder / "postgres")
    try:
        server.start()
    except Misconfigured as error:
        unavailable(str(error))
    spare_the_disk(server.url)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def ledger_template(postgres_server: PostgresServer) -> str:
    """The server's URL, with a migrated database to copy."""
    make_template(postgres_server.url)
    return postgres_server.url


@pytest.fixture
def ledger_url(ledger_template: str) -> Iterator[str]:
    """The URL of an empty, migrated ledger."""
    with fresh_ledger(ledger_template) as url:
        yield url


@pytest.fixture
def database(ledger_url: str) -> Iterator[Database]:
    """An empty, migrated ledger."""
    database = Database(ledger_url)
    yield database
    database.close()
