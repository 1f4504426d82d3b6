"""What compatible endpoints do in their own ways: each is read as what it is, and asked as it wants to be."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from afterword.schemas.errors import AfterwordError
from afterword.schemas.values import is_storable
from afterword.workers.core.errors import BadAnswer, LlmRefused, LlmUnavailable
from afterword.workers.core.tokens import Tokens
from afterword.workers.embedded.completions import HttpReply, HttpRequest, error
from afterword.workers.models.llms.chat_completion import read
from afterword.workers.models.llms.mem0 import Mem0Llm
from afterword.workers.models.llms.openai import OpenAILlm
from afterword.workers.models.llms.port import Completion, Llm, Prompt
from afterword.workers.models.providers import Endpoint
from tests.support import openai_faults
from tests.support.fake_openai import FakeOpenAI

PROMPT: list[Prompt] = [{"role": "system", "content": "Answer in JSON."}, {"role": "user", "content": "my diary"}]
ANSWER = '{"memory": [{"id": "0", "text": "Ann has a cat"}]}'
LONG = 30.0


@pytest.fixture(scope="module")
def server() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as running:
        yield running


@pytest.fixture
def fake(server: FakeOpenAI) -> FakeOpenAI:
    server.reset()
    server.answer_with(lambda _: ANSWER)
    return server


@pytest.fixture(params=["openai", "mem0:openai"])
def llm(request: pytest.FixtureRequest, fake: FakeOpenAI) -> Llm:
    if request.param == "openai":
        return OpenAILlm("some-model", base_url=fake.url, timeout=LONG)
    return Mem0Llm("openai", "some-model", endpoint=Endpoint(fake.url), timeout=LONG)


def takes(fake: FakeOpenAI, *formats: str | None, refusal: HttpReply) -> None:
    """The server takes only these kinds of response_format; None is none at all."""

    def rule(request: HttpRequest) -> HttpReply | None:
        asked = request.body.get("response_format")
        return None if (asked and asked["type"]) in formats else refusal

    fake.fail_when(rule)


def asked(fake: FakeOpenAI) -> list[str | None]:
    return [(request.body.get("response_format") or {}).get("type") for request in fake.chats]


@pytest.mark.parametrize("refusal", openai_faults.FORMAT_REFUSED.values(), ids=openai_faults.FORMAT_REFUSED.keys())
def test_a_server_that_takes_no_format_is_asked_without(fake: FakeOpenAI, llm: Llm, refusal: HttpReply) -> None:
    takes(fake, None, refusal=refusal)

    assert llm.complete_json(PROMPT).text == ANSWER
    assert llm.complete_json(PROMPT).text == ANSWER

    *stepped, last = asked(fake)
    assert stepped[0] == "json_object"
    assert stepped[-1] is None
    assert last is None, "it is remembered"
    if refusal.status != 500:  # mem0's client tries those again by itself
        assert stepped == ["json_object", "json_schema", None]


def test_a_server_that_takes_a_schema_only(fake: FakeOpenAI, llm: Llm) -> None:
    takes(fake, "json_schema", "text", refusal=openai_faults.FORMAT_REFUSED["LM Studio"])

    assert llm.complete_json(PROMPT).text == ANSWER
    llm.complete_json(PROMPT)

    assert asked(fake) == ["json_object", "json_schema", "json_schema"]
    schema = fake.chats[-1].body["response_format"]["json_schema"]
    assert schema["schema"]["type"] == "object"


def test_each_model_has_a_format_of_its_own(fake: FakeOpenAI) -> None:
    takes(fake, None, refusal=openai_faults.FORMAT_REFUSED["vLLM"])
    OpenAILlm("one", base_url=fake.url, timeout=LONG).complete_json(PROMPT)
    fake.reset()
    OpenAILlm("other", base_url=fake.url, timeout=LONG)
    fake.answer_with(lambda _: ANSWER)
    OpenAILlm("other", base_url=fake.url, timeout=LONG).complete_json(PROMPT)
    assert asked(fake) == ["json_object"]


@pytest.mark.parametrize(
    ("fault", "expected"), openai_faults.QUIRKS.values(), ids=[name.replace(" ", "_") for name in openai_faults.QUIRKS]
)
def test_whose_fault_it_is(fake: FakeOpenAI, fault: HttpReply, expected: str) -> None:
    llm = OpenAILlm("some-model", api_key="sk-secret", base_url=fake.url, timeout=LONG)
    fake.fail_when(lambda _: fault)

    with pytest.raises(AfterwordError) as caught:
        llm.complete_json(PROMPT)

    kinds = {"provider": LlmUnavailable, "configuration": LlmRefused, "batch": BadAnswer}
    assert type(caught.value) is kinds[expected], str(caught.value)
    assert len(fake.chats) == 1
    assert str(caught.value).startswith("some-model: ")
    assert "my diary" not in str(caught.value)
    assert "sk-secret" not in str(caught.value)


def test_a_limit_that_one_request_is_over_names_the_mend(fake: FakeOpenAI, llm: Llm) -> None:
    fake.fail_when(lambda _: openai_faults.QUIRKS["Groq 413"][0])

    with pytest.raises(LlmRefused, match="lower AFTERWORD_BATCH_TOKENS"):
        llm.complete_json(PROMPT)


def body(message: Mapping[str, Any], **more: Any) -> HttpReply:
    return HttpReply({"choices": [{"message": message, "finish_reason": "stop"}], **more})


def ask(fake: FakeOpenAI, reply: HttpReply) -> Completion:
    fake.fail(reply)
    return OpenAILlm("some-model", base_url=fake.url, timeout=LONG).complete_json(PROMPT)


DRAFT = '{"memory": [{"id": "0", "text": "a draft"}]}'
MESSAGES: dict[str, dict[str, Any]] = {
    "parts": {"content": [{"type": "text", "text": ANSWER[:10]}, {"type": "text", "text": ANSWER[10:]}]},
    "parts with thinking": {
        "content": [
            {"type": "thinking", "thinking": [{"type": "text", "text": DRAFT}]},
            {"type": "text", "text": ANSWER},
        ]
    },
    "parts of the Responses API": {"content": [{"type": "output_text", "text": ANSWER}]},
    "one part": {"content": {"type": "text", "text": ANSWER}},
    "strings": {"content": [ANSWER]},
    "an object": {"content": json.loads(ANSWER)},
    "reasoning beside": {"content": ANSWER, "reasoning_content": DRAFT},
    "content null": {"content": None, "reasoning_content": f"I think {{so}}.\n{ANSWER}"},
    "content null, fenced": {"content": None, "reasoning": f"So:\n```json\n{ANSWER}\n```"},
    "content empty": {"content": "", "reasoning_content": f"<think>{DRAFT}</think>{ANSWER}"},
    "a tool's call": {
        "content": None,
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "save", "arguments": ANSWER}}],
    },
    "a tool's call as an object": {"tool_calls": [{"function": {"name": "save", "arguments": json.loads(ANSWER)}}]},
    "a function's call": {"content": "", "function_call": {"name": "save", "arguments": ANSWER}},
    "a call in words": {"content": json.dumps({"name": "save", "arguments": json.loads(ANSWER)})},
    "thinking": {"content": f"<think>maybe {DRAFT}</think>\n{ANSWER}"},
    "thinking that was not opened": {"content": f"maybe {DRAFT}</think>{ANSWER}"},
    "thinking in other words": {"content": f"<thinking>{DRAFT}</thinking>{ANSWER}<thought>{DRAFT}"},
}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=[name.replace(" ", "_") for name in MESSAGES])
def test_the_answer_is_found_wherever_it_was_put(fake: FakeOpenAI, message: dict[str, Any]) -> None:
    assert json.loads(ask(fake, body(message)).text) == json.loads(ANSWER)


@pytest.mark.parametrize(
    "message",
    [
        {"content": f"<think>{DRAFT}"},
        {"content": f"<think>{DRAFT}</think>"},
        {"content": None, "reasoning_content": f"perhaps {DRAFT}, but I am not sure"},
        {"content": None, "tool_calls": []},
        {"content": [{"type": "thinking", "thinking": DRAFT}]},
        {"content": 42},
        {},
    ],
)
def test_a_draft_is_no_answer(fake: FakeOpenAI, message: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer, match="the answer is empty"):
        ask(fake, body(message))


def test_a_mark_in_a_facts_own_words_is_no_thinking(fake: FakeOpenAI) -> None:
    said = '{"memory": [{"text": "Ann wrote a parser for <think> and </think>"}]}'
    assert ask(fake, body({"content": said})).text == said


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": -5, "completion_tokens": 2**40}, Tokens(0, 0, 2**31 - 1)),
        ({"prompt_tokens": "many", "completion_tokens": 3.7}, Tokens(0, 0, 3)),
        ({"prompt_tokens": 10**400, "prompt_tokens_details": {"cached_tokens": -1}}, Tokens(2**31 - 1, 0, 0)),
        ({"prompt_tokens": True, "prompt_tokens_details": "none"}, Tokens()),
        ({"prompt_tokens": float("nan"), "completion_tokens": float("inf")}, Tokens(0, 0, 2**31 - 1)),
        ([1, 2], Tokens()),
    ],
)
def test_token_counts_are_what_the_ledger_can_hold(fake: FakeOpenAI, usage: object, tokens: Tokens) -> None:
    answer = ask(fake, body({"content": ANSWER}, usage=usage))

    assert answer.text == ANSWER
    assert answer.tokens == tokens


def test_what_no_store_can_hold_is_taken_out() -> None:
    sent = json.dumps(body({"content": 'a "\ud800" and \x00'}, model="x\x00" * 300).body)  # as escapes

    answer = read(sent, "some-model")

    assert is_storable(answer.text)
    assert is_storable(answer.model)
    assert len(answer.model) <= 200


def test_an_error_of_one_choice(fake: FakeOpenAI) -> None:
    reply = HttpReply({"choices": [{"error": {"code": 502, "message": "gone"}, "message": {"content": ""}}]})
    with pytest.raises(LlmUnavailable, match="an error in HTTP 200"):
        ask(fake, reply)


def test_the_code_of_an_error_in_a_body_is_told(fake: FakeOpenAI) -> None:
    with pytest.raises(LlmRefused, match=r"an error in HTTP 200 \(insufficient_quota\)"):
        ask(fake, HttpReply(error(200, "insufficient_quota", "pay").body))
