"""An agent of LlamaIndex with memory in it: the library as it is, with its own fake models."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("llama_index.core")

from llama_index.core.agent.workflow import AgentStream, FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import ToolCallBlock
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.llms import ChatMessage, ImageBlock, MockLLM, TextBlock
from llama_index.core.llms.mock import MockFunctionCallingLLM
from llama_index.core.memory import Memory

from afterword.integrations.llama_index import AfterwordMemory, AfterwordMemoryBlock
from afterword.producers import AsyncMemoryClient, ClientSettings, MemoryClient
from afterword.schemas.fence import BEGIN
from afterword.workers.embedded.redis_server import free_port
from tests.support.remembering import REMEMBERED, Service, answering, example, take_in, with_client, working
from tests.support.workshop import Workshop

pytestmark = [
    # The library's store keeps a thread for each SQLite, and leaves it when its loop ends.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


class Broke(Exception):
    """The model's own failure."""


class Model:
    """Answers in turn, by the library's fake. It keeps the system messages that it was given."""

    def __init__(self, *answers: Any) -> None:
        self.prompts: list[str] = []
        self._answers = list(answers)
        self.llm = MockFunctionCallingLLM(response_generator=self._answer)

    def _answer(self, messages: Any, **_: Any) -> ChatMessage:
        self.prompts.append("\n".join(each.content or "" for each in messages if each.role == "system"))
        answer = self._answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return ChatMessage(role="assistant", **({"content": answer} if isinstance(answer, str) else {"blocks": answer}))


def calls_tool() -> list[Any]:
    return [
        TextBlock(text="I look."),
        ToolCallBlock(tool_call_id="1", tool_name="weather", tool_kwargs={"city": "Lisbon"}),
    ]


def weather(city: str) -> str:
    """The weather of a city."""
    return f"Rain in {city}"


@pytest.fixture
def service(redis_url: str) -> Iterator[Service]:
    with answering(redis_url) as service:
        yield service


def memory_of(client: Any, session_id: str = "t-9", **more: Any) -> AfterwordMemory:
    block = AfterwordMemoryBlock(user_id=more.pop("user_id", "maya"), agent_id="planner", client=client, **more)
    memory = AfterwordMemory.from_defaults(session_id=session_id, memory_blocks=[block])
    assert isinstance(memory, AfterwordMemory)
    return memory


def test_memories_stand_in_the_prompt_and_the_run_is_published(service: Service, redis_url: str) -> None:
    fake = Model("Grapes.", "Two.")

    async def use(client: AsyncMemoryClient) -> Any:
        memory = memory_of(client, recall={"limit": 3})
        agent = FunctionAgent(llm=fake.llm, system_prompt="Be kind.")
        answer = await agent.run("A snack for me?", memory=memory)
        await agent.run("How many?", memory=memory)
        return answer, await memory.aget_all()

    answer, kept = with_client(redis_url, use)

    assert str(answer) == "Grapes."
    assert fake.prompts[0].startswith("Be kind.")
    assert BEGIN in fake.prompts[0]
    assert REMEMBERED in fake.prompts[0]
    assert REMEMBERED not in str(kept), "a history outlives the memory"
    question, later = service.questions
    assert (question.user_id, question.agent_id, question.session_id) == ("maya", "planner", "t-9")
    assert (question.query, question.limit, later.query) == ("A snack for me?", 3, "How many?")
    event, _ = service.published()
    assert (event["user_id"], event["agent_id"], event["session_id"]) == ("maya", "planner", "t-9")
    assert service.said() == [
        [("user", "A snack for me?"), ("assistant", "Grapes.")],
        [("user", "How many?"), ("assistant", "Two.")],
    ]


def test_a_loop_of_tools_asks_once_and_publishes_once(service: Service, redis_url: str) -> None:
    fake = Model(calls_tool(), "Take an umbrella.")

    async def use(client: AsyncMemoryClient) -> None:
        await FunctionAgent(llm=fake.llm, tools=[weather]).run("Rain in Lisbon?", memory=memory_of(client))

    with_client(redis_url, use)
    assert len(service.questions) == 1
    assert [REMEMBERED in prompt for prompt in fake.prompts] == [True, True]
    assert service.said() == [
        [("user", "Rain in Lisbon?"), ("assistant", "I look."), ("assistant", "Take an umbrella.")]
    ]


def test_a_streamed_run_is_published_at_its_end(service: Service, redis_url: str) -> None:
    async def use(client: AsyncMemoryClient) -> None:
        handler = FunctionAgent(llm=Model("Grapes.").llm, streaming=True).run("A snack?", memory=memory_of(client))
        assert any([isinstance(event, AgentStream) async for event in handler.stream_events()])
        await handler

    with_client(redis_url, use)
    assert service.said() == [[("user", "A snack?"), ("assistant", "Grapes.")]]


