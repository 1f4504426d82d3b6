"""An agent of Google's ADK with memory in it: the library as it is, with a fake model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest

pytest.importorskip("google.adk")

from google.adk.agents import LlmAgent
from google.adk.agents._streaming_mode import StreamingMode
from google.adk.agents.run_config import RunConfig
from google.adk.apps import App
from google.adk.events.event import Event
from google.adk.memory.memory_entry import MemoryEntry
from google.adk.models.base_llm import BaseLlm
from google.adk.models.llm_request import LlmRequest
from google.adk.models.llm_response import LlmResponse
from google.adk.runners import Runner
from google.adk.sessions import InMemorySessionService
from google.adk.tools.preload_memory_tool import PreloadMemoryTool
from google.genai import types
from pydantic import Field

from afterword.integrations.google_adk import AfterwordMemoryService, AfterwordPlugin
from afterword.producers import AfterwordError, AsyncMemoryClient, ClientSettings, MemoryClient
from afterword.schemas import ContextReply, Memory
from afterword.schemas.wire import Queue
from afterword.workers.embedded.redis_server import free_port
from tests.support.fake_worker import FakeWorker
from tests.support.remembering import REMEMBERED, Service, example, take_in, with_client, working
from tests.support.workshop import Workshop

PEANUTS = Memory.model_validate(
    {"id": "m-1", "text": REMEMBERED, "scope": "user", "kind": "fact", "occurred_at": "2026-05-01T12:00:00Z"}
)


class Broke(Exception):
    """The model's own failure."""


class Model(BaseLlm):
    """Answers in turn. It keeps the contents that it was given, as text."""

    model: str = "fake"
    answers: list[Any] = Field(default_factory=list)
    given: list[str] = Field(default_factory=list)

    async def generate_content_async(
        self, llm_request: LlmRequest, stream: bool = False
    ) -> AsyncGenerator[LlmResponse, None]:
        self.given.append(str(llm_request.contents))
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, asyncio.Event):
            answer.set()
            await asyncio.Event().wait()
        if stream:
            for word in answer.split(" "):
                yield LlmResponse(content=content("model", f"{word} "), partial=True)
        part = types.Part(text=answer) if isinstance(answer, str) else answer
        yield LlmResponse(content=types.Content(role="model", parts=[part]))


def model(*answers: Any) -> Model:
    return Model(answers=list(answers))


def content(role: str, *texts: str) -> types.Content:
    return types.Content(role=role, parts=[types.Part(text=text) for text in texts])


def calls_tool() -> types.Part:
    return types.Part(function_call=types.FunctionCall(name="weather", args={"city": "Lisbon"}))


def weather(city: str) -> str:
    """The weather of a city."""
    return f"Rain in {city}"


@pytest.fixture
def service(redis_url: str) -> Iterator[Service]:
    reply = ContextReply(text="", memories=(PEANUTS,))
    with FakeWorker(redis_url, Queue.CONTEXT, lambda _: reply) as worker:
        yield Service(redis_url, worker)


class Chat:
    """A runner with our service and plugin."""

    def __init__(self, client: Any, fake: Model, **more: Any) -> None:
        agent = LlmAgent(name="guide", model=fake, tools=[PreloadMemoryTool(), weather])
        self.sessions = InMemorySessionService()
        self.memory = AfterwordMemoryService(client, **more)
        self.runner = Runner(
            app=App(name="planner", root_agent=agent, plugins=[AfterwordPlugin()]),
            session_service=self.sessions,
            memory_service=self.memory,
            auto_create_session=True,
        )

    async def ask(self, words: str, session_id: str = "t-9", streaming: bool = False, user_id: Any = "maya") -> str:
        """The words of the last event."""
        config = RunConfig(streaming_mode=StreamingMode.SSE if streaming else StreamingMode.NONE)
        asked = content("user", words)
        events = self.runner.run_async(user_id=user_id, session_id=session_id, new_message=asked, run_config=config)
        last = [event async for event in events][-1]
        return "".join(part.text or "" for part in (last.content and last.content.parts) or ())


def test_memories_are_preloaded_and_each_run_is_published(service: Service, redis_url: str) -> None:
    fake = model("Grapes.", "Two.")

    async def use(client: AsyncMemoryClient) -> None:
        chat = Chat(client, fake, recall={"limit": 3})
        assert await chat.ask("A snack for me?") == "Grapes."
        assert await chat.ask("How many?") == "Two."

    with_client(redis_url, use)
    assert REMEMBERED in fake.given[0]
    question, _ = service.questions
    assert (question.user_id, question.agent_id, question.query, question.limit) == (
        *("maya", "planner"),
        *("A snack for me?", 3),
    )
    event, _ = service.published()
    assert (event["user_id"], event["agent_id"], event["session_id"]) == ("maya", "planner", "t-9")
    assert event["messages"][0]["id"]
    assert service.said() == [
        [("user", "A snack for me?"), ("assistant", "Grapes.")],
        [("user", "How many?"), ("assistant", "Two.")],
    ]


def test_a_loop_of_tools_publishes_once(service: Service, redis_url: str) -> None:
    fake = model(calls_tool(), "Take an umbrella.")

    async def use(client: AsyncMemoryClient) -> None:
        await Chat(client, fake, agent_id="guide").ask("Rain in Lisbon?")

    with_client(redis_url, use)
    assert [question.agent_id for question in service.questions] == ["guide"] * 2, "once for each call of the model"
    assert service.said() == [[("user", "Rain in Lisbon?"), ("assistant", "Take an umbrella.")]]


