"""What an embedder refuses costs itself alone: the rest of a batch has its vectors."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from afterword.workers.core.errors import EmbeddingFailed, EmbeddingRefused
from afterword.workers.embedded.completions import HttpReply, HttpRequest, error
from afterword.workers.models.embedders.factory import build_embedder
from afterword.workers.models.embedders.fitting import FittingEmbedder
from afterword.workers.models.embedders.hashing import HashingEmbedder
from afterword.workers.models.embedders.layers import CachingEmbedder, TimedEmbedder
from afterword.workers.models.embedders.limits import MARK, EmbeddingLimits, known_of, shortened
from afterword.workers.models.embedders.port import Embedder, EmbedderIdentity, Vector, embed_each
from afterword.workers.models.embedders.vector_cache import VectorCache
from afterword.workers.observing.metrics import Metrics
from afterword.workers.text.tokens import estimate
from tests.support import openai_faults
from tests.support.fake_openai import EMBEDDINGS, FakeOpenAI

WORDS = HashingEmbedder(8)


@pytest.fixture(scope="module")
def server() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as running:
        yield running


@pytest.fixture
def fake(server: FakeOpenAI) -> FakeOpenAI:
    server.reset()
    return server


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def build(fake: FakeOpenAI, metrics: Metrics, limits: EmbeddingLimits | None = None) -> Embedder:
    return build_embedder(
        provider="openai",
        model="some-model",
        dimensions=8,
        base_url=fake.url,
        timeout=30,
        limits=limits,
        metrics=metrics,
    )


def refused(metrics: Metrics, outcome: str) -> float:
    return metrics.registry.get_sample_value("afterword_embedder_refused_total", {"outcome": outcome}) or 0.0


def when(fake: FakeOpenAI, is_refused: Callable[[list[str]], bool], reply: HttpReply) -> None:
    """Refuse the embedding requests whose texts this is true of."""

    def rule(request: HttpRequest) -> HttpReply | None:
        return reply if request.path == EMBEDDINGS and is_refused(list(request.body["input"])) else None

    fake.fail_when(rule)


def longer_than(tokens: int) -> Callable[[list[str]], bool]:
    return lambda texts: any(estimate(text) > tokens for text in texts)


@pytest.mark.parametrize("reply", openai_faults.TOO_LONG, ids=lambda reply: json.dumps(reply.body)[:50])
def test_a_text_that_is_too_long_is_shortened_and_its_length_learned(
    fake: FakeOpenAI, metrics: Metrics, reply: HttpReply
) -> None:
    embedder = build(fake, metrics)
    long, short = "Anna moved to Lisbon in May. " * 100, "I have a cat"
    when(fake, longer_than(512), reply)

    vectors = embedder.embed([short, long, short + "!"])

    sent = next(text for request in reversed(fake.embeddings) for text in request.body["input"] if MARK in text)
    assert sent.startswith("Anna moved to Lisbon")
    assert sent.endswith("in May. ")
    assert vectors == WORDS.embed([short, sent, short + "!"])
    assert (refused(metrics, "shortened"), refused(metrics, "given_up")) == (1, 0)
    asked = len(fake.embeddings)
    embedder.embed([long + "And then?"])
    assert len(fake.embeddings) == asked + 1, "the next one is cut before it is sent"


@pytest.mark.parametrize("reply", openai_faults.TOO_MANY, ids=lambda reply: json.dumps(reply.body)[:50])
def test_a_model_that_takes_ten_inputs_a_request(fake: FakeOpenAI, metrics: Metrics, reply: HttpReply) -> None:
    embedder = build(fake, metrics)
    when(fake, lambda texts: len(texts) > 10, reply)
    texts = [f"text {n}" for n in range(60)]

    assert embedder.embed(texts) == WORDS.embed(texts)
    asked = len(fake.embeddings)
    embedder.embed([f"more {n}" for n in range(16)])

    sizes = [len(request.body["input"]) for request in fake.embeddings[asked:]]
    assert sizes == [8, 8], "what was learned holds"
    assert refused(metrics, "given_up") == 0


@pytest.mark.parametrize(
    "reply",
    [
        openai_faults.server_error(500),
        openai_faults.bad_request("I do not like it"),
        error(422, "unprocessable", "invalid input"),
        error(413, "payload_too_large", "Payload Too Large"),
    ],
)
def test_one_text_that_is_never_taken_is_given_up_and_the_rest_goes_on(
    fake: FakeOpenAI, metrics: Metrics, reply: HttpReply, caplog: pytest.LogCaptureFixture
) -> None:
    embedder = build(fake, metrics)
    when(fake, lambda texts: any("poison" in text for text in texts), reply)
    texts = [f"text {n}" for n in range(9)]

    with pytest.raises(EmbeddingRefused, match="no vector for 1 of 10 texts") as caught:
        embedder.embed([*texts[:4], "my poison", *texts[4:]])

    found = caught.value.vectors
    assert found[4] is None
    assert [vector for vector in found if vector is not None] == WORDS.embed(texts)
    assert refused(metrics, "given_up") == 1
    assert "poison" not in caplog.text
    assert "no vector for 1 of 10" in caplog.text
    asked = len(fake.embeddings)
    assert embedder.embed(texts) == [pytest.approx(vector, abs=1e-7) for vector in WORDS.embed(texts)]
    assert len(fake.embeddings) == asked, "what there was is kept"


def test_a_text_whose_end_breaks_the_model_is_embedded_by_the_rest_and_teaches_no_length(
    fake: FakeOpenAI, metrics: Metrics
) -> None:
    embedder = build(fake, metrics)
    when(fake, lambda texts: any("\u0000" in text for text in texts), openai_faults.server_error(500))
    odd = "word " * 400 + "\u0000" + " word" * 400

    assert len(embedder.embed([odd])) == 1
    embedder.embed(["plain " * 900])
    assert MARK not in fake.embeddings[-1].body["input"][0]


NOT_VECTORS = [[math.nan] * 8, [math.inf] + [0.0] * 7, [0.0] * 8, None, [None] * 8]


@pytest.mark.parametrize("odd", NOT_VECTORS, ids=str)
def test_what_is_no_vector_costs_its_text_alone(fake: FakeOpenAI, metrics: Metrics, odd: object) -> None:
    embedder = build(fake, metrics)
    good = WORDS.embed(["I have a cat"])[0]

    def rule(request: HttpRequest) -> HttpReply | None:
        if request.path != EMBEDDINGS or "bad" not in request.body["input"]:
            return None
        data = [
            {"index": n, "embedding": odd if text == "bad" else good} for n, text in enumerate(request.body["input"])
        ]
        return HttpReply({"data": data})

    fake.fail_when(rule)

    assert embed_each(embedder, ["I have a cat", "bad"]) == [good, None]


def test_vectors_of_another_size_are_nobodys_text(fake: FakeOpenAI, metrics: Metrics) -> None:
    fake.fail(HttpReply({"data": [{"index": 0, "embedding": [1.0] * 7}]}), at="embeddings")

    with pytest.raises(EmbeddingFailed, match="8 dimensions expected") as caught:
        build(fake, metrics).embed(["cat"])
    assert not isinstance(caught.value, EmbeddingRefused)


@pytest.mark.parametrize("status", [400, 422, 500])
def test_one_that_refuses_whatever_it_is_asked_is_away(fake: FakeOpenAI, metrics: Metrics, status: int) -> None:
    when(fake, lambda _: True, error(status, "broken", "no"))

    with pytest.raises(EmbeddingFailed, match="whatever it is asked") as caught:
        build(fake, metrics).embed([f"text {n}" for n in range(50)])

    assert not isinstance(caught.value, EmbeddingRefused)
    assert len(fake.embeddings) == 2, "an outage is not made worse"
    assert refused(metrics, "given_up") == 0


def test_an_outage_amid_the_splitting_is_an_outage(fake: FakeOpenAI, metrics: Metrics) -> None:
    fake.fail(openai_faults.server_error(500), at="embeddings")
    embedder = build(fake, metrics)
    asked = iter([None, openai_faults.server_error(503)])
    fake.fail_when(lambda _: next(asked, None))

    with pytest.raises(EmbeddingFailed) as caught:
        embedder.embed(["one", "two"])
    assert not isinstance(caught.value, EmbeddingRefused)


def test_limits_that_are_set_hold(fake: FakeOpenAI, metrics: Metrics) -> None:
    embedder = build(fake, metrics, EmbeddingLimits("some-model", inputs=3, tokens=64))

    embedder.embed([*"abcdefg", "长" * 500])

    sent = [request.body["input"] for request in fake.embeddings]
    assert [len(texts) for texts in sent] == [3, 3, 2]
    assert estimate(sent[-1][-1]) <= 64
    assert sent[-1][-1].startswith("长")
    assert sent[-1][-1].endswith("长")


@pytest.mark.parametrize(
    ("model", "inputs", "tokens"),
    [
        ("text-embedding-3-small", 256, 8_000),
        ("text-embedding-v3", 10, 7_300),
        ("sentence-transformers/all-MiniLM-L6-v2", 64, 460),
        ("BAAI/bge-m3", 64, 7_300),
        ("BAAI/bge-small-en-v1.5", 64, 460),
        ("nobody-knows-it", 64, 1_840),
    ],
)
def test_what_models_are_known_to_take(model: str, inputs: int, tokens: int) -> None:
    assert (known_of(model).inputs, known_of(model).tokens) == (inputs, tokens)


@pytest.mark.parametrize("text", ["word " * 1_000, "长" * 3_000, "😀" * 3_000, "слово " * 1_000, "長いtext " * 700])
@pytest.mark.parametrize("tokens", [64, 100, 500])
def test_a_shortened_text_has_its_head_and_tail(text: str, tokens: int) -> None:
    cut = shortened(text, tokens)

    assert tokens * 0.6 <= estimate(cut) <= tokens
    head, tail = cut.split(MARK)
    assert text.startswith(head)
    assert text.endswith(tail)
    assert head
    assert tail
    assert shortened("a cat", tokens) == "a cat"


def test_limits_only_fall() -> None:
    limits = EmbeddingLimits("some-model", inputs=10, tokens=500)
    limits.learn_inputs(20)
    limits.learn_tokens(600)
    assert (limits.takes.inputs, limits.takes.tokens) == (10, 500)
    limits.learn_tokens(3)
    assert limits.takes.tokens == 64, "however little it took once"


class Refusing:
    """Takes all but the empty text."""

    identity = EmbedderIdentity("test", "refusing", 1)

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        self.asked.append(list(texts))
        vectors = [[1.0] if text else None for text in texts]
        if None in vectors:
            raise EmbeddingRefused("one", vectors)
        return [[1.0] for _ in texts]


def test_a_cache_keeps_what_there_was_of_a_refused_batch() -> None:
    inner = Refusing()
    embedder = CachingEmbedder(inner, VectorCache(texts=10), Metrics())

    assert embed_each(embedder, ["a", "", "b", ""]) == [[1.0], None, [1.0], None]
    assert embedder.embed(["b", "a"]) == [[1.0], [1.0]]
    assert inner.asked == [["a", "", "b"]]


def test_a_batch_with_a_refused_text_counts_the_texts_that_got_their_vectors(metrics: Metrics) -> None:
    embedder = TimedEmbedder(Refusing(), metrics)

    embed_each(embedder, ["a", "", "b"])

    value = metrics.registry.get_sample_value
    assert value("afterword_embedder_texts_total", {"source": "embedder"}) == 2
    assert value("afterword_embedder_errors_total") == 0


class Answering:
    """An embedder that answers with these vectors, whatever it is asked."""

    identity = EmbedderIdentity("test", "answering", 2)

    def __init__(self, answer: Callable[[str], Any]) -> None:
        self._answer = answer

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        return [self._answer(text) for text in texts]


@pytest.mark.parametrize("odd", [None, [], [None, 1.0], ["a", "b"], [10**400, 1], [[1], [2]], [[1], [2, 3]], [{}, 1.0]])
def test_whatever_stands_for_a_vector_costs_its_text_alone(odd: Any, metrics: Metrics) -> None:
    answering = Answering(lambda text: odd if text == "odd" else [0.6, 0.8])
    embedder = FittingEmbedder(answering, EmbeddingLimits("answering"), metrics)
    assert embed_each(embedder, ["good", "odd"]) == [[0.6, 0.8], None]


@pytest.mark.parametrize("odd", [5, "ab", {}, [1.0], [1.0, 2.0, 3.0]])
def test_vectors_of_another_size_are_no_answer(odd: Any, metrics: Metrics) -> None:
    embedder = FittingEmbedder(Answering(lambda _: odd), EmbeddingLimits("answering"), metrics)
    with pytest.raises(EmbeddingFailed):
        embedder.embed(["a cat"])


def test_half_a_character_is_marked_before_it_is_sent(fake: FakeOpenAI, metrics: Metrics) -> None:
    assert len(build(fake, metrics).embed(["a \ud83d cat"])) == 1
    assert fake.embeddings[-1].body["input"] == ["a ? cat"]
