"""Files that hold memories or chats: our own export, mem0's `get_all`, and messages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from afterword.schemas import InvalidInput
from afterword.schemas.errors import described
from afterword.schemas.export import EXPORT_FORMAT

# Never changed: a chat that is imported again must get the id that it got before.
_NAMESPACE = UUID("7f0f1c1a-0d55-4a39-8d0d-6a2f0a5c3f52")
_KEPT = ("session_id", "role", "metadata", "kind", "scope")
_MEMORY_ID = ("event_id", "message")


@dataclass(frozen=True, slots=True)
class ImportFile:
    """The content of a file: memories and conversations as the fields of our requests, and whether their user objects.

    `user_id` is whose they are, where the file says so.
    """

    user_id: str | None
    memories: tuple[dict[str, Any], ...] = ()
    conversations: tuple[dict[str, Any], ...] = ()
    objects: bool = False


def read_file(file: Path) -> ImportFile:
    """Read a file in any of the three formats. Raises: InvalidInput, naming what is wrong with it."""
    text = file.read_text(encoding="utf-8-sig", errors="replace")
    # Not `splitlines`: the texts in JSON may hold separators that it takes for the end of a line.
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    begin = _json(lines[0][1]) if lines else None
    if isinstance(begin, dict) and begin.get("type") == "header":
        return _export(lines)
    whole = _json(text)
    if whole is None:
        whole = [_json(line) for _, line in lines]
    listed = whole.get("results", [whole]) if isinstance(whole, dict) else whole
    if not isinstance(listed, list) or not listed or not all(isinstance(each, dict) for each in listed):
        raise InvalidInput("file", "no JSON that is known", "must be an export, mem0's get_all, or messages")
    if all("memory" in each for each in listed):
        return _mem0(listed)
    if all("role" in each for each in listed):
        listed = [{"messages": listed}]
    if all("messages" in each for each in listed):
        return ImportFile(None, conversations=tuple(_chat(each) for each in listed))
    raise InvalidInput("file", "no JSON that is known", "must be an export, mem0's get_all, or messages")


def _export(numbered: Sequence[tuple[int, str]]) -> ImportFile:
    lines = [_object(_json(line), f"line {number}") for number, line in numbered]
    header = _object(lines[0].get("header"), "header")
    if header.get("format") != EXPORT_FORMAT or header.get("version") != 1:
        raise InvalidInput("header", "another format", f"must be {EXPORT_FORMAT}, version 1")
    if lines[-1].get("type") != "end":
        raise InvalidInput("file", "an export without its end", "export it once more: it was cut off")
    told = [_object(each.get("memory"), "memory") for each in lines if each.get("type") == "memory"]
    memories = [_object(each.get("memory"), "memory") for each in told]
    wishes = [_object(each.get("wishes"), "wishes") for each in lines if each.get("type") == "wishes"]
    objects = any(each.get("memory_enabled") is False for each in wishes)
    return ImportFile(header.get("user_id"), tuple(_own(each) for each in memories), objects=objects)


def _own(memory: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: memory[name] for name in ("id", "text", "occurred_at", *_KEPT) if memory.get(name) is not None}
    source = _object(memory.get("source") or {}, "source")
    return given | {name: source[name] for name in _MEMORY_ID if source.get(name) is not None}


def _mem0(listed: list[Any]) -> ImportFile:
    users = {user if isinstance(user := each.get("user_id"), str) else None for each in listed}
    given = []
    for each in listed:
        # Objects in mem0's metadata have no place here: ours is flat.
        told = _object(each.get("metadata") or {}, "metadata").items()
        flat = {name: value for name, value in told if value is None or isinstance(value, str | int | float | bool)}
        memory = {"id": each.get("id"), "text": each["memory"], "occurred_at": each.get("created_at"), "metadata": flat}
        given.append({**memory, **({"session_id": each["run_id"]} if each.get("run_id") else {})})
    return ImportFile(users.pop() if len(users) == 1 else None, tuple(given))


def _chat(given: Mapping[str, Any]) -> dict[str, Any]:
    told = json.dumps(given, sort_keys=True)
    return {"event_id": str(uuid5(_NAMESPACE, told)), **given}


def memories_in_steps(file: ImportFile, size: int) -> Iterator[tuple[dict[str, Any], ...]]:
    """The memories, `size` at a time."""
    for start in range(0, len(file.memories), size):
        yield file.memories[start : start + size]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    # RecursionError: nested more deeply than the decoder goes.
    except (ValueError, RecursionError):
        return None


def _object(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidInput(name, described(value), "must be an object of JSON")
    return value
