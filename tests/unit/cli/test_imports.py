"""Files that `afterword users import` reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from afterword.cli.imports import ImportFile, memories_in_steps, read_file
from afterword.schemas import InvalidInput

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
    assert memory == {
        **{name: MEMORY[name] for name in MEMORY if name not in ("source", "score")},
        "event_id": "e",
        "message": 1,
    }
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
    assert (found.user_id, found.memories[0]["session_id"]) == ("ann", "t")
    assert found.memories[1] == {
        "id": "2",
        "text": "Sails",
        "occurred_at": "2026-05-01T12:00:00Z",
        "metadata": {"b": 1},
    }
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
