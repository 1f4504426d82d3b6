"""Vectors of questions in Redis: shared by workers, gone by themselves, and never needed."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis

from afterword.workers.core.errors import EmbeddingFailed
from afterword.workers.embedded.redis_server import free_port
from afterword.workers.models.embedders.hashing import HashingEmbedder
from afterword.workers.models.embedders.port import EmbedderIdentity, Vector
from afterword.workers.models.embedders.shared import KEY_PREFIX, SharedEmbedder, cache_client
from afterword.workers.observing.metrics import Metrics
from afterword.workers.runtime.settings import Settings
from afterword.workers.runtime.wiring.house import House
from afterword.workers.services.recall.question.parsing import parse_question
from tests.support.fake_openai import FakeOpenAI
from tests.support.workshop import NOON

SECONDS = 60


class Counting:
    """An embedder of a name and a size, that tells what it was asked."""

    def __init__(self, model: str = "small", dimensions: int = 16) -> None:
        self.identity = EmbedderIdentity("counting", model, dimensions)
        self._inner = HashingEmbedder(dimensions)
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        self.asked += texts
        return self._inner.embed(texts)


class Away(Counting):
    def embed(self, texts: Sequence[str]) -> list[Vector]:
        raise EmbeddingFailed(f"cannot embed {len(texts)} texts")


@pytest.fixture
def client(redis_url: str) -> Iterator[Any]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def shared(inner: Counting, client: redis.Redis, metrics: Metrics | None = None) -> SharedEmbedder:
    """As in a process of its own."""
    return SharedEmbedder(inner, client, SECONDS, metrics or Metrics())


def source(metrics: Metrics, name: str) -> float | None:
    return metrics.registry.get_sample_value("afterword_embedder_texts_total", {"source": name})


def near(one: list[Vector], other: list[Vector]) -> bool:
    return bool(np.allclose(one, other, atol=1e-6))


class TestShared:
    def test_what_one_process_embedded_another_does_not(self, client: redis.Redis) -> None:
        first, second, metrics = Counting(), Counting(), Metrics()
        vectors = shared(first, client).embed(["what do I play?", "听什么音乐？"])
        assert near(shared(second, client, metrics).embed(["听什么音乐？", "what do I play?"]), vectors[::-1])
        assert (len(first.asked), second.asked) == (2, [])
        assert source(metrics, "redis") == 2

    def test_only_what_is_missing_is_embedded_and_each_text_once(self, client: redis.Redis) -> None:
        shared(Counting(), client).embed(["one"])
        inner, metrics = Counting(), Metrics()
        found = shared(inner, client, metrics).embed(["two", "one", "two", "one"])
        assert inner.asked == ["two"]
        assert near(found, HashingEmbedder(16).embed(["two", "one", "two", "one"]))
        assert source(metrics, "redis") == 2

    def test_each_key_goes_by_itself_and_holds_no_text(self, client: Any) -> None:
        shared(Counting(), client).embed(["my secret question", "and \ud83d another"])
        keys = client.keys()
        assert len(keys) == 2
        for key in keys:
            assert key.startswith(KEY_PREFIX.encode())
            assert 0 < client.ttl(key) <= SECONDS
            assert b"secret" not in key + client.get(key)

    @pytest.mark.parametrize("other", [Counting("large"), Counting(dimensions=32)], ids=["model", "dimensions"])
    def test_embedders_do_not_mix(self, client: redis.Redis, other: Counting) -> None:
        shared(Counting(), client).embed(["one"])
        [vector] = shared(other, client).embed(["one"])
        assert (other.asked, len(vector)) == (["one"], other.identity.dimensions)

    def test_nothing_asked_nothing_done(self, client: Any) -> None:
        assert shared(Counting(), client).embed([]) == []
        assert client.keys() == []


class TestNeverNeeded:
    @pytest.mark.parametrize(
        "value",
        [b"", b"garbage", b"\x00" * 15, np.ones(32, dtype="<f4").tobytes(), np.full(16, np.nan, "<f4").tobytes()],
        ids=["empty", "garbage", "cut", "dimensions", "no_numbers"],
    )
    def test_a_value_that_is_no_vector_is_embedded_again_and_mended(self, client: Any, value: bytes) -> None:
        expected = shared(Counting(), client).embed(["one"])
        [key] = client.keys()
        client.set(key, value)
        inner = Counting()
        assert near(shared(inner, client).embed(["one"]), expected)
        assert inner.asked == ["one"]
        assert len(client.get(key)) == 64

    def test_a_key_of_another_type(self, client: Any) -> None:
        shared(Counting(), client).embed(["one"])
        [key] = client.keys()
        client.delete(key)
        client.rpush(key, "x")
        assert near(shared(Counting(), client).embed(["one"]), HashingEmbedder(16).embed(["one"]))

    def test_redis_is_away(self, caplog: pytest.LogCaptureFixture) -> None:
        inner = Counting()
        with cache_client(f"redis://127.0.0.1:{free_port()}") as nobody:
            embedder = shared(inner, nobody)
            assert near(embedder.embed(["one"]), HashingEmbedder(16).embed(["one"]))
            assert near(embedder.embed(["one"]), HashingEmbedder(16).embed(["one"]))
        assert inner.asked == ["one", "one"]
        told = [record for record in caplog.records if record.name.startswith("afterword")]
        assert len(told) == 1, "for a while it is not asked again"

    def test_redis_hangs(self) -> None:
        with (
            socket.create_server(("127.0.0.1", 0)) as silent,
            cache_client(f"redis://127.0.0.1:{silent.getsockname()[1]}") as client,
        ):
            assert near(shared(Counting(), client).embed(["one"]), HashingEmbedder(16).embed(["one"]))

    def test_redis_refuses_to_write(self, client: Any) -> None:
        client.config_set("min-replicas-to-write", 1)
        try:
            assert near(shared(Counting(), client).embed(["one"]), HashingEmbedder(16).embed(["one"]))
        finally:
            client.config_set("min-replicas-to-write", 0)
        assert client.keys() == []

    def test_a_redis_that_is_half_full_is_left_to_messages(self, client: Any) -> None:
        client.config_set("maxmemory", int(client.info("memory")["used_memory"] * 1.9))
        try:
            shared(Counting(), client).embed(["one"])
            assert client.keys() == []
            client.config_set("maxmemory", int(client.info("memory")["used_memory"] * 3))
            shared(Counting(), client).embed(["one"])
            assert len(client.keys()) == 1
        finally:
            client.config_set("maxmemory", 0)

    def test_an_embedder_that_is_away_is_told_unless_redis_knows(self, client: redis.Redis) -> None:
        shared(Counting(), client).embed(["one"])
        away = shared(Away(), client)
        assert near(away.embed(["one"]), HashingEmbedder(16).embed(["one"]))
        with pytest.raises(EmbeddingFailed):
            away.embed(["one", "two"])


class TestInWorkers:
    def test_a_question_is_embedded_by_one_of_two_workers(
        self, redis_url: str, llm: FakeOpenAI, tmp_path: Path, client: Any
    ) -> None:
        for _ in range(2):
            with closing(components(redis_url, llm, tmp_path)) as worker:
                worker.recall.question_embedder.embed(parse_question("Which instrument do I play?", NOON), None)
                metrics = worker.metrics
        asked = [text for request in llm.embeddings for text in request.body["input"]]
        assert asked.count("Which instrument do I play?") == 1
        assert (source(metrics, "redis") or 0) >= 1
        keys = client.keys()
        assert all(client.ttl(key) > 0 for key in keys)

    @pytest.mark.parametrize("given", [{"embedder": "hashing"}, {"question_cache": 0}], ids=["hashing", "off"])
    def test_where_it_does_not_help_redis_is_not_asked(
        self, redis_url: str, llm: FakeOpenAI, tmp_path: Path, client: Any, given: dict[str, Any]
    ) -> None:
        with closing(components(redis_url, llm, tmp_path, **given)) as worker:
            worker.recall.question_embedder.embed(parse_question("Which instrument do I play?", NOON), None)
        assert client.keys() == []


def components(redis_url: str, llm: FakeOpenAI, folder: Path, **given: Any) -> House:
    settings = {
        "redis_url": redis_url,
        "edge_path": folder,
        "embedder": "openai",
        "embedder_model": "small",
        "embedder_dimensions": 64,
        "embedder_base_url": llm.url,
        "embedder_api_key": "k",
    }
    return House(Settings(**{**settings, **given}))
