"""An agent of LangChain with memory in it: the library as it is, with its own fake models."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

pytest.importorskip("langchain.agents")

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware, ModelRetryMiddleware
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.runtime import Runtime, ServerInfo
from langgraph.types import Command
from pydantic import Field

from afterword.integrations.langchain import MemoryMiddleware
from afterword.integrations.langchain_retriever import MemoryRetriever
from afterword.producers import AsyncMemoryClient, ClientSettings, MemoryClient
from afterword.schemas.fence import BEGIN
from afterword.workers.embedded.redis_server import free_port
from tests.support.remembering import REMEMBERED, Service, answering, example, take_in, working
from tests.support.workshop import Workshop

CONFIG: Any = {"configurable": {"user_id": "maya", "thread_id": "t-9"}}


def thread(*messages: Any) -> Any:
    """The input of a run."""
    return {"messages": list(messages)}


ASKED = thread({"role": "user", "content": "A snack for me?"})


class Broke(Exception):
    """The model's own failure."""


class Model(GenericFakeChatModel):
    """The library's fake. It keeps what it was given, and raises answers that are errors."""

    given: list[list[BaseMessage]] = Field(default_factory=list)

    def bind_tools(self, *_: Any, **__: Any) -> Any:
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **more: Any) -> Any:
        self.given.append(messages)
        return super()._generate(messages, *args, **more)


def model(*answers: Any) -> Model:
    def given() -> Iterator[Any]:
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
            yield answer

    return Model(messages=given())


def calls_tool(name: str = "weather") -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "args": {"city": "Lisbon"}, "id": "call-1"}])


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"Rain in {city}"


@pytest.fixture
def service(redis_url: str) -> Iterator[Service]:
    with answering(redis_url) as service:
        yield service


@pytest.fixture
def client(redis_url: str) -> Iterator[MemoryClient]:
    with MemoryClient(redis_url) as client:
        yield client


def middleware(client: Any, **more: Any) -> Any:
    return MemoryMiddleware(client, agent_id="planner", **more)


def prompts(fake: Model) -> list[str]:
    """The system prompt of each call."""
    return [message.text for given in fake.given for message in given if isinstance(message, SystemMessage)]


def test_memories_stand_in_the_prompt_and_the_run_is_published(service: Service, client: MemoryClient) -> None:
    fake = model("Grapes.")
    agent = create_agent(fake, system_prompt="Be kind.", middleware=[middleware(client, recall={"limit": 3})])

    answer = agent.invoke(ASKED, CONFIG)

    assert [message.text for message in answer["messages"]] == ["A snack for me?", "Grapes."]
    assert "afterword" not in answer
    [prompt] = prompts(fake)
    assert prompt.startswith(f"Be kind.\n\n{BEGIN}")
    assert REMEMBERED in prompt
    [question] = service.questions
    assert (question.user_id, question.agent_id, question.session_id) == ("maya", "planner", "t-9")
    assert (question.query, question.limit) == ("A snack for me?", 3)
    [event] = service.published()
    assert (event["user_id"], event["agent_id"], event["session_id"]) == ("maya", "planner", "t-9")
    assert service.said() == [[("user", "A snack for me?"), ("assistant", "Grapes.")]]


def test_a_loop_of_tools_asks_once_and_publishes_once(service: Service, client: MemoryClient) -> None:
    fake = model(calls_tool(), "Take an umbrella.")
    agent = create_agent(fake, [weather], middleware=[middleware(client)])

    agent.invoke(ASKED, CONFIG)

    assert len(service.questions) == 1
    assert len(prompts(fake)) == 2
    assert prompts(fake)[0] == prompts(fake)[1]
    assert service.said() == [[("user", "A snack for me?"), ("assistant", "Take an umbrella.")]]


def test_a_run_of_a_thread_publishes_what_is_its_own(service: Service, client: MemoryClient) -> None:
    saver = InMemorySaver()
    agent = create_agent(model("Grapes.", "Two."), middleware=[middleware(client)], checkpointer=saver)

    agent.invoke(ASKED, CONFIG)
    agent.invoke(thread(("user", "How many?")), CONFIG)

    assert service.said()[1] == [("user", "How many?"), ("assistant", "Two.")]
    assert service.questions[1].query == "How many?"
    kept = str(saver.get_tuple(CONFIG))
    assert REMEMBERED not in kept, "a checkpoint outlives the memory"


def test_a_history_that_the_caller_keeps_is_not_published_again(service: Service, client: MemoryClient) -> None:
    agent = create_agent(model("Two."), middleware=[middleware(client)])
    history = [("user", "A snack for me?"), ("assistant", "Grapes."), ("user", "How many?")]

    agent.invoke(thread(*history), CONFIG)

    assert service.said() == [[("user", "How many?"), ("assistant", "Two.")]]


