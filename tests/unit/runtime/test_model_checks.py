"""Doctor's look at the models: a long text, a full batch, and which host gets which key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from afterword.workers.core.errors import EmbeddingFailed
from afterword.workers.embedded.completions import HttpReply, HttpRequest
from afterword.workers.runtime.checks import check_embedder, check_llm, run_one
from afterword.workers.runtime.settings import Settings
from afterword.workers.runtime.wiring.house import House
from afterword.workers.text.tokens import estimate
from tests.support import fake_openai, openai_faults
from tests.support.fake_openai import EMBEDDINGS, FakeOpenAI

KEY = "sk-0123456789wxyz"


@pytest.fixture
def fake() -> Iterator[FakeOpenAI]:
    with FakeOpenAI(fake_openai.text('{"ok": true}')) as running:
        yield running


def house(fake: FakeOpenAI) -> House:
    given = {"llm_base_url": fake.url, "embedder_base_url": fake.url, "llm_api_key": KEY, "embedder_api_key": KEY}
    return House(Settings(embedder_model="some-model", embedder_dimensions=8, **given))  # type: ignore[arg-type]


def host(fake: FakeOpenAI) -> str:
    return fake.url.removeprefix("http://").removesuffix("/v1")


def test_an_embedder_is_tried_with_a_long_text_and_a_full_batch(fake: FakeOpenAI) -> None:
    check = run_one(house(fake), check_embedder)

    assert check.status == "ok"
    assert f"{host(fake)} gets the key ••••wxyz; takes a long text, and 64 texts a request" in check.detail
    assert KEY not in check.detail
    sizes = [len(request.body["input"]) for request in fake.embeddings]
    assert max(sizes) == 64
    assert max(estimate(text) for request in fake.embeddings for text in request.body["input"]) > 1_000


def test_an_embedder_that_takes_less_is_told_with_the_mend(fake: FakeOpenAI) -> None:
    def rule(request: HttpRequest) -> HttpReply | None:
        texts = request.body["input"]
        if len(texts) > 10:
            return openai_faults.TOO_MANY[0]
        return openai_faults.TOO_LONG[0] if any(estimate(text) > 512 for text in texts) else None

    fake.fail_when(lambda request: rule(request) if request.path == EMBEDDINGS else None)

    check = run_one(house(fake), check_embedder)

    assert check.status == "warning"
    assert "AFTERWORD_EMBEDDER_INPUTS=8 and AFTERWORD_EMBEDDER_TOKENS=" in check.detail


def test_an_embedder_that_refuses_a_text_has_failed(fake: FakeOpenAI) -> None:
    fake.fail_when(
        lambda request: openai_faults.server_error() if any("kept" in each for each in request.body["input"]) else None
    )

    check = run_one(house(fake), check_embedder)

    assert check.status == "failed"
    assert "no vector for 1 of 1 texts" in check.detail


def test_the_llm_is_told_with_its_host_and_key(fake: FakeOpenAI) -> None:
    check = run_one(house(fake), check_llm)

    assert check.status == "ok"
    assert check.detail.endswith(f"{host(fake)} gets the key ••••wxyz")


def test_limits_of_the_settings_reach_the_embedder(fake: FakeOpenAI) -> None:
    built = House(house(fake).settings.model_copy(update={"embedder_inputs": 2}))

    built.models.embedder.embed(["a", "b", "c"])

    assert [len(request.body["input"]) for request in fake.embeddings] == [2, 1]
    fake.stop()
    with pytest.raises(EmbeddingFailed):
        built.models.embedder.embed(["d"])
