"""Deployments: own Redis, own ledger, one Qdrant face and one fake LLM for each test. And one embedded stack for the
pages' examples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from afterword.workers.embedded.redis_server import RedisServer, free_port
from tests.support.afterword_up import up
from tests.support.deployment import Deployment
from tests.support.fake_openai import FakeOpenAI
from tests.support.qdrant_face import QdrantFace


@pytest.fixture
def deployment(tmp_path: Path, ledger_url: str) -> Iterator[Deployment]:
    """Servers without workers: a test starts those it needs."""
    redis, qdrant, openai = RedisServer(tmp_path / "redis"), QdrantFace(tmp_path / "qdrant"), FakeOpenAI()
    redis.start()
    qdrant.start()
    openai.start()
    deployment = Deployment(tmp_path, redis, ledger_url, qdrant, openai)
    yield deployment
    try:
        deployment.stop()
    finally:
        openai.stop()
        qdrant.stop()
        redis.stop()


@pytest.fixture(scope="session")
def stack_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The Redis of a running `afterword up` without an LLM, shared: each test has users of its own."""
    port = free_port()
    with up(tmp_path_factory.mktemp("up") / "data", port) as (process, _):
        yield f"redis://127.0.0.1:{port}/0"
        process.terminate()
        process.wait(30)
