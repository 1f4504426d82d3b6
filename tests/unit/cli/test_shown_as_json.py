"""`--json` shows words of anybody: they steer no terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from afterword.cli.app import app
from afterword.producers.line import SharedLine
from afterword.schemas import ConversationState, Kind, Memory, Scope
from afterword.schemas.answers import MemoryHistory, MemoryProvenance, MemoryVersion
from afterword.schemas.erasures import ErasureReceipt, ErasureState, ErasureStatus, Residue
from afterword.schemas.export import ExportedMemory, ExportLine, ExportPage

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
STEERING = "\x9b31m\u202eforged"

MEMORY = Memory(id="m1", text=STEERING, scope=Scope.USER, kind=Kind.NOTE, occurred_at=NOON)
VERSION = MemoryVersion(number=1, text=STEERING, metadata={}, since=NOON)
RESIDUE = Residue(clean=True, scanned_at=NOON, ids=0, phrases=0, places={}, not_looked_into=())
RECEIPT = ErasureReceipt(
    erasure_id="e",
    subject="s",
    asked_by=STEERING,
    requested_at=NOON,
    finished_at=NOON,
    learned="removed",
    removed={},
    residue=RESIDUE,
)
ANSWERS: dict[type[Any], Any] = {
    type(answer): answer
    for answer in (
        MEMORY,
        MemoryHistory(memory_id="m1", versions=(VERSION,)),
        MemoryProvenance(memory_id="m1", kind=Kind.NOTE, by=STEERING, occurred_at=NOON, created_at=NOON),
        ConversationState(event_id=STEERING, status="dead", searchable=False, reason=STEERING, received_at=NOON),
        ErasureState(erasure_id="e", status=ErasureStatus.DONE, requested_at=NOON, receipt=RECEIPT),
        ExportPage(lines=(ExportLine(type="memory", memory=ExportedMemory(memory=MEMORY)),)),
    )
}


@pytest.mark.parametrize(
    "command",
    [
        ["memories", "correct", "ann", "m1", "new", "--json"],
        ["memories", "history", "ann", "m1", "--json"],
        ["memories", "provenance", "ann", "m1", "--json"],
        ["conversation", "ann", "e1", "--json"],
        ["users", "erase", "ann"],
        ["users", "export", "ann"],
    ],
    ids=" ".join,
)
def test_it_says_the_same_in_characters_that_can_be_shown(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SharedLine, "ask", lambda _, call, __: ANSWERS[call.answer])
    shown = CliRunner().invoke(app, command).output
    assert not {"\x9b", "\u202e"} & set(shown)
    assert "forged" in shown
    assert STEERING in json.dumps(json.loads(shown), ensure_ascii=False)
