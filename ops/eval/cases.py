"""The shipped conversations, and what is expected of each."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, TypeAdapter

from afterword.schemas import ConversationFinished, Scope
from afterword.workers.embedded.demo_data import read_conversations


class ExpectedFact(BaseModel):
    """A fact to find: of every group of `terms` one occurs in it, of every group of `dates` it tells one.

    Any of `scopes` will do, and any of `sources`: the places of its message in the event, from 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scopes: tuple[Scope, ...]
    terms: tuple[tuple[str, ...], ...]
    sources: tuple[int, ...]
    dates: tuple[tuple[str, ...], ...] = ()


class Forbidden(BaseModel):
    """Terms of personal facts, that no fact of the agent may hold, and terms that nothing learned may hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    agent: tuple[str, ...] = ()
    everywhere: tuple[str, ...] = ()


class Expectation(BaseModel):
    """The facts that are expected of a conversation. `language` is an ISO 639-1 code."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    language: str
    facts: tuple[ExpectedFact, ...]
    forbidden: Forbidden = Forbidden()


@dataclass(frozen=True, slots=True)
class Case:
    """A conversation with what is expected of it."""

    event: ConversationFinished
    expected: Expectation


def cases() -> list[Case]:
    """The shipped ones, in the order of the file."""
    events = read_conversations(_shipped("conversations.jsonl").split("\n"))
    expected = TypeAdapter(dict[str, Expectation]).validate_json(_shipped("expected.json"))
    return [Case(event, expected[event.event_id]) for event in events]


def _shipped(name: str) -> str:
    return files("ops.eval").joinpath(name).read_text(encoding="utf-8")
