"""Agents of the OpenAI Agents SDK with a memory: the library as it is, its models asking the fake server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("agents")

from agents import (
    Agent,
    AgentsException,
    OpenAIChatCompletionsModel,
    OpenAIConversationsSession,
    OpenAIResponsesModel,
    RunConfig,
    Runner,
    Session,
    SQLiteSession,
    function_tool,
    set_tracing_disabled,
)
from openai import APIStatusError, AsyncOpenAI

from afterword.integrations.openai_agents import ThreadMemory
from afterword.producers import AsyncMemoryClient
from afterword.schemas.fence import BEGIN
from afterword.workers.stores.ledger.ingest import conversations
from tests.support.fake_openai import FakeOpenAI
from tests.support.openai_faults import MODEL, bad_request, says
from tests.support.openai_responses import function_call, message, one_after_another, reasoning, responds
from tests.support.openai_streams import streamed, streamed_tool_call
from tests.support.ports import quiet_port
from tests.support.remembering import REMEMBERED, Service, answering, example, take_in, working
from tests.support.workshop import Workshop

TALK = [("user", "A snack for me?"), ("assistant", "Grapes.")]


@pytest.fixture(autouse=True)
def untraced() -> None:
    set_tracing_disabled(True)


@pytest.fixture
def service(redis_url: str) -> Iterator[Service]:
    with answering(redis_url) as service:
        yield service


@function_tool
def look() -> str:
    """Look into the fridge."""
    return "grapes"


class Fridge:
    """An agent, and the memory of a thread."""

    def __init__(self, llm: AsyncOpenAI, memory: AsyncMemoryClient, *, responses: bool = False) -> None:
        kind: Any = OpenAIResponsesModel if responses else OpenAIChatCompletionsModel
        self.llm, self.memory = llm, memory
        self.agent = Agent("fridge", instructions="Be kind.", tools=[look], model=kind(MODEL, llm))
        self.thread = ThreadMemory(memory, user_id="maya", agent_id="fridge", session_id="t-9")
        self.history = SQLiteSession("t-9")
        self.config = RunConfig(call_model_input_filter=self.thread.inject)

    async def ask(self, question: str) -> Any:
        # A session for each run, as a web service makes it.
        session = self.thread.session(self.history)
        result = await Runner.run(self.agent, question, session=session, run_config=self.config)
        return result.final_output

    async def stream(self, question: str) -> list[Any]:
        session = self.thread.session(self.history)
        result = Runner.run_streamed(self.agent, question, session=session, run_config=self.config)
        return [event async for event in result.stream_events()]


def use(llm: FakeOpenAI, url: str, act: Callable[[Fridge], Awaitable[Any]], **how: Any) -> Any:
    async def run() -> Any:
        async with (
            AsyncMemoryClient(url) as memory,
            AsyncOpenAI(base_url=llm.url, api_key="any", max_retries=0) as plain,
        ):
            return await act(Fridge(plain, memory, **how))

    return asyncio.run(run())


def test_memories_stand_behind_the_instructions_and_the_run_is_published(
    llm: FakeOpenAI, redis_url: str, service: Service
) -> None:
    llm.fail(streamed_tool_call("look", {}), streamed("Gra", "pes."))
    events = use(llm, redis_url, lambda fridge: fridge.stream("A snack for me?"))
    assert [event.type for event in events].count("raw_response_event") > 2
    prompts = [chat.messages[0]["content"] for chat in llm.chats]
    assert len(prompts) == 2
    assert prompts[0] == prompts[1]
    assert prompts[0].index("Be kind.") < prompts[0].index(BEGIN) < prompts[0].index(REMEMBERED)
    [question] = service.questions
    assert (question.query, question.user_id, question.agent_id) == ("A snack for me?", "maya", "fridge")
    [event] = service.published()
    assert (event["user_id"], event["agent_id"], event["session_id"]) == ("maya", "fridge", "t-9")
    assert service.said() == [TALK]


def test_items_of_the_responses_api_are_taken_as_they_are(llm: FakeOpenAI, redis_url: str, service: Service) -> None:
    llm.fail_when(
        one_after_another(responds(reasoning(), function_call("look", {})), responds(reasoning(), message("Grapes.")))
    )
    assert use(llm, redis_url, lambda fridge: fridge.ask("A snack for me?"), responses=True) == "Grapes."
    assert all(REMEMBERED in request.body["instructions"] for request in llm.requests)
    assert service.said() == [TALK]


def test_a_thread_of_equal_answers_is_learned_once(llm: FakeOpenAI, redis_url: str, workshop: Workshop) -> None:
    """By chat completions every answer has the same placeholder for an id."""
    llm.fail(says("Yes."), says("Yes."), says("No."))

    async def talk(fridge: Fridge) -> list[Any]:
        for question in ("Milk?", "Really?", "Really?"):
            await fridge.ask(question)
        return await fridge.history.get_items()

    with working(redis_url, workshop) as service:
        items = use(llm, redis_url, talk)
        take_in(service, workshop)
    assert {item["id"] for item in items if item["role"] == "assistant"} == {"__fake_id__"}
    with workshop.database.transaction() as connection:
        taken_in = conversations.recent(connection, "default", "maya", limit=9)
    turns = [[turn.text for turn in each.turns] for each in reversed(taken_in)]
    assert turns == [["Milk?", "Yes."], ["Really?", "Yes."], ["Really?", "No."]]


def test_a_run_that_fails_is_published_with_the_next_answer(llm: FakeOpenAI, redis_url: str, service: Service) -> None:
    llm.fail(bad_request(), says("Grapes."))

    async def talk(fridge: Fridge) -> None:
        with pytest.raises((APIStatusError, AgentsException)):
            await fridge.ask("Is there milk?")
        await fridge.ask("A snack for me?")

    use(llm, redis_url, talk)
    [said] = service.said()
    assert said[-2:] == TALK


def test_a_run_without_a_session_is_published_by_its_items(llm: FakeOpenAI, redis_url: str, service: Service) -> None:
    llm.fail(says("Grapes."))

    async def talk(fridge: Fridge) -> None:
        result = await Runner.run(fridge.agent, "A snack for me?", run_config=fridge.config)
        await fridge.thread.publish(result.to_input_list())
        async with fridge.memory.remembered(user_id="maya", messages=[{"role": "user", "content": TALK[0][1]}]) as run:
            run.said(result)

    use(llm, redis_url, talk)
    assert service.said() == [TALK, TALK]


def test_without_the_memory_service_the_agent_goes_on(llm: FakeOpenAI) -> None:
    llm.fail(says("Grapes."))
    away = f"redis://127.0.0.1:{quiet_port()}/0"

    async def act(fridge: Fridge) -> Any:
        return await fridge.ask("A snack for me?")

    assert use(llm, away, act) == "Grapes."
    assert llm.chats[0].messages[0]["content"] == "Be kind."


def test_the_session_is_the_one_within(llm: FakeOpenAI, redis_url: str) -> None:
    async def act(fridge: Fridge) -> None:
        session: Any = fridge.thread.session(fridge.history)
        assert isinstance(session, Session)
        assert isinstance(session, SQLiteSession)
        theirs = OpenAIConversationsSession(openai_client=fridge.llm)
        assert isinstance(fridge.thread.session(theirs), OpenAIConversationsSession)
        assert (session.session_id, session.session_settings) == ("t-9", fridge.history.session_settings)
        await session.add_items([{"role": "user", "content": "Hi"}])
        assert await session.pop_item() == {"role": "user", "content": "Hi"}
        await session.clear_session()
        assert await session.get_items() == []

    use(llm, redis_url, act)


def test_the_example(llm: FakeOpenAI, redis_url: str, service: Service) -> None:
    llm.fail(says("Grapes."))
    shown = example("openai_agent")

    async def run() -> Any:
        async with AsyncMemoryClient(redis_url) as memory, AsyncOpenAI(base_url=llm.url, api_key="any") as plain:
            agent = shown["planner"](OpenAIChatCompletionsModel(MODEL, plain))
            return await shown["answer"](agent, memory, "maya", "A snack for me?")

    assert asyncio.run(run()) == "Grapes."
    assert REMEMBERED in llm.chats[0].messages[0]["content"]
    assert service.said() == [TALK]
