"""The OpenAI SDK with a memory in it: the real client, against the fake server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openai import APIStatusError, AsyncOpenAI, OpenAI

from afterword.integrations.openai import remembering
from afterword.producers import AsyncMemoryClient, MemoryClient
from afterword.schemas.fence import BEGIN
from afterword.workers.embedded.completions import HttpReply
from tests.support.fake_openai import FakeOpenAI
from tests.support.openai_faults import MODEL, bad_request, says
from tests.support.openai_responses import (
    RESPONSES,
    StreamedResponse,
    function_call,
    message,
    one_after_another,
    reasoning,
    responds,
)
from tests.support.openai_streams import streamed, streamed_tool_call
from tests.support.ports import quiet_port
from tests.support.remembering import REMEMBERED, Service, answering, example, take_in, working
from tests.support.workshop import Workshop

SNACK: Any = [{"role": "user", "content": "A snack for me?"}]
TALK = [("user", "A snack for me?"), ("assistant", "Grapes.")]


@pytest.fixture
def service(redis_url: str) -> Iterator[Service]:
    with answering(redis_url) as service:
        yield service


@pytest.fixture
def memory(redis_url: str) -> Iterator[MemoryClient]:
    with MemoryClient(redis_url) as memory:
        yield memory


def client_of(llm: FakeOpenAI, memory: MemoryClient, **how: Any) -> OpenAI:
    plain = OpenAI(base_url=llm.url, api_key="any", max_retries=0)
    return remembering(plain, memory, user_id="maya", agent_id="planner", session_id="t-9", **how)


def on_a_loop(llm: FakeOpenAI, url: str, use: Callable[[AsyncOpenAI], Any]) -> Any:
    async def run() -> Any:
        async with AsyncMemoryClient(url) as memory, AsyncOpenAI(base_url=llm.url, api_key="any") as plain:
            return await use(remembering(plain, memory, user_id="maya", session_id="t-9"))

    return asyncio.run(run())


def tool_call() -> HttpReply:
    call = {"id": "call-1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    answer = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": answer, "finish_reason": "tool_calls"}
    return HttpReply({"id": "c", "object": "chat.completion", "created": 0, "model": MODEL, "choices": [choice]})


class TestChat:
    def test_memories_go_into_the_prompt_and_the_answer_is_published(
        self, llm: FakeOpenAI, memory: MemoryClient, service: Service
    ) -> None:
        llm.fail(says("Grapes."))
        client = client_of(llm, memory, recall={"limit": 3})

        answer = client.chat.completions.create(model=MODEL, messages=SNACK)

        assert answer.choices[0].message.content == "Grapes."
        [system, user] = llm.chats[0].messages
        assert REMEMBERED in system["content"]
        assert user == SNACK[0]
        [question] = service.questions
        asked = (question.query, question.user_id, question.agent_id, question.session_id, question.limit)
        assert asked == ("A snack for me?", "maya", "planner", "t-9", 3)
        [event] = service.published()
        assert (event["user_id"], event["agent_id"], event["session_id"]) == ("maya", "planner", "t-9")
        assert service.said() == [TALK]

    @pytest.mark.parametrize("prompt", ["Be kind.", [{"type": "text", "text": "Be kind."}]])
    def test_a_prompt_keeps_its_role_and_its_parts(
        self, llm: FakeOpenAI, memory: MemoryClient, service: Service, prompt: Any
    ) -> None:
        llm.fail(says("Grapes."))
        given: Any = iter([{"role": "developer", "content": prompt}, *SNACK])

        client_of(llm, memory).chat.completions.create(model=MODEL, messages=given)

        first = llm.chats[0].messages[0]
        assert first["role"] == "developer"
        assert type(first["content"]) is type(prompt)
        text = json.dumps(first["content"])
        assert text.index("Be kind.") < text.index(BEGIN)
        assert service.said() == [TALK]

    def test_a_stream_is_published_when_it_is_over(
        self, llm: FakeOpenAI, memory: MemoryClient, service: Service
    ) -> None:
        llm.fail(streamed("Gra", "pes."))
        with client_of(llm, memory).chat.completions.create(
            model=MODEL,
            messages=SNACK,
            stream=True,
        ) as stream:
            assert stream.response.status_code == 200
            assert next(stream).choices[0].delta.content == "Gra"
            assert service.published() == []
            assert [chunk.choices[0].delta.content for chunk in stream] == ["pes.", None]
        assert service.said() == [TALK]

    def test_a_stream_that_is_left_is_published_as_far_as_it_came(
        self, llm: FakeOpenAI, memory: MemoryClient, service: Service
    ) -> None:
        llm.fail(streamed("Gra", "pes."))
        stream = client_of(llm, memory).chat.completions.create(model=MODEL, messages=SNACK, stream=True)
        next(stream)
        stream.close()
        [event] = service.published()
        assert event["metadata"] == {"interrupted": True}
        assert service.said() == [[TALK[0], ("assistant", "Gra")]]

    def test_so_is_one_of_which_nothing_was_read(self, llm: FakeOpenAI, redis_url: str, service: Service) -> None:
        llm.fail(streamed("Grapes."), streamed("Grapes."))
        with (
            MemoryClient(redis_url) as memory,
            client_of(llm, memory).chat.completions.create(model=MODEL, messages=SNACK, stream=True),
        ):
            pass

        async def use(client: AsyncOpenAI) -> None:
            async with await client.chat.completions.create(model=MODEL, messages=SNACK, stream=True):
                pass

        on_a_loop(llm, redis_url, use)
        assert [event["metadata"] for event in service.published()] == [{"interrupted": True}] * 2
        assert service.said() == [TALK[:1]] * 2

    @pytest.mark.parametrize("stream", [False, True])
    def test_what_asks_for_tools_is_published_with_the_answer(
        self, llm: FakeOpenAI, memory: MemoryClient, service: Service, stream: bool
    ) -> None:
        llm.fail(*((streamed_tool_call("look", {}), streamed("Grapes.")) if stream else (tool_call(), says("Grapes."))))
        completions: Any = client_of(llm, memory).chat.completions
        messages = [*SNACK]

        def create() -> None:
            answer: Any = completions.create(model=MODEL, messages=messages, stream=stream)
            if stream:
                list(answer)

        create()
        assert service.published() == []
        call = {"id": "call-1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": "call-1", "content": "in the fridge"})
        create()
        assert len(service.questions) == 1
        assert llm.chats[0].messages[0] == llm.chats[1].messages[0]
        assert service.said() == [TALK]
        create()
        assert len(service.questions) == 2

    def test_a_question_that_comes_while_a_tool_is_out_gets_its_own_memories(
        self, llm: FakeOpenAI, memory: MemoryClient, service: Service
    ) -> None:
        llm.fail(tool_call(), says("In the bin."))
        completions: Any = client_of(llm, memory).chat.completions
        completions.create(model=MODEL, messages=SNACK)
        completions.create(model=MODEL, messages=[{"role": "user", "content": "And bread?"}])
        assert [question.query for question in service.questions] == ["A snack for me?", "And bread?"]
        assert service.said() == [[("user", "And bread?"), ("assistant", "In the bin.")]]

    def test_a_call_that_fails_is_told_and_its_question_kept(
        self, llm: FakeOpenAI, memory: MemoryClient, service: Service
    ) -> None:
        llm.fail(bad_request())
        with pytest.raises(APIStatusError, match="context length"):
            client_of(llm, memory).chat.completions.create(model=MODEL, messages=SNACK)
        [event] = service.published()
        assert event["metadata"] == {"interrupted": True}
        assert service.said() == [TALK[:1]]

    def test_awaited(self, llm: FakeOpenAI, redis_url: str, service: Service) -> None:
        llm.fail(says("Grapes."), streamed("Gra", "pes."))

        async def use(client: AsyncOpenAI) -> None:
            await client.chat.completions.create(model=MODEL, messages=SNACK)
            async with await client.with_options(timeout=5).chat.completions.create(
                model=MODEL,
                messages=SNACK,
                stream=True,
            ) as stream:
                assert [chunk.choices[0].delta.content async for chunk in stream] == ["Gra", "pes.", None]

        on_a_loop(llm, redis_url, use)
        assert all(REMEMBERED in chat.messages[0]["content"] for chat in llm.chats)
        assert service.said() == [TALK, TALK]


class TestResponses:
    def test_memories_go_into_the_instructions_and_words_alone_are_published(
        self, llm: FakeOpenAI, memory: MemoryClient, service: Service
    ) -> None:
        llm.fail_when(one_after_another(responds(reasoning(), message("Grapes."))))
        client = client_of(llm, memory)

        answer = client.responses.create(model=MODEL, instructions="Be kind.", input="A snack for me?")

        assert answer.output_text == "Grapes."
        [request] = llm.requests
        assert request.body["instructions"].startswith("Be kind.\n\n")
        assert REMEMBERED in request.body["instructions"]
        assert service.said() == [TALK]

    def test_a_response_that_continues_another_is_published_with_its_question(
        self, llm: FakeOpenAI, memory: MemoryClient, service: Service
    ) -> None:
        llm.fail_when(one_after_another(responds(function_call("look", {})), responds(message("Grapes."))))
        client = client_of(llm, memory)

        client.responses.create(model=MODEL, input="A snack for me?")
        assert service.published() == []
        result: Any = [{"type": "function_call_output", "call_id": "call_1", "output": "in the fridge"}]
        client.responses.create(model=MODEL, previous_response_id="resp_1", input=result)

        assert [question.query for question in service.questions] == ["A snack for me?"]
        assert all(REMEMBERED in request.body["instructions"] for request in llm.requests)
        assert service.said() == [TALK]

    def test_streamed_sync_and_async(
        self, llm: FakeOpenAI, memory: MemoryClient, redis_url: str, service: Service
    ) -> None:
        llm.fail_when(one_after_another(*[StreamedResponse(pieces=("Gra", "pes."))] * 2))
        for event in client_of(llm, memory).responses.create(model=MODEL, input="A snack for me?", stream=True):
            assert event.type.startswith("response.")

        async def use(client: AsyncOpenAI) -> None:
            async for _ in await client.responses.create(model=MODEL, input="A snack for me?", stream=True):
                pass

        on_a_loop(llm, redis_url, use)
        assert service.said() == [TALK, TALK]

    def test_a_thread_is_learned_once_whether_its_answers_come_back_as_items_or_as_texts(
        self, llm: FakeOpenAI, memory: MemoryClient, redis_url: str, workshop: Workshop
    ) -> None:
        llm.fail_when(one_after_another(*(responds(message(text, number)) for number, text in enumerate("ABC"))))
        with working(redis_url, workshop) as service:
            client = client_of(llm, memory)
            window: Any = []
            for question in ("One?", "Two?", "Three?"):
                window.append({"role": "user", "content": question})
                answer = client.responses.create(model=MODEL, input=window)
                last: Any = {"role": "assistant", "content": answer.output_text} if len(window) > 2 else None
                window += [last] if last else answer.output
            take_in(service, workshop)
        assert sorted(workshop.texts()) == ["A", "B", "C", "One?", "Three?", "Two?"]


def test_a_run_takes_whatever_the_sdk_yields(llm: FakeOpenAI, memory: MemoryClient, service: Service) -> None:
    llm.fail(streamed("Gra", "pes."), says("Or a pear."))
    items = (reasoning(), function_call("look", {}), message("I looked."))
    llm.fail_when(one_after_another(StreamedResponse(pieces=("Or ", "both.")), responds(*items)))
    plain: Any = OpenAI(base_url=llm.url, api_key="any", max_retries=0)
    with memory.remembered(user_id="maya", messages=SNACK) as run:
        list(run.stream(plain.chat.completions.create(model=MODEL, messages=run.messages, stream=True)))
        message_of_it = plain.chat.completions.create(model=MODEL, messages=run.messages).choices[0].message
        run.said(message_of_it)
        list(run.stream(plain.responses.create(model=MODEL, input="Hm?", stream=True)))
        run.said(plain.responses.create(model=MODEL, input=[*SNACK, message_of_it]))
    answers = ["Grapes.", "Or a pear.", "Or both.", "I looked."]
    assert service.said() == [[TALK[0], *(("assistant", answer) for answer in answers)]]


def test_without_the_memory_service_the_calls_are_the_clients_own(llm: FakeOpenAI) -> None:
    llm.fail(says("Grapes."))
    llm.fail_when(one_after_another(responds(message("Grapes."))))
    with MemoryClient(f"redis://127.0.0.1:{quiet_port()}/0") as away:
        client = client_of(llm, away)
        client.chat.completions.create(model=MODEL, messages=SNACK)
        client.responses.create(model=MODEL, input="A snack for me?")
        assert away.stats.queued == 2
        away.close(timeout=0)
    chat, response = llm.requests
    assert chat.body == {"model": MODEL, "messages": SNACK}
    assert (response.path, response.body) == (RESPONSES, {"model": MODEL, "input": "A snack for me?"})


def test_what_memory_cannot_read_is_the_clients_own_too(
    llm: FakeOpenAI, memory: MemoryClient, service: Service
) -> None:
    llm.fail(says("Grapes."))
    plain = OpenAI(base_url=llm.url, api_key="any", max_retries=0)
    client = remembering(plain, memory, user_id="", session_id="t-9")
    assert client.chat.completions.create(model=MODEL, messages=SNACK).choices
    unchecked: Any = client.chat.completions.create
    with pytest.raises(TypeError, match="messages"):
        unchecked(model=MODEL)
    assert client.models.list().data
    assert service.said() == []


def test_the_example(llm: FakeOpenAI, memory: MemoryClient, service: Service) -> None:
    llm.fail(says("Grapes."))
    plain = OpenAI(base_url=llm.url, api_key="any")
    assert example("openai_chat")["answer"](plain, memory, "maya", "A snack for me?") == "Grapes."
    assert REMEMBERED in llm.chats[0].messages[0]["content"]
    assert service.said() == [TALK]
