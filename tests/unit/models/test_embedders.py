from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from afterword.workers.core.errors import EmbeddingFailed, EmbeddingRefused, Misconfigured
from afterword.workers.embedded.completions import HttpReply
from afterword.workers.embedded.redis_server import free_port
from afterword.workers.models.embedders.factory import build_embedder
from afterword.workers.models.embedders.fitting import FittingEmbedder
from afterword.workers.models.embedders.hashing import HashingEmbedder
from afterword.workers.models.embedders.layers import CachingEmbedder
from afterword.workers.models.embedders.limits import EmbeddingLimits
from afterword.workers.models.embedders.openai import OpenAIEmbedder
from afterword.workers.models.embedders.port import Embedder, EmbedderIdentity, Vector
from afterword.workers.models.embedders.vector_cache import VectorCache
from afterword.workers.observing.metrics import Metrics
from tests.support import openai_faults
from tests.support.fake_openai import FakeOpenAI
from tests.support.openai_faults import Dropped, Hang, Page, Trickle

KEY = "sk-very-secret"
LONG = 30.0  # seconds: a deadline that no test meets


def similarity(embedder: Embedder, one: str, other: str) -> float:
    first, second = embedder.embed([one, other])
    return float(np.dot(first, second))


class TestHashing:
    embedder = HashingEmbedder()

    @pytest.mark.parametrize("text", ["I have a cat", "我住在上海", "", "😀", "who are you", "x" * 10_000, "a"])
    def test_vectors_have_length_one(self, text: str) -> None:
        [vector] = self.embedder.embed([text])

        assert len(vector) == 512
        assert np.linalg.norm(vector) == pytest.approx(1)
        assert all(type(value) is float for value in vector)

    def test_every_process_computes_the_same(self) -> None:
        text = "The user has two cats in Zürich, 我住在上海"
        program = (
            "from afterword.workers.models.embedders.hashing import HashingEmbedder;"
            f"print(HashingEmbedder().embed([{text!r}])[0])"
        )
        elsewhere = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

        assert elsewhere.strip() == str(self.embedder.embed([text])[0])

    @pytest.mark.parametrize(
        ("text", "near", "far"),
        [
            ("I love running in the mountains", "she runs up a mountain", "the database migration failed"),
            ("postgresql database", "a postgres db", "espresso without sugar"),
            ("我住在上海", "你在上海住了多久", "今天天气很好"),
            ("東京に住んでいます", "東京の天気", "猫が好きです"),
            ("Ich suche eine Wohnung", "Wohnungen in Berlin", "Kaffee ohne Zucker"),
        ],
    )
    def test_what_shares_words_or_parts_is_nearer(self, text: str, near: str, far: str) -> None:
        assert similarity(self.embedder, text, near) > 0.1 + similarity(self.embedder, text, far)

    def test_repeating_a_word_changes_little(self) -> None:
        assert similarity(self.embedder, "cat mountain", "cat cat cat mountain") > 0.9

    def test_dimensions(self) -> None:
        embedder = HashingEmbedder(64)
        assert len(embedder.embed(["cat"])[0]) == embedder.identity.dimensions == 64

    def test_no_texts(self) -> None:
        assert self.embedder.embed([]) == []


class Recorder:
    """An embedder that notes what it is asked."""

    identity = EmbedderIdentity("test", "recorder", 1)

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        self.asked.append(list(texts))
        return [[float(text)] for text in texts]