@pytest.mark.parametrize("mode", ["updates", "values", "debug"])
def test_who_watches_a_run_does_not_see_its_memories(service: Service, client: MemoryClient, mode: Any) -> None:
    agent = create_agent(model("Grapes."), middleware=[middleware(client)])
    assert REMEMBERED not in str(list(agent.stream(ASKED, CONFIG, stream_mode=mode)))
    assert service.questions


def test_an_awaited_run_and_a_streamed_one(service: Service, redis_url: str) -> None:
    async def use(client: Any) -> None:
        agent = create_agent(model("Grapes and nuts."), middleware=[middleware(client)])
        chunks = [chunk async for chunk in agent.astream(ASKED, CONFIG, stream_mode="messages")]
        assert "".join(str(message.text) for message, _ in chunks) == "Grapes and nuts."  # type: ignore[union-attr]

    async def both() -> None:
        async with AsyncMemoryClient(redis_url) as client:
            await use(client)
        with MemoryClient(redis_url) as blocking:
            await use(blocking)

    asyncio.run(both())
    assert service.said() == [[("user", "A snack for me?"), ("assistant", "Grapes and nuts.")]] * 2
    assert len(service.questions) == 2


@dataclass
class Who:
    user_id: str
    session_id: str


def test_the_context_of_a_run_says_who_is_there(service: Service, client: MemoryClient) -> None:
    agent = create_agent(model("Grapes."), middleware=[middleware(client)], context_schema=Who)
    agent.invoke(ASKED, context=Who("noor", "s-1"))
    [event] = service.published()
    assert (event["user_id"], event["session_id"]) == ("noor", "s-1")


def test_who_was_authenticated_counts_more_than_who_is_named(service: Service, client: MemoryClient) -> None:
    class User:
        identity = "noor"

    server: Any = ServerInfo(assistant_id="a", graph_id="g", user=User())  # type: ignore[arg-type]
    state: Any = {"messages": [HumanMessage("A snack?", id="m-1")]}
    middleware(client).before_agent(state, Runtime(context=Who("maya", "s-1"), server_info=server))
    assert [question.user_id for question in service.questions] == ["noor"]


