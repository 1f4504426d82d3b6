"""Which LLM the settings give, and the one made by mem0."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from afterword.workers.core.errors import BadAnswer, LlmRefused, LlmUnavailable, Misconfigured
from afterword.workers.core.tokens import Tokens
from afterword.workers.embedded.completions import HttpReply
from afterword.workers.models.llms.factory import build_llm
from afterword.workers.models.llms.mem0 import Mem0Llm
from afterword.workers.models.llms.openai import OpenAILlm
from afterword.workers.models.llms.port import Prompt
from afterword.workers.models.providers import Endpoint
from tests.support import fake_openai, openai_faults
from tests.support.fake_openai import FakeOpenAI
from tests.support.openai_faults import Hang

PROMPT: list[Prompt] = [{"role": "system", "content": "Answer in JSON."}, {"role": "user", "content": "Hello"}]


@pytest.fixture
def fake() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as running:
        yield running


def through_mem0(fake: FakeOpenAI, timeout: float = 30.0) -> Mem0Llm:
    return Mem0Llm("openai", "gpt-4o-mini", endpoint=Endpoint(fake.url, "sk-secret"), timeout=timeout)


def test_none_is_no_llm() -> None:
    assert build_llm(provider="none", model="", timeout=1) is None


@pytest.mark.parametrize(
    ("api_key", "base_url"),
    [("sk-secret", None), (None, "http://localhost:11434/v1"), ("sk", "https://example.org/v1")],
)
def test_openai_needs_a_key_or_an_endpoint(api_key: str | None, base_url: str | None) -> None:
    llm = build_llm(provider="openai", model="gpt-5-mini", api_key=api_key, base_url=base_url, timeout=1)

    assert isinstance(llm, OpenAILlm)
    assert llm.model == "gpt-5-mini"


def test_a_provider_of_mem0(fake: FakeOpenAI) -> None:
    llm = build_llm(provider="mem0:openai", model="gpt-4o-mini", api_key="sk", base_url=fake.url, timeout=1)

    assert isinstance(llm, Mem0Llm)
    assert llm.model == "gpt-4o-mini"


@pytest.mark.parametrize(
    ("provider", "base_url", "mend"),
    [
        ("openai", None, "OPENAI_API_KEY"),
        ("openai", "localhost:11434/v1", "must start with http"),
        ("gpt", None, "must be openai, mem0:<provider> or none"),
        ("mem0:", None, "must be openai, mem0:<provider> or none"),
        ("mem0:nobody", None, "it knows anthropic"),
        ("mem0:gemini", "http://localhost:1/v1", "cannot be set up"),
    ],
)
def test_what_cannot_work_is_said_at_once(provider: str, base_url: str | None, mend: str) -> None:
    with pytest.raises(Misconfigured, match=mend):
        build_llm(provider=provider, model="m", base_url=base_url, timeout=1)


def test_mem0s_answer_comes_without_its_code_fence(fake: FakeOpenAI) -> None:
    fake.answer_with(fake_openai.text('```json\n{"memory": []}\n```'))

    answer = through_mem0(fake).complete_json(PROMPT)

    assert answer.text == '{"memory": []}'
    assert answer.tokens == Tokens()
    assert fake.chats[0].body["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (openai_faults.unauthorised(), LlmRefused),
        (openai_faults.bad_request(), BadAnswer),
        (openai_faults.says(""), BadAnswer),
    ],
)
def test_errors_of_mem0s_clients(fake: FakeOpenAI, fault: HttpReply, expected: type[Exception]) -> None:
    fake.fail(fault)

    with pytest.raises(expected) as caught:
        through_mem0(fake).complete_json(PROMPT)

    assert "sk-secret" not in str(caught.value)


def test_a_provider_of_mem0_that_hangs_is_given_up(fake: FakeOpenAI) -> None:
    fake.fail(Hang())

    with pytest.raises(LlmUnavailable, match="no answer within"):
        through_mem0(fake, timeout=0.3).complete_json(PROMPT)