class TestCaching:
    def test_asks_once_for_each_text_of_a_batch_in_order(self) -> None:
        inner = Recorder()
        embedder = CachingEmbedder(inner, VectorCache(texts=10), Metrics())

        assert embedder.embed(["2", "1", "2"]) == [[2.0], [1.0], [2.0]]
        assert embedder.embed(["1", "3", "2"]) == [[1.0], [3.0], [2.0]]
        assert inner.asked == [["2", "1"], ["3"]]

    def test_does_not_ask_for_what_it_knows(self) -> None:
        inner = Recorder()
        embedder = CachingEmbedder(inner, VectorCache(texts=10), Metrics())
        embedder.embed(["1"])
        embedder.embed(["1"])
        embedder.embed([])

        assert inner.asked == [["1"]]

    def test_keeps_those_used_last(self) -> None:
        inner = Recorder()
        embedder = CachingEmbedder(inner, VectorCache(texts=2), Metrics())
        for text in ("1", "2", "1", "3", "1", "2"):
            embedder.embed([text])

        assert inner.asked == [["1"], ["2"], ["3"], ["2"]]

    @pytest.mark.parametrize("size", [0, 1])
    def test_a_batch_larger_than_the_cache(self, size: int) -> None:
        embedder = CachingEmbedder(Recorder(), VectorCache(texts=size), Metrics())

        assert embedder.embed(["1", "2", "1"]) == [[1.0], [2.0], [1.0]]

    def test_it_is_bounded_in_bytes_and_forgets_what_was_not_used_for_longest(self) -> None:
        cache = VectorCache(texts=1_000, max_bytes=2**20)
        vectors = {f"text {number}": [0.5] * 1_536 for number in range(400)}
        for text, vector in vectors.items():
            cache.get(["text 0"])
            cache.put({text: vector})

        kept = cache.get(vectors)
        assert 2**20 - 7_000 < cache.size_bytes <= 2**20
        assert len(kept) > 150
        assert list(kept) == ["text 0", *list(vectors)[-len(kept) + 1 :]]

    def test_a_text_that_is_put_again_counts_once(self) -> None:
        cache = VectorCache()
        cache.put({"a": [1.0, 2.0]})
        size = cache.size_bytes
        cache.put({"a": [1.0, 2.0]})

        assert cache.size_bytes == size

    def test_long_texts_take_no_more_room_than_short_ones(self) -> None:
        cache = VectorCache()
        texts = [f"{number} " + "long " * 10_000 for number in range(20)]
        cache.put({text: [1.0, float(place)] for place, text in enumerate(texts)})
        assert cache.size_bytes < 20 * 1_000
        assert {text: vector[1] for text, vector in cache.get([*texts, "other"]).items()} == {
            text: place for place, text in enumerate(texts)
        }

    def test_a_known_vector_is_rounded_as_a_store_rounds_it(self) -> None:
        embedder = CachingEmbedder(HashingEmbedder(64), VectorCache(), Metrics())
        [fresh], [known] = embedder.embed(["a black cat"]), embedder.embed(["a black cat"])

        assert known == pytest.approx(fresh, abs=1e-7)

    def test_a_failure_is_not_kept(self) -> None:
        class Failing(Recorder):
            def embed(self, texts: Sequence[str]) -> list[Vector]:
                vectors = super().embed(texts)
                if len(self.asked) == 1:
                    raise EmbeddingFailed("once")
                return vectors

        embedder = CachingEmbedder(Failing(), VectorCache(texts=2), Metrics())
        with pytest.raises(EmbeddingFailed):
            embedder.embed(["1"])
        assert embedder.embed(["1"]) == [[1.0]]

    def test_threads(self) -> None:
        embedder = CachingEmbedder(Recorder(), VectorCache(texts=5), Metrics())
        texts = [[str(n % 7), str(n % 11)] for n in range(500)]

        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(embedder.embed, texts))

        assert results == [[[float(one)], [float(other)]] for one, other in texts]


@pytest.fixture(scope="module")
def server() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as running:
        yield running


@pytest.fixture
def fake(server: FakeOpenAI) -> FakeOpenAI:
    server.reset()
    return server


def openai_embedder(fake: FakeOpenAI, dimensions: int | None = 8, timeout: float = LONG) -> FittingEmbedder:
    asked = OpenAIEmbedder("some-model", api_key=KEY, base_url=fake.url, dimensions=dimensions, timeout=timeout)
    return FittingEmbedder(asked, EmbeddingLimits("text-embedding-3-small"), Metrics())


