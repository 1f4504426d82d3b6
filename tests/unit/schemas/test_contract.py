from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel

from afterword.schemas import ContextRequest, ConversationFinished, InvalidEvent
from afterword.schemas.catalogue import parse_command
from afterword.schemas.contract import FOLDER, contract, write

SHIPPED = sorted(FOLDER.glob("*.schema.json"))
PARSERS: dict[str, Any] = {
    "conversation_finished.schema.json": ConversationFinished.parse,
    "context_request.schema.json": ContextRequest.parse,
    "memory_command.schema.json": parse_command,
}


def validate(name: str, value: Any) -> None:
    jsonschema.Draft202012Validator(json.loads((FOLDER / name).read_text())).validate(value)


def examples(schema: Any) -> Iterator[Any]:
    if isinstance(schema, dict):
        yield from schema.get("examples", ())
        for inner in schema.values():
            yield from examples(inner)


PUBLISHED = [(path.name, each) for path in SHIPPED for each in examples(json.loads(path.read_text()))]


def test_the_shipped_files_are_current() -> None:
    shipped = {path.name: path.read_text(encoding="utf-8") for path in SHIPPED}
    assert shipped == contract(), "run `make contract`"


def test_they_can_be_written_anew(tmp_path: Path) -> None:
    write(tmp_path / "new")
    assert {path.name for path in (tmp_path / "new").iterdir()} == {path.name for path in SHIPPED}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_each_is_a_sound_schema(path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text()))


def test_every_message_to_the_workers_has_an_example() -> None:
    assert {name for name, _ in PUBLISHED} == set(PARSERS)


@pytest.mark.parametrize(("name", "example"), PUBLISHED)
def test_every_published_example_round_trips(name: str, example: dict[str, Any]) -> None:
    validate(name, example)
    read: BaseModel = PARSERS[name](example)
    encoded = json.loads(read.model_dump_json(exclude_none=True))
    validate(name, encoded)
    assert PARSERS[name](encoded) == read
    assert {key: encoded[key] for key in example} == example


@pytest.mark.parametrize(
    "broken",
    [{"user_id": ""}, {"user_id": "x" * 257}, {"messages": []}, {"version": 2}, {"metadata": {"a": {}}}, {"part": 0}],
)
def test_the_schema_refuses_what_the_model_refuses(broken: dict[str, Any]) -> None:
    name = "conversation_finished.schema.json"
    body = {"user_id": "u", "messages": [{"role": "user", "content": "x"}], **broken}
    with pytest.raises(jsonschema.ValidationError):
        validate(name, body)
    if "version" not in broken:
        with pytest.raises(InvalidEvent):
            ConversationFinished.parse(body)