def test_blocks_of_a_prompt_stay_as_they_are(service: Service, client: MemoryClient) -> None:
    fake = model("Grapes.")
    block = {"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}
    agent = create_agent(fake, system_prompt=SystemMessage([block]), middleware=[middleware(client)])
    agent.invoke(ASKED, CONFIG)
    first, last = list(fake.given[0][0].content)
    assert first == block
    assert REMEMBERED in last["text"]  # type: ignore[index]
    assert service.questions


def test_a_run_that_waits_for_a_person_is_published_when_it_is_over(service: Service, client: MemoryClient) -> None:
    fake = model(calls_tool(), "Take an umbrella.")
    asks = HumanInTheLoopMiddleware(interrupt_on={"weather": True})
    agent = create_agent(fake, [weather], middleware=[middleware(client), asks], checkpointer=InMemorySaver())

    agent.invoke(ASKED, CONFIG)
    assert service.published() == []
    agent.invoke(Command(resume={"decisions": [{"type": "approve"}]}), CONFIG)

    assert service.said() == [[("user", "A snack for me?"), ("assistant", "Take an umbrella.")]]
    assert all(REMEMBERED in prompt for prompt in prompts(fake))


def test_a_run_whose_model_fails_is_published_as_far_as_it_came(service: Service, client: MemoryClient) -> None:
    agent = create_agent(model(Broke()), middleware=[middleware(client)])
    with pytest.raises(Broke):
        agent.invoke(ASKED, CONFIG)
    [event] = service.published()
    assert event["metadata"] == {"interrupted": True}
    assert service.said() == [[("user", "A snack for me?")]]


@pytest.mark.parametrize("awaited", [True, False], ids=["awaited", "not awaited"])
def test_a_run_whose_tools_fail_is_published_as_far_as_it_came(
    service: Service, client: MemoryClient, awaited: bool
) -> None:
    @tool("weather")
    def fails(city: str) -> str:
        """The weather of a city."""
        raise Broke(city)

    twice = AIMessage(
        "I look.", tool_calls=[calls_tool().tool_calls[0] | {"id": f"call-{number}"} for number in (1, 2)]
    )
    agent = create_agent(model(twice), [fails], middleware=[middleware(client)])
    with pytest.raises(Broke):
        asyncio.run(agent.ainvoke(ASKED, CONFIG)) if awaited else agent.invoke(ASKED, CONFIG)
    assert len({event["event_id"] for event in service.published()}) == 1
    assert service.published()[0]["metadata"] == {"interrupted": True}
    assert service.said()[0] == [("user", "A snack for me?"), ("assistant", "I look.")]


def test_attempts_of_a_model_that_fails_are_one_event(service: Service, client: MemoryClient) -> None:
    class Fails(Model):
        def _generate(self, *_: Any, **__: Any) -> Any:
            raise Broke

    retry = ModelRetryMiddleware(max_retries=1, initial_delay=0, on_failure="error", jitter=False)
    agent = create_agent(Fails(messages=iter(())), middleware=[retry, middleware(client)])
    with pytest.raises(Broke):
        agent.invoke(ASKED, CONFIG)
    assert len({event["event_id"] for event in service.published()}) == 1


def test_a_cancelled_run_is_published_as_far_as_it_came(service: Service, redis_url: str) -> None:
    async def use() -> None:
        asking = asyncio.Event()

        class Hangs(Model):
            async def _agenerate(self, *_: Any, **__: Any) -> Any:
                asking.set()
                await asyncio.Event().wait()

        async with AsyncMemoryClient(redis_url) as client:
            agent = create_agent(Hangs(messages=iter(())), middleware=[middleware(client)])
            run = asyncio.create_task(agent.ainvoke(ASKED, CONFIG))
            await asking.wait()
            run.cancel()
            with pytest.raises(asyncio.CancelledError):
                await run

    asyncio.run(use())
    [event] = service.published()
    assert event["metadata"] == {"interrupted": True}


@pytest.mark.parametrize("on", ["empty", "raise"])
def test_an_agent_needs_no_memory(on: Any) -> None:
    client = MemoryClient(f"redis://127.0.0.1:{free_port()}/0", settings=ClientSettings(on_unavailable=on))
    agent = create_agent(model("Grapes."), middleware=[middleware(client)])
    assert agent.invoke(ASKED, CONFIG)["messages"][-1].text == "Grapes."
    client.close(timeout=0)


@pytest.mark.parametrize("config", [{}, {"configurable": {"user_id": ""}}, {"configurable": {"user_id": "a\nb"}}])
def test_a_run_of_nobody_goes_on(service: Service, client: MemoryClient, config: Any) -> None:
    agent = create_agent(model("Grapes."), middleware=[middleware(client)])
    assert agent.invoke(ASKED, config)["messages"][-1].text == "Grapes."
    assert service.published() == []


def test_an_agent_that_does_not_await_goes_on_with_a_client_that_does(service: Service, redis_url: str) -> None:
    agent = create_agent(model("Grapes."), middleware=[middleware(AsyncMemoryClient(redis_url))])
    assert agent.invoke(ASKED, CONFIG)["messages"][-1].text == "Grapes."
    assert service.published() == []


def test_odd_messages_and_summaries_are_left_out(service: Service, client: MemoryClient) -> None:
    agent = create_agent(model("Grapes."), middleware=[middleware(client)])
    summary = HumanMessage("They talked about food.", additional_kwargs={"lc_source": "summarization"})
    picture = HumanMessage([{"type": "image", "url": "https://example.org/nut.png"}])
    agent.invoke(thread(summary, picture, HumanMessage("A snack?")), CONFIG)
    assert service.said() == [[("user", "A snack?"), ("assistant", "Grapes.")]]


def test_one_thread_reminds_another_of_what_was_said(redis_url: str, client: MemoryClient, workshop: Workshop) -> None:
    with working(redis_url, workshop) as service:
        fake = model("Noted.", "Grapes, without peanuts.")
        agent = create_agent(fake, middleware=[middleware(client, recall={"token_budget": 500})])
        agent.invoke(thread(("user", "I'm allergic to peanuts.")), CONFIG)
        take_in(service, workshop)

        friday: Any = {"configurable": {"user_id": "maya", "thread_id": "t-10"}}
        agent.invoke(thread(("user", "A snack without peanuts?")), friday)
        [prompt] = prompts(fake)
        assert "I'm allergic to peanuts." in prompt

        retriever = MemoryRetriever(client=client)
        [found, *_] = retriever.invoke("peanuts", friday)
        assert found.page_content == "I'm allergic to peanuts."
        assert (found.metadata["kind"], found.metadata["user_id"]) == ("excerpt", "maya")
        assert found.id
        again = asyncio.run(retriever.ainvoke("peanuts", friday))
        assert next(document.id for document in again) == found.id
        assert retriever.invoke("peanuts") == [], "nobody's"


def test_the_example(service: Service, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERWORD_REDIS_URL", redis_url)
    fake = model("Grapes.")
    shown = example("langchain_agent")
    assert shown["answer"](shown["planner"](fake), "maya", "A snack?") == "Grapes."
    assert REMEMBERED in prompts(fake)[0]
    assert service.said() == [[("user", "A snack?"), ("assistant", "Grapes.")]]
