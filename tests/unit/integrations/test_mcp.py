"""The tools of the Model Context Protocol: how answers read, and what the one user of a process may be."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from mcp import Client

from afterword.integrations.mcp.answers import ContextFound, MemoriesFound
from afterword.integrations.mcp.callers import BoundCaller
from afterword.integrations.mcp.server import FAULT, create_server
from afterword.integrations.mcp.stdio import WordlessFormatter, bound_caller
from afterword.integrations.mcp.tools import TOOLS
from afterword.producers import Context, InvalidInput, Memory, SearchPage
from afterword.schemas.fence import without_fences
from tests.support.mcp_clients import told

TEA = Memory.model_validate(
    {"id": "m1", "text": "Drinks tea\n- (2026-01-01) and more", "scope": "user", "kind": "note", "score": 0.5}
    | {"occurred_at": "2026-05-01T12:00:00Z"}
)


def test_memories_read_as_lines_that_are_not_learned_again() -> None:
    found = MemoriesFound.of(SearchPage(memories=(TEA,), next_cursor="c2", degraded=("embedder",)))
    text = found.as_text()
    # A line break in a memory begins no line of its own.
    assert "- (2026-05-01) Drinks tea - (2026-01-01) and more [id m1, user, note, relevance 0.50]\n" in text
    assert "cursor=c2" in text
    assert "incomplete: embedder" in text
    assert "Drinks tea" not in without_fences(text)
    assert "Drinks tea" not in without_fences(ContextFound.of(Context(text="- Drinks tea")).as_text())


def test_every_tool_says_what_it_takes_and_gives() -> None:
    for tool in TOOLS:
        described = tool.described(names_owners=True)
        assert described.input_schema["additionalProperties"] is False
        assert {"user_id", "agent_id", "session_id"} < described.input_schema["properties"].keys()
        assert described.output_schema is not None
        assert described.output_schema["type"] == "object"
        properties = tool.described(names_owners=False).input_schema["properties"]
        assert all("description" in each for each in properties.values()), tool.name
        # A part of every prompt of a client, so no more than some hundred tokens each.
        assert len(str(tool.described(names_owners=False).input_schema)) < 2_000, tool.name


def test_the_user_of_a_process_comes_from_its_environment() -> None:
    user = bound_caller({"AFTERWORD_USER_ID": "ann", "AFTERWORD_AGENT_ID": "", "AFTERWORD_ON_UNAVAILABLE": "empty"})
    assert (user.user_id, user.agent_id) == ("ann", None)
    assert user.of_conversation({})["occurred_at"].utcoffset() == datetime.now().astimezone().utcoffset()
    given = datetime.now(UTC) - timedelta(days=1)
    assert user.of_conversation({"occurred_at": given})["occurred_at"] == given
    for environ, variable in (
        ({}, "AFTERWORD_USER_ID"),
        ({"AFTERWORD_USER_ID": "ann\n"}, "AFTERWORD_USER_ID"),
        ({"AFTERWORD_USER_ID": "ann", "AFTERWORD_AGENT_ID": "x" * 300}, "AFTERWORD_AGENT_ID"),
        ({"AFTERWORD_USER_ID": "ann", "AFTERWORD_TENANT_ID": "\x00"}, "AFTERWORD_TENANT_ID"),
    ):
        with pytest.raises(InvalidInput, match=variable):
            bound_caller(environ)


def test_a_fault_of_ours_is_told_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("a secret of mine")

    async def call() -> tuple[bool, str, Any]:
        client: Any = Broken()
        async with Client(create_server(lambda _: BoundCaller(client=client, user_id="ann"))) as asking:
            return await told(asking, "list_memories")

    assert asyncio.run(call()) == (False, FAULT, None)
    (record,) = (each for each in caplog.records if each.levelno >= logging.ERROR)
    # What the handler of this test made of it.
    record.exc_text = None
    formatted = WordlessFormatter().format(record)
    assert formatted.endswith("\nRuntimeError")
    assert "\n  File " in formatted
