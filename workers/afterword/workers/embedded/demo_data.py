"""The demo's data: conversations, the facts that people wrote for them, and messages to ask context for."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from afterword.schemas import ConversationFinished, InvalidInput, Scope


class AuthoredFact(BaseModel):
    """A fact as a good extractor would have written it; `source` is the place of its message in the event, from 0."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    attributed_to: Literal["user", "assistant"]
    scope: Scope
    source: int


class DemoQuestion(BaseModel):
    """A new message of a user, to show which memories it brings back. `language` is an ISO 639-1 code."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user_id: str
    agent_id: str
    session_id: str | None
    query: str
    language: str


def conversations() -> list[ConversationFinished]:
    """The shipped conversations, in the order in which they took place."""
    # Not `splitlines`, which also splits at characters that may stand in a JSON string, such as U+2028.
    return read_conversations(_shipped("conversations.jsonl").split("\n"))


def answers() -> dict[str, list[AuthoredFact]]:
    """The facts of the shipped conversations, by event id."""
    return TypeAdapter(dict[str, list[AuthoredFact]]).validate_json(_shipped("answers.json"))


def questions() -> list[DemoQuestion]:
    """The shipped new messages."""
    return TypeAdapter(list[DemoQuestion]).validate_json(_shipped("questions.json"))


def read_conversations(lines: Iterable[str]) -> list[ConversationFinished]:
    """The events of a JSONL file, one a line; blank lines are passed over.

    Raises: InvalidInput, naming the line; UnsupportedVersion.
    """
    return [_event(number, line) for number, line in enumerate(lines, start=1) if line.strip()]


def _event(number: int, line: str) -> ConversationFinished:
    try:
        return ConversationFinished.parse(json.loads(line))
    except InvalidInput as error:
        raise InvalidInput(f"line {number}, {error.field}", error.got, error.mend) from None
    except ValueError as error:
        raise InvalidInput(f"line {number}", str(error), "must be a JSON object") from None


def _shipped(name: str) -> str:
    return files("afterword.workers.embedded").joinpath("demo", name).read_text(encoding="utf-8")
