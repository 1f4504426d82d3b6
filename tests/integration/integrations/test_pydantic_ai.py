"""An agent of Pydantic AI with memory in it: the library as it is, with its own fake models."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

pytest.importorskip("pydantic_ai")

from pydantic import BaseModel
from pydantic_ai import Agent, BinaryContent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.test import TestModel

from afterword.integrations.pydantic_ai import MemoryCapability
from afterword.producers import AsyncMemoryClient, ClientSettings, MemoryClient
from afterword.schemas.fence import BEGIN
from afterword.workers.embedded.redis_server import free_port
from tests.support.remembering import REMEMBERED, Service, answering, example, take_in, with_client, working
from tests.support.workshop import Workshop


@dataclass
class Deps:
    user_id: Any = "maya"
    session_id: str | None = None


class Broke(Exception):
    """The model's own failure."""


class Model:
    """Answers in turn, by the library's function model. It keeps the instructions that it was given."""

    def __init__(self, *answers: Any) -> None:
        self.instructions: list[str] = []
        self._answers = list(answers)
        self.model = FunctionModel(self._answer, stream_function=self._stream)

    def _answer(self, _: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        self.instructions.append(info.instructions or "")
        answer = self._answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return ModelResponse([TextPart(answer) if isinstance(answer, str) else answer])

    async def _stream(self, _: list[ModelMessage], info: AgentInfo) -> AsyncIterator[str]:
        self.instructions.append(info.instructions or "")
        for word in self._answers.pop(0).split(" "):
            yield f"{word} "


@pytest.fixture
def service(redis_url: str) -> Iterator[Service]:
    with answering(redis_url) as service:
        yield service


def planner(client: Any, fake: Any, **more: Any) -> Agent[Any, Any]:
    memory = MemoryCapability(client, agent_id="planner", **more.pop("memory", {}))
    return Agent(getattr(fake, "model", fake), deps_type=Deps, capabilities=[memory], **more)


def test_memories_stand_behind_the_instructions_and_the_run_is_published(service: Service, redis_url: str) -> None:
    fake = Model("Grapes.")

    async def use(client: AsyncMemoryClient) -> Any:
        agent = planner(client, fake, instructions="Be kind.", memory={"recall": {"limit": 3}})
        return await agent.run("A snack for me?", deps=Deps(session_id="t-9"))

    result = with_client(redis_url, use)

    assert result.output == "Grapes."
    [prompt] = fake.instructions
    assert prompt.startswith(f"Be kind.\n\n{BEGIN}")
    assert REMEMBERED in prompt
    assert REMEMBERED not in str(result.all_messages()), "a history outlives the memory"
    [question] = service.questions
    assert (question.user_id, question.agent_id, question.session_id) == ("maya", "planner", "t-9")
    assert (question.query, question.limit) == ("A snack for me?", 3)
    [event] = service.published()
    assert (event["user_id"], event["agent_id"], event["session_id"]) == ("maya", "planner", "t-9")
    assert service.said() == [[("user", "A snack for me?"), ("assistant", "Grapes.")]]


def test_a_loop_of_tools_asks_once_and_publishes_once(service: Service, redis_url: str) -> None:
    fake = Model(ToolCallPart("weather", {"city": "Lisbon"}), "Take an umbrella.")

    async def use(client: AsyncMemoryClient) -> None:
        agent = planner(client, fake, system_prompt="Be kind.")
        agent.tool_plain(weather)
        await agent.run("Rain in Lisbon?", deps=Deps())

    with_client(redis_url, use)
    assert len(service.questions) == 1
    assert [REMEMBERED in prompt for prompt in fake.instructions] == [True, True]
    assert service.said() == [[("user", "Rain in Lisbon?"), ("assistant", "Take an umbrella.")]]


def weather(city: str) -> str:
    """The weather of a city."""
    return f"Rain in {city}"


def test_runs_that_share_their_messages_are_one_session(service: Service, redis_url: str) -> None:
    async def use(client: AsyncMemoryClient) -> None:
        agent = planner(client, Model("Grapes.", "Two."))
        first = await agent.run("A snack?", deps=Deps())
        await agent.run("How many?", deps=Deps(), message_history=first.all_messages())

    with_client(redis_url, use)
    first, second = service.published()
    assert first["session_id"] == second["session_id"]
    assert service.said()[1] == [("user", "How many?"), ("assistant", "Two.")]


def test_a_streamed_run_is_published_at_its_end(service: Service, redis_url: str) -> None:
    async def use(client: AsyncMemoryClient) -> None:
        agent = planner(client, Model("Grapes and nuts.", "Grapes and nuts."))
        async with agent.run_stream("A snack?", deps=Deps()) as result:
            words = [word async for word in result.stream_text(delta=True, debounce_by=None)]
            assert len(words) > 1
            assert service.published() == []
        async with agent.iter("A snack?", deps=Deps()) as run:
            async for _ in run:
                pass

    with_client(redis_url, use)
    assert [[text.strip() for _, text in said] for said in service.said()] == [["A snack?", "Grapes and nuts."]] * 2


@pytest.mark.parametrize("how", ["run_sync", "blocking client"])
def test_an_agent_that_is_not_awaited(service: Service, redis_url: str, how: str) -> None:
    blocking = MemoryClient(redis_url)
    client: Any = AsyncMemoryClient(redis_url) if how == "run_sync" else blocking
    assert planner(client, Model("Grapes.")).run_sync("A snack?", deps=Deps()).output == "Grapes."
    blocking.close()
    assert service.said() == [[("user", "A snack?"), ("assistant", "Grapes.")]]


def test_a_run_whose_model_fails_is_published_as_far_as_it_came(service: Service, redis_url: str) -> None:
    async def use(client: AsyncMemoryClient) -> None:
        agent = planner(client, Model("Grapes.", Broke()))
        history = (await agent.run("A snack?", deps=Deps())).all_messages()
        with pytest.raises(Broke):
            await agent.run("How many?", deps=Deps(), message_history=history)

    with_client(redis_url, use)
    assert service.published()[1]["metadata"] == {"interrupted": True}
    assert service.said()[1] == [("user", "How many?")]


def test_a_cancelled_run_is_published_as_far_as_it_came(service: Service, redis_url: str) -> None:
    async def use(client: AsyncMemoryClient) -> None:
        asking = asyncio.Event()

        async def hang(*_: Any) -> ModelResponse:
            asking.set()
            await asyncio.Event().wait()
            raise AssertionError

        run = asyncio.create_task(_run(planner(client, FunctionModel(hang))))
        await asking.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    with_client(redis_url, use)
    [event] = service.published()
    assert event["metadata"] == {"interrupted": True}
    assert service.said() == [[("user", "A snack?")]]


def _run(agent: Agent[Any, Any]) -> Coroutine[Any, Any, Any]:
    return agent.run("A snack?", deps=Deps())


@pytest.mark.parametrize("on", ["empty", "raise"])
def test_an_agent_needs_no_memory(on: Any) -> None:
    async def use(client: AsyncMemoryClient) -> Any:
        return (await _run(planner(client, Model("Grapes.")))).output

    async def run() -> Any:
        settings = ClientSettings(on_unavailable=on)
        client = AsyncMemoryClient(f"redis://127.0.0.1:{free_port()}/0", settings=settings)
        output = await use(client)
        await client.close(timeout=0)
        return output

    assert asyncio.run(run()) == "Grapes."


@pytest.mark.parametrize("deps", [None, {}, Deps(None), Deps(""), Deps("a\nb"), {"user_id": ["maya"]}])
def test_a_run_of_nobody_goes_on(service: Service, redis_url: str, deps: Any) -> None:
    async def use(client: AsyncMemoryClient) -> Any:
        return (await planner(client, Model("Grapes.")).run("A snack?", deps=deps)).output

    assert with_client(redis_url, use) == "Grapes."
    assert service.published() == []


def test_pictures_and_structured_answers_hold_no_words(service: Service, redis_url: str) -> None:
    class Snack(BaseModel):
        name: str

    async def use(client: AsyncMemoryClient) -> None:
        agent = planner(client, TestModel(), output_type=Snack)
        prompt: Any = ["A snack like this?", BinaryContent(b"png", media_type="image/png")]
        assert isinstance((await agent.run(prompt, deps=Deps())).output, Snack)

    with_client(redis_url, use)
    assert service.said() == [[("user", "A snack like this?")]]
    assert service.questions[0].query == "A snack like this?"


def test_one_conversation_reminds_another_of_what_was_said(redis_url: str, workshop: Workshop) -> None:
    fake = Model("Noted.", "Grapes, without peanuts.")
    with working(redis_url, workshop) as service:

        async def use(client: AsyncMemoryClient) -> None:
            agent = planner(client, fake)
            await agent.run("I'm allergic to peanuts.", deps=Deps())
            take_in(service, workshop)
            await agent.run("A snack without peanuts?", deps=Deps())

        with_client(redis_url, use)
    assert "I'm allergic to peanuts." in fake.instructions[1]


def test_the_example(service: Service, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERWORD_REDIS_URL", redis_url)
    fake = Model("Grapes.")
    shown = example("pydantic_ai_agent")
    assert shown["answer"](shown["planner"](fake.model), "maya", "A snack?") == "Grapes."
    assert REMEMBERED in fake.instructions[0]
    assert service.said() == [[("user", "A snack?"), ("assistant", "Grapes.")]]
