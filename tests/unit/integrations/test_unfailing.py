"""Nothing that happens to memory reaches the run that it serves."""

from __future__ import annotations

import asyncio
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from afterword.integrations.unfailing import Participants, UnfailingMemory, latest_question, turns
from afterword.producers import AsyncMemoryClient, Context, InvalidInput, MemoryClient
from afterword.schemas.fence import fenced

MAYA = Participants("maya", "planner", "t-9")


class Recording(MemoryClient):
    """Keeps what it is asked to do, or raises what it is given."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.done: list[dict[str, Any]] = []
        self._error = error

    def context(self, *_: Any, **fields: Any) -> Context:
        return self._do(fields) or Context(text="is in Lyon")

    def publish(self, *_: Any, **fields: Any) -> Any:
        return self._do(fields)

    def _do(self, fields: dict[str, Any]) -> Any:
        if self._error:
            raise self._error
        self.done.append(fields)


@pytest.mark.parametrize("error", [ValueError("my secret"), InvalidInput("user_id", "my secret", "must be an id")])
def test_an_error_is_logged_without_its_words(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    memory = UnfailingMemory(Recording(error))
    assert memory.context(MAYA, "Where?").degraded == ("error",)
    assert asyncio.run(memory.acontext(MAYA, "Where?")).degraded == ("error",)
    memory.publish(MAYA, [("user", "Hi")])
    asyncio.run(memory.apublish(MAYA, [("user", "Hi")]))
    assert len(caplog.records) == 4
    assert "secret" not in caplog.text


def test_a_run_of_nobody_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    memory = UnfailingMemory(client := Recording())

    def broken() -> Participants:
        raise KeyError("user_id")

    with caplog.at_level(logging.WARNING, "afterword.integrations"):
        found = [memory.between(lambda: Participants(None)), memory.between(lambda: Participants(""))]
        found.append(memory.between(broken))
    assert found == [None, None, None]
    assert caplog.text.count("names no user_id") == 1
    assert memory.between(lambda: MAYA) is MAYA
    assert memory.context(None, "Where?") == Context()
    memory.publish(None, [("user", "Hi")])
    assert client.done == []


def test_how_to_choose_memories_is_the_callers_before_the_frameworks() -> None:
    memory = UnfailingMemory(client := Recording(), {"limit": 3})
    memory.context(MAYA, "Where?", limit=5, always=1)
    [asked] = client.done
    assert (asked["limit"], asked["always"], asked["query"], asked["user_id"]) == (3, 1, "Where?", "maya")


def test_a_client_that_awaits_does_not_serve_those_who_do_not(caplog: pytest.LogCaptureFixture) -> None:
    memory = UnfailingMemory(AsyncMemoryClient())
    assert memory.context(MAYA, "Where?").degraded == ("error",)
    assert "give a MemoryClient" in caplog.text


@pytest.mark.parametrize(
    "odd", [None, 5, "text", object(), [None, 5, object()], [{"role": "user"}], [("system", "Hi")]]
)
def test_odd_messages_are_nothing_said(odd: Any) -> None:
    memory = UnfailingMemory(client := Recording())
    memory.publish(MAYA, odd)
    asyncio.run(memory.apublish(MAYA, odd))
    assert client.done == []
    assert turns(odd) == []
    assert latest_question(odd) is None


def test_a_question_is_the_users_own_words() -> None:
    said = [("user", "Where was I?"), ("assistant", "In Lyon."), ("user", fenced("is in Lyon"))]
    assert latest_question(said) == "Where was I?"


def test_every_example_is_run() -> None:
    tests = "".join(file.read_text("utf-8") for file in Path("tests/integration/integrations").glob("test_*.py"))
    assert {file.stem for file in Path("docs/examples/frameworks").glob("*.py")} == set(
        re.findall(r'example\("(\w+)"\)', tests)
    )