@pytest.mark.parametrize("kind", [AsyncMemoryClient, MemoryClient])
def test_a_streamed_run_is_published_at_its_end(service: Service, redis_url: str, kind: Any) -> None:
    asyncio.run(Chat(kind(redis_url), model("Grapes and nuts.")).ask("A snack?", streaming=True))
    assert service.said() == [[("user", "A snack?"), ("assistant", "Grapes and nuts.")]]


def test_a_run_that_fails_is_published_as_far_as_it_came(service: Service, redis_url: str) -> None:
    async def use(client: AsyncMemoryClient) -> None:
        with pytest.raises(Broke):
            await Chat(client, model(Broke())).ask("A snack?")

    with_client(redis_url, use)
    assert service.said() == [[("user", "A snack?")]]


def test_a_cancelled_run_is_published_with_the_next(service: Service, redis_url: str) -> None:
    async def use(client: AsyncMemoryClient) -> None:
        asking = asyncio.Event()
        chat = Chat(client, model(asking, "Grapes."))
        run = asyncio.create_task(chat.ask("A snack without nuts?"))
        await asking.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        await chat.ask("Well?")

    with_client(redis_url, use)
    assert service.said() == [[("user", "A snack without nuts?"), ("user", "Well?"), ("assistant", "Grapes.")]]


@pytest.mark.parametrize("on", ["empty", "raise"])
def test_an_agent_needs_no_memory(on: Any) -> None:
    async def run() -> str:
        settings = ClientSettings(on_unavailable=on)
        client = AsyncMemoryClient(f"redis://127.0.0.1:{free_port()}/0", settings=settings)
        answer = await Chat(client, model("Grapes.")).ask("A snack?")
        await client.close(timeout=0)
        return answer

    assert asyncio.run(run()) == "Grapes."


def test_a_run_of_nobody_goes_on(service: Service, redis_url: str) -> None:
    async def use(client: AsyncMemoryClient) -> str:
        return await Chat(client, model("Grapes.")).ask("A snack?", user_id="a\nb")

    assert with_client(redis_url, use) == "Grapes."
    assert service.published() == []


def test_events_by_themselves_and_odd_ones(service: Service, redis_url: str) -> None:
    odd = types.Content(role="user", parts=[types.Part.from_bytes(data=b"png", mime_type="image/png")])

    async def use(client: AsyncMemoryClient) -> None:
        memory = AfterwordMemoryService(client)
        events = [
            Event(author="user"),
            Event(author="user", content=odd),
            Event(author="user", content=content("user", "Hi")),
        ]
        about = {"channel": "web", "nested": {"no": 1}}
        await memory.add_events_to_memory(app_name="planner", user_id="maya", events=events, custom_metadata=about)
        await memory.add_events_to_memory(app_name="planner", user_id="maya", events=[])

    with_client(redis_url, use)
    [event] = service.published()
    assert event["metadata"] == {"channel": "web"}
    assert service.said() == [[("user", "Hi")]]


def test_notes_are_written_and_deleted_and_a_failure_is_told(redis_url: str) -> None:
    done: list[Any] = []

    def answer(command: Any) -> Any:
        done.append(command)
        return PEANUTS if command.command == "add" else {"removed": 1}

    async def use(client: Any) -> None:
        memory = AfterwordMemoryService(client)
        entries = [MemoryEntry(content=content("user", "Prefers window seats"))]
        await memory.add_memory(app_name="planner", user_id="maya", memories=entries)

    with FakeWorker(redis_url, Queue.COMMANDS, answer):
        with_client(redis_url, use)
        with MemoryClient(redis_url) as blocking:
            asyncio.run(use(blocking))
    assert [(each.text, each.user_id) for each in done] == [("Prefers window seats", "maya")] * 2

    async def delete() -> None:
        memory = AfterwordMemoryService(AsyncMemoryClient(f"redis://127.0.0.1:{free_port()}/0"))
        await memory.delete_memory(app_name="planner", user_id="maya", memory_id="m-1")

    with pytest.raises(AfterwordError):
        asyncio.run(delete())


def test_one_session_reminds_another_of_what_was_said(redis_url: str, workshop: Workshop) -> None:
    fake = model("Noted.", "Grapes, without peanuts.")
    with working(redis_url, workshop) as service:

        async def use(client: AsyncMemoryClient) -> None:
            chat = Chat(client, fake)
            await chat.ask("I'm allergic to peanuts.", "mon")
            take_in(service, workshop)
            await chat.ask("A snack without peanuts?", "fri")
            [found, *_] = (
                await chat.memory.search_memory(app_name="planner", user_id="maya", query="peanuts")
            ).memories
            assert (found.author, found.custom_metadata["kind"]) == ("user", "excerpt")

        with_client(redis_url, use)
    assert "I'm allergic to peanuts." in fake.given[1]


def test_the_example(service: Service, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERWORD_REDIS_URL", redis_url)
    fake = model("Grapes.")
    shown = example("google_adk_agent")
    assert asyncio.run(shown["answer"](fake, "maya", "A snack?")) == "Grapes."
    assert REMEMBERED in fake.given[0]
    assert service.said() == [[("user", "A snack?"), ("assistant", "Grapes.")]]