class TestOpenAI:
    def test_embeds_in_one_request(self, fake: FakeOpenAI) -> None:
        embedder = openai_embedder(fake)

        vectors = embedder.embed(["I have a cat", "我住在上海"])

        assert vectors == HashingEmbedder(8).embed(["I have a cat", "我住在上海"])
        assert embedder.identity == EmbedderIdentity("openai", "some-model", 8)
        [request] = fake.embeddings
        assert request.body["dimensions"] == 8
        assert request.headers["authorization"] == f"Bearer {KEY}"

    def test_learns_the_dimensions_once_and_does_not_ask_for_any(self, fake: FakeOpenAI) -> None:
        embedder = openai_embedder(fake, dimensions=None)

        assert [embedder.identity.dimensions for _ in range(2)] == [512, 512]
        [request] = fake.embeddings
        assert "dimensions" not in request.body

    def test_knows_the_dimensions_of_openais_models(self, fake: FakeOpenAI) -> None:
        embedder = OpenAIEmbedder("text-embedding-3-large", api_key=KEY, base_url=fake.url, timeout=LONG)

        assert embedder.identity.dimensions == 3072
        assert fake.embeddings == []

    def test_batches(self, fake: FakeOpenAI) -> None:
        texts = [f"text {n}" for n in range(513)]

        vectors = openai_embedder(fake).embed(texts)

        assert [len(request.body["input"]) for request in fake.embeddings] == [256, 256, 1]
        assert vectors == HashingEmbedder(8).embed(texts)

    def test_long_and_empty_texts(self, fake: FakeOpenAI) -> None:
        vectors = openai_embedder(fake).embed(["", " \n", "长" * 100_000])

        assert len(vectors) == 3
        [request] = fake.embeddings
        assert [len(text) for text in request.body["input"]] == [1, 1, 8_000]
        assert all(text.strip() for text in request.body["input"])

    def test_a_batch_of_long_texts_fits_the_providers_limit(self, fake: FakeOpenAI) -> None:
        openai_embedder(fake).embed(["长" * 20_000] * 100)

        sizes = [sum(map(len, request.body["input"])) for request in fake.embeddings]
        assert max(sizes) <= 300_000

    def test_no_texts_no_request(self, fake: FakeOpenAI) -> None:
        assert openai_embedder(fake).embed([]) == []
        assert fake.embeddings == []

    @pytest.mark.parametrize(
        "fault",
        [
            openai_faults.rate_limited(),
            openai_faults.server_error(503),
            openai_faults.unauthorised(KEY),
            openai_faults.server_error(504),
            openai_faults.unknown_model(404),
            Dropped(),
            Page(),
            HttpReply({"data": []}),
            HttpReply({"data": [{"index": 0, "embedding": [1.0, 2.0]}]}),
            HttpReply({"error": "none"}),
        ],
        ids=lambda fault: type(fault).__name__,
    )
    def test_failures_are_told_once_without_the_key_or_the_text(self, fake: FakeOpenAI, fault: HttpReply) -> None:
        fake.fail(fault, at="embeddings")

        with pytest.raises(EmbeddingFailed, match="some-model") as told:
            openai_embedder(fake).embed(["a secret text"])

        assert len(fake.embeddings) == 1
        assert KEY not in str(told.value)
        assert "a secret text" not in str(told.value)

    @pytest.mark.parametrize("fault", [Hang({}), Trickle({})], ids=["hangs", "trickles"])
    def test_keeps_its_deadline(self, fake: FakeOpenAI, fault: HttpReply) -> None:
        fake.fail(fault, at="embeddings")
        embedder = openai_embedder(fake, timeout=0.5)

        with pytest.raises(EmbeddingFailed, match=r"within 0\.5 seconds"):
            embedder.embed(["cat"])

        fake.release()
        assert len(embedder.embed(["cat"])) == 1

    def test_nobody_there(self) -> None:
        url = f"http://127.0.0.1:{free_port()}/v1"
        with pytest.raises(EmbeddingFailed):
            _ = OpenAIEmbedder("some-model", api_key=KEY, base_url=url, timeout=LONG).identity

    def test_threads(self, fake: FakeOpenAI) -> None:
        embedder = openai_embedder(fake)
        texts = [[f"text {n}"] for n in range(40)]

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(embedder.embed, texts)) == [HashingEmbedder(8).embed(each) for each in texts]


