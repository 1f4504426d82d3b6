"""Files that `afterword users import` reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from afterword.cli import users
from afterword.cli.imports import ImportFile, memories_in_steps, read_file
from afterword.producers import MemoryClient
from afterword.schemas import InvalidInput, MemoryUnavailable
from afterword.schemas.imports import GivenMemory
from tests.support.ports import quiet_port

HEADER = {"type": "header", "header": {"format": "afterword-export", "version": 1, "user_id": "ann"}}
MEMORY = {
    "id": "7d3f",
    "text": "Ann lives in Rome",
    "kind": "fact",
    "scope": "user",
    "occurred_at": "2026-05-01T12:00:00Z",
    "source": {"event_id": "e", "message": 1},
    "score": None,
}


def read(folder: Path, *lines: Any) -> ImportFile:
    file = folder / "file"
    file.write_text("\n".join(each if isinstance(each, str) else json.dumps(each) for each in lines), "utf-8")
    return read_file(file)


def test_an_export_of_ours(tmp_path: Path) -> None:
    wishes = {"type": "wishes", "wishes": {"user_id": "ann", "memory_enabled": False}}
    found = read(tmp_path, HEADER, wishes, {"type": "memory", "memory": {"memory": MEMORY}}, {"type": "end"})
    assert (found.user_id, found.objects) == ("ann", True)
    [memory] = found.memories
    assert memory == GivenMemory(
        id="7d3f", text="Ann lives in Rome", occurred_at=MEMORY["occurred_at"], event_id="e", message=1
    )
    with pytest.raises(InvalidInput, match="cut off"):
        read(tmp_path, HEADER, wishes)
    with pytest.raises(InvalidInput, match="version 1"):
        read(tmp_path, {"type": "header", "header": {"format": "afterword-export", "version": 2}}, {"type": "end"})


def test_what_get_all_of_mem0_gives(tmp_path: Path) -> None:
    listed = [
        {"id": "1", "memory": "Likes tea", "user_id": "ann", "run_id": "t", "created_at": "2026-05-01T12:00:00Z"},
        {
            "id": "2",
            "memory": "Sails",
            "user_id": "ann",
            "created_at": "2026-05-01T12:00:00Z",
            "metadata": {"a": {}, "b": 1},
        },
    ]
    found = read(tmp_path, {"results": listed})
    assert (found.user_id, found.memories[0].session_id) == ("ann", "t")
    assert found.memories[1] == GivenMemory(id="2", text="Sails", occurred_at="2026-05-01T12:00:00Z", metadata={"b": 1})
    assert read(tmp_path, listed) == found
    assert [len(step) for step in memories_in_steps(found, 1)] == [1, 1]


def test_chats_keep_their_ids(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "Hi"}]
    [chat] = read(tmp_path, messages).conversations
    assert read(tmp_path, {"messages": messages}).conversations == (chat,)
    assert chat["messages"] == messages
    lines = read(tmp_path, {"messages": messages}, {"messages": messages, "event_id": "mine"}).conversations
    assert [each["event_id"] for each in lines] == [chat["event_id"], "mine"]


@pytest.mark.parametrize("text", ["", "nonsense", "[]", "[1]", '{"a": 1}'])
def test_anything_else_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInput, match="mem0's get_all"):
        read(tmp_path, text)


@pytest.mark.parametrize("parting", ["\u2028", "\x85", "\x0b", "\x1c"])
def test_a_text_may_hold_what_elsewhere_ends_a_line(tmp_path: Path, parting: str) -> None:
    memory = {**MEMORY, "text": f"Rome{parting}Oslo"}
    export = [HEADER, {"type": "memory", "memory": {"memory": memory}}, {"type": "end"}]
    chat = {"messages": [{"role": "user", "content": f"Rome{parting}Oslo"}]}
    exported = read(tmp_path, *(json.dumps(each, ensure_ascii=False) for each in export))
    assert [each.text for each in exported.memories] == [memory["text"]]
    said = read(tmp_path, *(json.dumps(chat, ensure_ascii=False) for _ in range(2)))
    assert [each["messages"] for each in said.conversations] == [chat["messages"]] * 2


def test_a_line_of_an_export_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="line 2"):
        read(tmp_path, HEADER, '{"type": "memory", "mem', {"type": "end"})


def test_an_editors_mark_before_the_file_is_no_part_of_it(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text(json.dumps([{"role": "user", "content": "Hi"}]), "utf-8-sig")
    assert len(read_file(file).conversations) == 1


def test_a_user_who_is_no_text_is_not_named(tmp_path: Path) -> None:
    memory = {"id": "1", "memory": "Likes tea", "created_at": "2026-05-01T12:00:00Z", "user_id": ["ann"]}
    assert read(tmp_path, [memory]).user_id is None


def test_what_cannot_be_read_costs_itself_alone(tmp_path: Path) -> None:
    good = {"id": "1", "memory": "Likes tea", "created_at": "2026-05-01T12:00:00Z"}
    found = read(tmp_path, [good, {**good, "created_at": "once"}, 5])
    assert [each.text for each in found.memories] == ["Likes tea"]
    assert [each.split(":")[0] for each in found.refused] == ["item 2", "item 3"]
    export = read(
        tmp_path, HEADER, {"type": "memory"}, {"type": "memory", "memory": {"memory": MEMORY}}, {"type": "end"}
    )
    assert (len(export.memories), export.refused[0][:6]) == (1, "line 2")


ODD: list[list[Any]] = [
    [{"type": "header", "header": 5}, {"type": "end"}],
    [HEADER, {"type": "memory"}, {"type": "end"}],
    [HEADER, {"type": "memory", "memory": {"memory": None}}, {"type": "end"}],
    [HEADER, {"type": "memory", "memory": {"memory": {**MEMORY, "source": "e"}}}, {"type": "end"}],
    [HEADER, {"type": "wishes", "wishes": None}, {"type": "end"}],
    [[{"memory": "Likes tea", "metadata": ["a"]}]],
    ["[" * 100_000],
]


@pytest.mark.parametrize("lines", ODD)
def test_odd_values_are_refused_in_words(tmp_path: Path, lines: list[Any]) -> None:
    with pytest.raises(InvalidInput):
        read(tmp_path, *lines)


def test_chats_that_redis_did_not_take_are_not_told_as_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFTERWORD_REDIS_URL", f"redis://127.0.0.1:{quiet_port()}/0")
    monkeypatch.setattr(MemoryClient, "flush", lambda *_: False)  # at once, and not after ten seconds
    file = tmp_path / "chat.json"
    file.write_text(json.dumps([{"role": "user", "content": "Hi"}]), "utf-8")
    told = CliRunner().invoke(users.app, ["import", str(file), "--user", "ann"])
    assert isinstance(told.exception, MemoryUnavailable)
    assert "published" not in told.output
