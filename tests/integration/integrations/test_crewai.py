"""A crew of CrewAI with memory in it: the library as it is, with a fake model. It is run by hand: see
docs/integrations.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("crewai")

from crewai import Agent, BaseLLM, Crew, Task
from crewai.memory.external.external_memory import ExternalMemory

from afterword.integrations.crewai import AfterwordStorage
from afterword.producers import ClientSettings, MemoryClient
from afterword.schemas import ContextReply, Memory
from afterword.schemas.wire import Queue
from afterword.workers.embedded.redis_server import free_port
from tests.support.fake_worker import FakeWorker
from tests.support.remembering import REMEMBERED, Service, example

PEANUTS = Memory.model_validate(
    {"id": "m-1", "text": REMEMBERED, "scope": "user", "kind": "fact", "occurred_at": "2026-05-01T12:00:00Z"}
)


class Model(BaseLLM):  # type: ignore[misc, unused-ignore]
    """Answers in turn. It keeps the messages that it was given, as text."""

    def __init__(self, *answers: str) -> None:
        super().__init__("fake")
        self.given: list[str] = []
        self._answers = list(answers)

    def call(self, messages: Any, *_: Any, **__: Any) -> str:
        self.given.append(str(messages))
        return f"Thought: I now can give a great answer\nFinal Answer: {self._answers.pop(0)}"


@pytest.fixture
def service(redis_url: str) -> Iterator[Service]:
    with FakeWorker(redis_url, Queue.CONTEXT, lambda _: ContextReply(memories=(PEANUTS,))) as worker:
        yield Service(redis_url, worker)


@pytest.fixture
def client(redis_url: str) -> Iterator[MemoryClient]:
    with MemoryClient(redis_url) as client:
        yield client


def kickoff(client: Any, llm: Any, *tasks: str, **storage: Any) -> str:
    about: dict[str, Any] = {"user_id": "maya", "agent_id": "planner", "session_id": "t-9", **storage}
    agent = Agent(role="Planner", goal="Plan", backstory="Plans.", llm=llm)
    crew = Crew(
        agents=[agent],
        tasks=[Task(description=task, expected_output="A sentence", agent=agent) for task in tasks],
        external_memory=ExternalMemory(storage=AfterwordStorage(client, **about)),
    )
    return str(crew.kickoff().raw)


def test_each_task_is_given_memories_and_published(service: Service, client: MemoryClient) -> None:
    llm = Model("Grapes.", "Two.")
    assert kickoff(client, llm, "A snack for me?", "How many?", recall={"token_budget": 500}) == "Two."
    assert REMEMBERED in llm.given[0]
    question: Any = service.questions[0]
    assert (question.user_id, question.agent_id, question.session_id) == ("maya", "planner", "t-9")
    assert (question.query, question.token_budget, question.limit) == ("A snack for me?", 500, 5)
    assert service.said() == [
        [("user", "A snack for me?"), ("assistant", "Grapes.")],
        [("user", "How many?"), ("assistant", "Two.")],
    ]


@pytest.mark.parametrize("on", ["empty", "raise"])
def test_a_crew_needs_no_memory(on: Any) -> None:
    client = MemoryClient(f"redis://127.0.0.1:{free_port()}/0", settings=ClientSettings(on_unavailable=on))
    assert kickoff(client, Model("Grapes."), "A snack?") == "Grapes."
    client.close(timeout=0)


@pytest.mark.parametrize("user_id", [None, "", "a\nb"])
def test_a_run_of_nobody_goes_on(service: Service, client: MemoryClient, user_id: Any) -> None:
    assert kickoff(client, Model("Grapes."), "A snack?", user_id=user_id) == "Grapes."
    assert service.published() == []


def test_a_copied_crew_shares_the_client_and_a_reset_clears_nobody(service: Service, client: MemoryClient) -> None:
    memory = ExternalMemory(storage=AfterwordStorage(client, user_id="maya"))
    copied = memory.model_copy(deep=True)
    assert copied.storage is memory.storage
    copied.reset()
    copied.storage.save(None, {})
    copied.storage.save("Grapes.", None)
    assert service.said() == [[("assistant", "Grapes.")]]


def test_the_example(service: Service, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERWORD_REDIS_URL", redis_url)
    llm = Model("Grapes.")
    assert example("crewai_crew")["answer"](llm, "maya", "A snack?") == "Grapes."
    assert REMEMBERED in llm.given[0]
    assert service.said() == [[("user", "Answer in two sentences: A snack?"), ("assistant", "Grapes.")]]