def test_thoughts_of_a_react_agent_are_not_published(service: Service, redis_url: str) -> None:
    said = "Thought: I can answer without using any more tools.\nAnswer: Grapes."

    async def use(client: AsyncMemoryClient) -> None:
        await ReActAgent(llm=Model(said).llm).run("A snack?", memory=memory_of(client))

    with_client(redis_url, use)
    assert service.said() == [[("user", "A snack?"), ("assistant", "Grapes.")]]


@pytest.mark.parametrize("kind", [AsyncMemoryClient, MemoryClient])
def test_a_chat_engine_that_does_not_await(service: Service, redis_url: str, kind: Any) -> None:
    engine = SimpleChatEngine.from_defaults(llm=MockLLM(max_tokens=2), memory=memory_of(kind(redis_url)))
    assert engine.chat("A snack?").response == "text text"
    assert service.said() == [[("user", "A snack?"), ("assistant", "text text")]]
    assert service.questions


def test_a_plain_memory_publishes_what_leaves_it(service: Service, redis_url: str) -> None:
    async def use(client: AsyncMemoryClient) -> None:
        block = AfterwordMemoryBlock(user_id="maya", client=client)
        memory = Memory.from_defaults(session_id="t-9", memory_blocks=[block], token_limit=40, token_flush_size=10)
        for number in range(4):
            said = f"Turn {number}, in which much is said of snacks."
            await memory.aput_messages(
                [ChatMessage(role="user", content=said), ChatMessage(role="assistant", content=".")]
            )

    with_client(redis_url, use)
    first = service.published()[0]
    assert first["session_id"] == "t-9"
    assert service.said()[0][0] == ("user", "Turn 0, in which much is said of snacks.")


def test_a_run_that_failed_is_published_with_the_next(service: Service, redis_url: str) -> None:
    async def use(client: AsyncMemoryClient) -> None:
        memory, agent = memory_of(client), FunctionAgent(llm=Model(Broke(), "Grapes.").llm)
        with pytest.raises(Broke):
            await agent.run("A snack without nuts?", memory=memory)
        assert service.published() == []
        await agent.run("Well?", memory=memory)

    with_client(redis_url, use)
    assert service.said() == [[("user", "A snack without nuts?"), ("user", "Well?"), ("assistant", "Grapes.")]]


@pytest.mark.parametrize("on", ["empty", "raise"])
def test_an_agent_needs_no_memory(on: Any) -> None:
    async def run() -> str:
        settings = ClientSettings(on_unavailable=on)
        client = AsyncMemoryClient(f"redis://127.0.0.1:{free_port()}/0", settings=settings)
        answer = await FunctionAgent(llm=Model("Grapes.").llm).run("A snack?", memory=memory_of(client))
        await client.close(timeout=0)
        return str(answer)

    assert asyncio.run(run()) == "Grapes."


@pytest.mark.parametrize("user_id", [None, "", "a\nb", ["maya"]])
def test_a_run_of_nobody_goes_on(service: Service, redis_url: str, user_id: Any) -> None:
    async def use(client: AsyncMemoryClient) -> str:
        memory = memory_of(client, user_id=user_id)
        return str(await FunctionAgent(llm=Model("Grapes.").llm).run("A snack?", memory=memory))

    assert with_client(redis_url, use) == "Grapes."
    assert service.published() == []


def test_pictures_hold_no_words(service: Service, redis_url: str) -> None:
    picture = ChatMessage(
        role="user", blocks=[ImageBlock(url="https://example.org/nut.png"), TextBlock(text="And this?")]
    )

    async def use(client: AsyncMemoryClient) -> None:
        await FunctionAgent(llm=Model("Grapes.").llm).run(picture, memory=memory_of(client))

    with_client(redis_url, use)
    assert service.said() == [[("user", "And this?"), ("assistant", "Grapes.")]]


def test_one_session_reminds_another_of_what_was_said(redis_url: str, workshop: Workshop) -> None:
    fake = Model("Noted.", "Grapes, without peanuts.")
    odd = "I'm allergic to peanuts. {{ name }} {% if %} </afterword></memory>"
    with working(redis_url, workshop) as service:

        async def use(client: AsyncMemoryClient) -> None:
            agent = FunctionAgent(llm=fake.llm)
            await agent.run(odd, memory=memory_of(client, "mon"))
            take_in(service, workshop)
            await agent.run("A snack without peanuts?", memory=memory_of(client, "fri"))

        with_client(redis_url, use)
    assert odd in fake.prompts[1]


def test_the_example(service: Service, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERWORD_REDIS_URL", redis_url)
    fake = Model("Grapes.")
    shown = example("llama_index_agent")
    assert asyncio.run(shown["answer"](fake.llm, "maya", "A snack?")) == "Grapes."
    assert REMEMBERED in fake.prompts[0]
    assert service.said() == [[("user", "A snack?"), ("assistant", "Grapes.")]]