class TestMem0:
    def test_any_provider_of_mem0s(self, fake: FakeOpenAI) -> None:
        embedder = build_embedder(provider="mem0:openai", model="some-model", base_url=fake.url, api_key=KEY)

        assert embedder.identity == EmbedderIdentity("mem0:openai", "some-model", 512)
        assert embedder.embed(["cat", "dog"]) == HashingEmbedder().embed(["cat", "dog"])

    def test_failures(self, fake: FakeOpenAI) -> None:
        embedder = build_embedder(provider="mem0:openai", base_url=fake.url, api_key=KEY, dimensions=8)
        fake.fail(openai_faults.server_error(503), at="embeddings", times=3)  # OpenAI's client tries three times

        with pytest.raises(EmbeddingFailed, match="mem0:openai: InternalServerError 503") as told:
            embedder.embed(["cat"])
        assert told.value.__cause__ is not None

    def test_an_unknown_provider_names_the_known(self) -> None:
        with pytest.raises(Misconfigured, match=r"'nonesuch'.*ollama, openai"):
            build_embedder(provider="mem0:nonesuch")

    def test_a_missing_package_is_told(self) -> None:
        with pytest.raises(Misconfigured, match="mem0:ollama cannot be used"):
            build_embedder(provider="mem0:ollama", base_url="http://127.0.0.1:1")

    def test_a_base_url_where_none_is_taken(self) -> None:
        with pytest.raises(Misconfigured, match="no base URL"):
            build_embedder(provider="mem0:gemini", base_url="http://127.0.0.1:1")


class TestFastembed:
    """Against a module of fastembed's shape: the real one downloads a model."""

    @pytest.fixture
    def fastembed(self, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
        state = SimpleNamespace(models=[], busy=threading.Lock())

        class TextEmbedding:
            def __init__(self, model_name: str) -> None:
                if model_name == "unknown":
                    raise ValueError("Model unknown is not supported")
                state.models.append(model_name)

            def embed(self, texts: list[str]) -> Iterator[np.ndarray[tuple[int], np.dtype[np.float32]]]:
                for text in texts:
                    assert state.busy.acquire(blocking=False), "used by two threads at once"
                    if text == "bad":
                        state.busy.release()
                        raise RuntimeError("onnx")
                    yield np.array([len(text), 0.5, 0.25], dtype=np.float32)
                    state.busy.release()

        module = ModuleType("fastembed")
        vars(module)["TextEmbedding"] = TextEmbedding
        monkeypatch.setitem(sys.modules, "fastembed", module)
        return state

    def test_embeds(self, fastembed: SimpleNamespace) -> None:
        embedder = build_embedder(provider="fastembed", cache=VectorCache(texts=0))

        assert embedder.embed(["a", "bc"]) == [[1.0, 0.5, 0.25], [2.0, 0.5, 0.25]]
        [model] = fastembed.models
        assert "multilingual" in model
        assert embedder.identity == EmbedderIdentity("fastembed", model, 3)

    @pytest.mark.usefixtures("fastembed")
    def test_one_batch_at_a_time(self) -> None:
        embedder = build_embedder(provider="fastembed", model="small", cache=VectorCache(texts=0))
        with ThreadPoolExecutor(8) as pool:
            assert len(list(pool.map(embedder.embed, [["a", "b"]] * 100))) == 100

    @pytest.mark.usefixtures("fastembed")
    def test_failures(self) -> None:
        with pytest.raises(Misconfigured, match="unknown"):
            build_embedder(provider="fastembed", model="unknown")
        embedder = build_embedder(provider="fastembed")
        with pytest.raises(EmbeddingRefused, match="no vector for 1 of 2 texts") as caught:
            embedder.embed(["bad", "good"])
        assert caught.value.vectors == (None, [4.0, 0.5, 0.25])

    def test_not_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "fastembed", None)
        with pytest.raises(Misconfigured, match=r"pip install 'afterword\[fastembed\]'"):
            build_embedder(provider="fastembed")


class TestFactory:
    def test_hashing(self) -> None:
        assert build_embedder(provider="hashing").identity.dimensions == 512
        assert build_embedder(provider="hashing", dimensions=64).identity.dimensions == 64

    def test_openai(self, fake: FakeOpenAI) -> None:
        embedder = build_embedder(provider="openai", base_url=fake.url, dimensions=8)

        assert embedder.identity == EmbedderIdentity("openai", "text-embedding-3-small", 8)
        [fresh], [known] = embedder.embed(["cat"]), embedder.embed(["cat"])
        assert known == pytest.approx(fresh, abs=1e-7)
        assert len(fake.embeddings) == 1

    def test_openai_needs_a_key(self) -> None:
        with pytest.raises(Misconfigured, match="API key"):
            build_embedder(provider="openai")

    @pytest.mark.parametrize("provider", ["", "nonesuch", "openai:", "hashing:x", "mem0", "mem0:"])
    def test_an_unknown_provider(self, provider: str) -> None:
        with pytest.raises(Misconfigured, match="use openai, fastembed, hashing or mem0"):
            build_embedder(provider=provider)
