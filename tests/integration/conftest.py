"""The services over real servers, for the tests of what workers do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from afterword.workers.stores.ledger.tables import metadata
from tests.support.fake_openai import FakeOpenAI
from tests.support.ledgers import fresh_ledger
from tests.support.workshop import Workshop

OpenWorkshop = Callable[..., Workshop]


@pytest.fixture(scope="session")
def llm_server() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as server:
        yield server


@pytest.fixture
def llm(llm_server: FakeOpenAI) -> FakeOpenAI:
    """The fake LLM, with nothing scripted and nothing asked yet."""
    llm_server.reset()
    return llm_server


@pytest.fixture(scope="session")
def shared_ledger(ledger_template: str) -> Iterator[str]:
    with fresh_ledger(ledger_template) as url:
        yield url


@pytest.fixture
def emptied_ledger(shared_ledger: str) -> str:
    """The URL of a ledger without rows; a tenth of the time that a new one takes."""
    tables = [table.name for table in metadata.sorted_tables]
    with psycopg.connect(shared_ledger, autocommit=True) as connection:
        connection.execute(SQL("TRUNCATE {} RESTART IDENTITY").format(SQL(", ").join(map(Identifier, tables))))
    return shared_ledger


@pytest.fixture
def edge_folder() -> Iterator[Path]:
    """Where a vector store lies: in memory where that can be had, and gone afterwards, since each takes 200 MB."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="afterword-", dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture
def open_workshop(emptied_ledger: str, redis_url: str, edge_folder: Path, llm: FakeOpenAI) -> Iterator[OpenWorkshop]:
    """Opens the services with these settings."""
    with ExitStack() as opened:

        def workshop(**settings: Any) -> Workshop:
            return opened.enter_context(closing(Workshop(emptied_ledger, redis_url, edge_folder, llm.url, **settings)))

        yield workshop


@pytest.fixture
def workshop(open_workshop: OpenWorkshop) -> Workshop:
    return open_workshop()
