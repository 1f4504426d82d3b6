"""Files that hold memories or chats: our own export, mem0's `get_all`, messages, ChatGPT's export."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from afterword.producers.imports import ImportItem, import_items
from afterword.schemas import InvalidInput
from afterword.schemas.imports import GivenMemory

_MEND = "must be an export, mem0's get_all, messages, or ChatGPT's conversations.json"


@dataclass(frozen=True, slots=True)
class ImportFile:
    """The content of a file: memories, conversations as the fields of events, and whether their user objects.

    `user_id` is whose they are, where the file says so. `left_out` counts messages of chats that are nobody's words,
    `refused` tells of each thing that cannot be read, with its place.
    """

    user_id: str | None
    memories: tuple[GivenMemory, ...] = ()
    conversations: tuple[Mapping[str, Any], ...] = ()
    objects: bool = False
    left_out: int = 0
    refused: tuple[str, ...] = ()


def read_file(file: Path) -> ImportFile:
    """Read a file in any of the formats. Raises: InvalidInput, for one of which nothing can be read, or that was cut
    off.
    """
    text = file.read_text(encoding="utf-8-sig", errors="replace")
    # Not `splitlines`: the texts in JSON may hold separators that it takes for the end of a line.
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    begin = _json(lines[0][1]) if lines else None
    if isinstance(begin, dict) and begin.get("type") == "header":
        return _export(begin, [(f"line {number}", _json(line)) for number, line in lines])
    whole = _json(text)
    if whole is None:
        # A message a line is one chat, as a list of messages is.
        whole = [_json(line) for _, line in lines]
    return _gathered((f"item {number}", each) for number, each in enumerate(import_items(whole), 1))


def _export(begin: Mapping[str, Any], told: list[tuple[str, Any]]) -> ImportFile:
    [header] = import_items(begin)
    if isinstance(header, InvalidInput):
        raise header
    last = told[-1][1]
    if not isinstance(last, dict) or last.get("type") != "end":
        raise InvalidInput("file", "an export without its end", "export it once more: it was cut off")
    found = _gathered((place, item) for place, value in told for item in import_items(value))
    return ImportFile(
        header.user_id, found.memories, objects=found.objects, left_out=found.left_out, refused=found.refused
    )


def _gathered(items: Iterable[tuple[str, ImportItem | InvalidInput]]) -> ImportFile:
    read: list[ImportItem] = []
    refused: list[str] = []
    for place, item in items:
        if isinstance(item, InvalidInput):
            refused.append(f"{place}: {item}")
        else:
            read.append(item)
    useful = [each for each in read if each.memory or each.conversation or each.objects]
    if not useful and (refused or not read):
        raise InvalidInput("file", refused[0] if refused else "no JSON that is known", _MEND)
    owners = {each.user_id for each in read if each.memory}
    return ImportFile(
        owners.pop() if len(owners) == 1 else None,
        tuple(each.memory for each in read if each.memory),
        tuple(each.conversation for each in read if each.conversation),
        objects=any(each.objects for each in read),
        left_out=sum(each.left_out for each in read),
        refused=tuple(refused),
    )


def memories_in_steps(file: ImportFile, size: int) -> Iterator[tuple[GivenMemory, ...]]:
    """The memories, `size` at a time."""
    for start in range(0, len(file.memories), size):
        yield file.memories[start : start + size]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    # RecursionError: nested more deeply than the decoder goes.
    except (ValueError, RecursionError):
        return None
