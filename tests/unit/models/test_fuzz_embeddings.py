"""Whatever an embedder answers: each text has a vector that compares, or is refused, or the embedder is away."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterword.workers.core.errors import EmbeddingFailed, EmbeddingRefused
from afterword.workers.embedded.completions import HttpReply, HttpRequest
from afterword.workers.models.embedders.factory import build_embedder
from afterword.workers.models.embedders.fitting import FittingEmbedder
from afterword.workers.models.embedders.layers import CachingEmbedder, TimedEmbedder
from afterword.workers.models.embedders.limits import EmbeddingLimits
from afterword.workers.models.embedders.port import Embedder, EmbedderIdentity
from afterword.workers.models.embedders.refusals import Cause, RequestRefused
from afterword.workers.models.embedders.vector_cache import VectorCache
from afterword.workers.observing.metrics import Metrics
from tests.support.fake_openai import EMBEDDINGS, FakeOpenAI
from tests.support.fuzzing import fuzzed, json_values, scalars, texts

SIZE = 2
METRICS = Metrics()

numbers = st.one_of(st.floats(), st.sampled_from([0.0, 1.0, 1e308, -1e-320, math.nan, math.inf]), scalars())
good = st.just([0.6, 0.8])
vectors = st.one_of(good, st.lists(numbers, min_size=SIZE, max_size=SIZE), st.lists(numbers, max_size=4), scalars())
asked = st.lists(texts(["a cat", "word " * 300]), max_size=5)


class Scripted:
    """Answers what a test has drawn: vectors of each kind, more or fewer than were asked for, a refusal, nothing."""

    identity = EmbedderIdentity("test", "scripted", SIZE)

    def __init__(self, data: st.DataObject) -> None:
        self._data = data
        self.requests = 0

    def embed(self, given: Sequence[str]) -> Any:
        self.requests += 1
        draw = self._data.draw
        kind = draw(st.sampled_from(["each", "each", "each", "other", "refused", "away"]))
        if kind == "refused":
            raise RequestRefused("refused", given, draw(st.sampled_from(list(Cause))))
        if kind == "away":
            raise EmbeddingFailed("away")
        if kind == "other":
            return draw(st.one_of(st.lists(vectors, max_size=4), scalars(), st.just({})))
        return [draw(vectors) for _ in given]


def assert_sound(embedder: Embedder, given: list[str]) -> None:
    try:
        found: Sequence[Any] = embedder.embed(given)
    except EmbeddingRefused as refused:
        found = refused.vectors
    except EmbeddingFailed:
        return
    assert len(found) == len(given)
    for vector in found:
        assert vector is None or (len(vector) == SIZE and all(math.isfinite(number) for number in vector))
        assert vector is None or any(vector)


@fuzzed(200)
@given(st.data(), asked)
def test_any_answer_of_an_embedder(data: st.DataObject, given: list[str]) -> None:
    scripted = Scripted(data)
    fitting = FittingEmbedder(scripted, EmbeddingLimits("scripted"), METRICS)
    embedder = CachingEmbedder(TimedEmbedder(fitting, METRICS), VectorCache(texts=10), METRICS)
    assert_sound(embedder, given)
    assert_sound(embedder, given)
    # Halving asks at most twice a text, and shortening a few times more.
    assert scripted.requests <= 2 * (2 + 8 * len(given))


@pytest.fixture(scope="module")
def server() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as running:
        yield running


bodies = st.one_of(
    json_values(["data", "index", "embedding", "object", "error", "message"]),
    st.lists(
        st.fixed_dictionaries({"index": st.one_of(st.integers(0, 4), numbers), "embedding": vectors}), max_size=5
    ).map(lambda data: {"data": data}),
)


@fuzzed(40)
@given(body=bodies, status=st.sampled_from([200, 200, 200, 400, 413, 429, 500]), given=asked)
def test_any_body_of_an_endpoint(server: FakeOpenAI, body: Any, status: int, given: list[str]) -> None:
    def reply(request: HttpRequest) -> HttpReply | None:
        return HttpReply(body, status) if request.path == EMBEDDINGS else None

    server.reset()
    server.fail_when(reply)
    assert_sound(
        build_embedder(
            provider="openai", model="any", dimensions=SIZE, base_url=server.url, timeout=30, metrics=METRICS
        ),
        given,
    )
