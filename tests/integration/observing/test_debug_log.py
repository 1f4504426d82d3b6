"""The log of memory operations: what was done, to whom, how long it took; never what a person said."""

from __future__ import annotations

import json
import logging
import re

import pytest

from afterword.producers import MemoryClient
from afterword.workers.runtime import logs
from afterword.workers.runtime.roles import Role, start_role
from afterword.workers.runtime.settings import Settings
from tests.fixtures.workshops import OpenWorkshop
from tests.support.workshop import Workshop, event, question

SAID = "I play the theorbo in Lisbon."
USER = "ann@example.org"


def remembered(workshop: Workshop) -> None:
    workshop.take_in(event(SAID, user=USER, event_id="e1"))
    workshop.due_now()
    workshop.extract_all()
    workshop.ask(question("Which theorbo?", user=USER))


def told(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("afterword"))


def test_debug_shows_every_memory_operation(open_workshop: OpenWorkshop, caplog: pytest.LogCaptureFixture) -> None:
    workshop = open_workshop()
    with caplog.at_level(logging.DEBUG, "afterword"):
        remembered(workshop)
    log = told(caplog)
    inserted = {memory.id for memory in workshop.memories()}
    assert inserted
    assert all(memory_id in log for memory_id in inserted)
    who = r"user [0-9a-f]{12}"
    assert re.search(rf"event e1 of {who}: stored, record [\d.]+ ms", log)
    assert re.search(rf"memories of {who}: inserted ", log)
    assert re.search(rf"extraction of {who}: done, .*llm [\d.]+ ms", log)
    assert re.search(rf"memories of {who}.*: \d+ searches found \[", log)
    assert re.search(r"vector store: (insert|search) took [\d.]+ ms", log)


def test_debug_tells_nothing_that_was_said_and_no_name(
    open_workshop: OpenWorkshop, caplog: pytest.LogCaptureFixture
) -> None:
    workshop = open_workshop()
    with caplog.at_level(logging.DEBUG, "afterword"):
        remembered(workshop)
    log = told(caplog).lower()
    assert log
    assert not [word for word in ("theorbo", "lisbon", "ann@example", "sk-") if word in log]


def test_debug_shows_what_a_context_was_answered_with(
    open_workshop: OpenWorkshop, redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    workshop = open_workshop()
    workshop.take_in(event(SAID, user=USER, event_id="e1"))
    logs.configure(Settings(log_format="json", log_level="DEBUG"))
    role = start_role(Role.CONTEXT, workshop.house)
    try:
        with MemoryClient(redis_url) as client:
            context = client.context(USER, query="theorbo", timeout=5)
    finally:
        role.stop(5)
    everything = capsys.readouterr().err
    lines = [json.loads(line)["event"] for line in everything.splitlines() if line.startswith("{")]
    [line] = [line for line in lines if line.startswith("context: ")]
    assert line.startswith("context: answered" if context.memories else "context: empty")
    assert "'total'" in line
    assert all(memory.id in line for memory in context.memories)
    assert "theorbo" not in everything
    assert USER not in everything


def test_otherwise_there_is_no_line_an_operation(open_workshop: OpenWorkshop, caplog: pytest.LogCaptureFixture) -> None:
    workshop = open_workshop()
    with caplog.at_level(logging.INFO, "afterword"):
        remembered(workshop)
    assert "inserted" not in told(caplog)
    assert " ms" not in told(caplog)
