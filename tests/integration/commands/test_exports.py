"""The export of a person: everything that is kept of them, and nothing of anybody else."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from afterword.schemas import AddMemory, Command, InvalidInput, Kind
from afterword.schemas.commands import UpdateMemory
from afterword.schemas.export import ExportLine, ExportUser
from afterword.schemas.imports import ImportMemories
from afterword.schemas.users import SetUser
from afterword.workers.core.errors import Denied
from tests.support.fake_openai import Fact, FakeOpenAI, given
from tests.support.workshop import REPLY_TO, Workshop, event


def run(workshop: Workshop, command: type[Any], **given: Any) -> Any:
    made: Command = command(reply_to=REPLY_TO, **{"user_id": "ann", **given})
    return workshop.house.commands.commands(workshop.broker).run(made)


def export(workshop: Workshop, **more: Any) -> list[ExportLine]:
    lines: list[ExportLine] = []
    cursor = None
    while True:
        page = run(workshop, ExportUser, cursor=cursor, **more)
        lines += page.lines
        cursor = page.next_cursor
        if cursor is None:
            return lines


def test_all_that_is_kept_comes_once_and_with_where_it_is_from(workshop: Workshop, llm: FakeOpenAI) -> None:
    llm.answer_with(given(Fact("Ann lives in Rome")))
    workshop.take_in(event("I live in Rome.", session_id="s", event_id="e1"), event("Thanks.", event_id="e2"))
    workshop.take_in(event("I live in Paris.", user="bob"))
    workshop.extract_all()
    note = run(workshop, AddMemory, text="Likes tea")
    run(workshop, UpdateMemory, memory_id=note.id, text="Likes coffee")
    run(workshop, SetUser, memory_enabled=True)

    lines = export(workshop, limit=2, asked_by="an-admin")

    assert (lines[0].type, lines[-1].type) == ("header", "end")
    kinds = Counter(line.type for line in lines)
    audited = len(workshop.audited())
    assert kinds == {
        "header": 1,
        "wishes": 1,
        "profile": 1,
        "memory": 4,
        "conversation": 2,
        "end": 1,
        "audit": audited,
    }
    told = {line.memory.memory.text: line.memory for line in lines if line.memory}
    assert set(told) == {"I live in Rome.", "Thanks.", "Ann lives in Rome", "Likes coffee"}
    fact = told["Ann lives in Rome"]
    assert (fact.memory.kind, fact.source, fact.model) == (Kind.FACT, "conversation", "fake-model")
    assert [each.text for each in told["Likes coffee"].versions] == ["Likes coffee", "Likes tea"]
    said = {line.conversation.event_id: line.conversation for line in lines if line.conversation}
    assert [turn.text for turn in said["e1"].turns] == ["I live in Rome."]
    assert (said["e1"].session_id, said["e1"].status) == ("s", "done")
    acts = [line.audit for line in lines if line.audit]
    assert (acts[-1].type, acts[-1].metadata) == ("user_export", {"by": "an-admin"})
    assert "Paris" not in str(lines)


def test_a_person_of_whom_nothing_is_known(workshop: Workshop) -> None:
    assert [line.type for line in export(workshop)] == ["header", "wishes", "profile", "audit", "end"]


def test_it_is_the_persons_own(workshop: Workshop) -> None:
    with pytest.raises(Denied):
        run(workshop, ExportUser, by="bob")
    for cursor in ("nonsense", "audit:x", "memories:x", "other:1"):
        with pytest.raises(InvalidInput, match="cursor"):
            run(workshop, ExportUser, cursor=cursor)


def imported(workshop: Workshop, **more: Any) -> tuple[int, int]:
    given = [
        {
            "id": "m0-1",
            "text": "Ann lives in Rome",
            "occurred_at": "2025-04-01T08:00:00Z",
            "metadata": {"mood": "good"},
        },
        {"id": "m0-2", "text": "I sail.", "kind": "excerpt", "occurred_at": "2025-04-02T08:00:00Z", "role": "user"},
    ]
    done = run(workshop, ImportMemories, memories=given, **more)
    return done.added, done.known


def test_memories_of_elsewhere_come_once(workshop: Workshop) -> None:
    assert imported(workshop) == (2, 0)
    assert imported(workshop) == (0, 2)
    assert imported(workshop, user_id="bob") == (2, 0)
    [fact] = workshop.memories(user_id="ann", kind=Kind.FACT)
    assert (fact.text, fact.metadata, fact.occurred_at.year) == ("Ann lives in Rome", {"mood": "good"}, 2025)
    rows = [row for row in workshop.audited() if row.type == "user_import"]
    assert [(row.result_count, row.metadata["by"]) for row in rows] == [(2, "ann"), (0, "ann")]


def test_what_was_exported_here_and_is_still_there_is_known(workshop: Workshop) -> None:
    note = run(workshop, AddMemory, text="Likes tea")
    given = [{"id": note.id, "text": "Likes tea", "kind": "note", "occurred_at": note.occurred_at}]
    done = run(workshop, ImportMemories, memories=given)
    assert (done.added, done.known) == (0, 1)


def test_nothing_is_imported_of_who_objects(workshop: Workshop) -> None:
    run(workshop, SetUser, memory_enabled=False)
    with pytest.raises(Denied):
        imported(workshop)
    assert workshop.texts() == []
