"""The OpenAI-compatible LLM, with the real client, against the fake server."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from afterword.schemas.errors import AfterwordError
from afterword.workers.core.errors import BadAnswer, LlmRefused, LlmUnavailable
from afterword.workers.core.tokens import Tokens
from afterword.workers.embedded.completions import HttpReply, completion, error
from afterword.workers.embedded.redis_server import free_port
from afterword.workers.models.llms.openai import OpenAILlm
from afterword.workers.models.llms.port import Prompt
from tests.support import fake_openai, openai_faults
from tests.support.fake_openai import FakeOpenAI
from tests.support.openai_faults import Dropped, Hang, Page, Trickle

KEY = "sk-proj-very-secret"
SECRET_WORDS = "my private diary"
PROMPT: list[Prompt] = [
    {"role": "system", "content": "Answer in JSON."},
    {"role": "user", "content": SECRET_WORDS},
]
LONG = 30.0  # seconds: a deadline that no test meets


@pytest.fixture(scope="module")
def server() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as running:
        yield running


@pytest.fixture
def fake(server: FakeOpenAI) -> FakeOpenAI:
    server.reset()
    return server


def ask(fake: FakeOpenAI, timeout: float = LONG) -> str:
    llm = OpenAILlm("gpt-5-mini", api_key=KEY, base_url=fake.url, timeout=timeout)
    return llm.complete_json(PROMPT).text


def test_asks_once_for_a_json_object_without_a_temperature(fake: FakeOpenAI) -> None:
    fake.answer_with(fake_openai.text('{"memory": []}'))

    assert ask(fake) == '{"memory": []}'

    [request] = fake.chats
    assert request.messages == PROMPT
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.body["model"] == "gpt-5-mini"
    assert request.body["response_format"] == {"type": "json_object"}
    assert "temperature" not in request.body


def test_tells_the_model_and_what_the_call_cost(fake: FakeOpenAI) -> None:
    usage = {"prompt_tokens": 1200, "completion_tokens": 34, "prompt_tokens_details": {"cached_tokens": 1024}}
    fake.fail(HttpReply({**completion("{}", model="gpt-5-mini-2025-08-07").body, "usage": usage}))

    answer = OpenAILlm("gpt-5-mini", api_key=KEY, base_url=fake.url, timeout=LONG).complete_json(PROMPT)

    assert answer.model == "gpt-5-mini-2025-08-07"
    assert answer.tokens == Tokens(prompt=1200, cached=1024, completion=34)


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": None, "prompt_tokens_details": None}])
def test_an_endpoint_that_counts_no_tokens_costs_none(fake: FakeOpenAI, usage: object) -> None:
    fake.fail(HttpReply({"choices": [{"message": {"content": "{}"}}], "usage": usage}))

    answer = OpenAILlm("llama", base_url=fake.url, timeout=LONG).complete_json(PROMPT)

    assert answer.model == "llama"
    assert answer.tokens == Tokens()


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (openai_faults.rate_limited(), LlmUnavailable),
        (openai_faults.server_error(500), LlmUnavailable),
        (openai_faults.server_error(503), LlmUnavailable),
        (error(408, "timeout", "too slow"), LlmUnavailable),
        (Dropped(), LlmUnavailable),
        (openai_faults.unauthorised(KEY), LlmRefused),
        (error(402, "insufficient_balance", "pay first"), LlmRefused),
        (error(403, "forbidden", "not for you"), LlmRefused),
        (openai_faults.unknown_model(404), LlmRefused),
        (openai_faults.unknown_model(400), LlmRefused),
        (openai_faults.out_of_quota(), LlmRefused),
        (openai_faults.bad_request(f"cannot read: {SECRET_WORDS}"), BadAnswer),
        (openai_faults.truncated(), BadAnswer),
        (openai_faults.filtered(), BadAnswer),
        (openai_faults.refusal(), BadAnswer),
        (openai_faults.says(""), BadAnswer),
        (openai_faults.says("  \n"), BadAnswer),
        (Page(), LlmUnavailable),
        (HttpReply({"choices": []}), BadAnswer),
        (HttpReply({"answer": "42"}), LlmUnavailable),
    ],
)
def test_every_fault_is_told_as_what_it_is_and_without_secrets(
    fake: FakeOpenAI, fault: HttpReply, expected: type[AfterwordError]
) -> None:
    fake.fail(fault)

    with pytest.raises(AfterwordError) as caught:
        ask(fake)

    assert type(caught.value) is expected
    assert len(fake.chats) == 1, "it never retries by itself"
    told = "".join(traceback.format_exception(caught.value))
    assert str(caught.value).startswith("gpt-5-mini: ")
    assert KEY not in told
    assert SECRET_WORDS not in told


def test_the_code_of_a_refusal_is_told(fake: FakeOpenAI) -> None:
    fake.fail(openai_faults.out_of_quota())

    with pytest.raises(LlmRefused, match=r"gpt-5-mini: HTTP 429 \(insufficient_quota\)"):
        ask(fake)


def test_retry_after_in_seconds(fake: FakeOpenAI) -> None:
    fake.fail(openai_faults.rate_limited("7.5"))

    with pytest.raises(LlmUnavailable) as caught:
        ask(fake)

    assert caught.value.retry_after == 7.5


def test_retry_after_as_a_date(fake: FakeOpenAI) -> None:
    fake.fail(openai_faults.rate_limited(format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)))

    with pytest.raises(LlmUnavailable) as caught:
        ask(fake)

    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 90


@pytest.mark.parametrize("header", ["soon", "-3", "nan", "inf"])
def test_a_retry_after_that_says_nothing_is_none(fake: FakeOpenAI, header: str) -> None:
    fake.fail(openai_faults.rate_limited(header))

    with pytest.raises(LlmUnavailable) as caught:
        ask(fake)

    assert caught.value.retry_after is None


@pytest.mark.parametrize("fault", [Hang(), Trickle()])
def test_the_deadline_holds_whatever_the_server_does(fake: FakeOpenAI, fault: HttpReply) -> None:
    fake.fail(fault)
    began = time.monotonic()

    with pytest.raises(LlmUnavailable):
        ask(fake, timeout=0.5)

    assert time.monotonic() - began < 10, "a trickle without end was cut off"


def test_nobody_listens() -> None:
    llm = OpenAILlm("gpt-5-mini", api_key=KEY, base_url=f"http://127.0.0.1:{free_port()}/v1", timeout=LONG)

    with pytest.raises(LlmUnavailable):
        llm.complete_json(PROMPT)
