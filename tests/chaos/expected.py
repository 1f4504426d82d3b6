"""The memories that a story must leave: every excerpt and fact, once, and the sources that are right for each. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from afterword.schemas import ConversationFinished, Kind, Scope
from afterword.workers.core.turns import Turn, turns_of
from afterword.workers.stores.vectors.payload import StoredMemory
from tests.chaos.story import FOR_NOW, NOTED, TIP
from tests.support.fake_openai import Fact


class Key(NamedTuple):
    """The key of which there may be one memory."""

    kind: Kind
    scope: Scope
    owner: tuple[str | None, ...]
    text: str


class Source(NamedTuple):
    """Where a memory comes from, and when it was said."""

    event_id: str | None
    message: int | None
    at: datetime


@dataclass(frozen=True)
class Comparison:
    """How what is stored differs from what was expected."""

    missing: list[Key]
    unexpected: list[Key]
    repeated: list[Key]
    astray: list[tuple[Key, Source]]

    def problems(self) -> list[str]:
        """In words, a few of each."""
        return [f"{len(found)} memories {name}: {found[:5]}" for name, found in vars(self).items() if found]


def facts_of(role: str, text: str) -> list[Fact]:
    """The facts in a turn, as the fake LLM answers them."""
    if role == "user":
        temporary = [Fact(f"For now: {text}", "session")] if FOR_NOW in text else []
        return [Fact(f"User said: {text}"), *temporary]
    if NOTED in text:
        return [Fact(f"Learned: {text}", "agent", "assistant")]
    if TIP in text:
        return [Fact(f"Remember tip {text[text.index(TIP) :]}", "agent", "assistant")]
    return []


def expected(events: Iterable[ConversationFinished], poison: frozenset[str]) -> dict[Key, set[Source]]:
    """The memories of events that were recorded. Poison leaves its excerpts only.

    A turn of several windows belongs to whichever came first: each of them is a right source.
    """
    found: dict[Key, set[Source]] = {}
    for event in events:
        for turn in turns_of(event):
            source = Source(event.event_id, turn.position, turn.at)
            for key in _keys(event, turn, spoilt=event.event_id in poison):
                found.setdefault(key, set()).add(source)
    return found


def _keys(event: ConversationFinished, turn: Turn, *, spoilt: bool) -> Iterator[Key]:
    yield Key(Kind.EXCERPT, Scope.USER, (event.user_id,), turn.text)
    for fact in facts_of(turn.role, turn.text) if not spoilt else ():
        scope = Scope(fact.scope)
        if scope is Scope.SESSION and event.session_id is None:
            scope = Scope.USER
        yield Key(Kind.FACT, scope, _owner(scope, event), fact.text)


def _owner(scope: Scope, said: Any) -> tuple[str | None, ...]:
    """Of an event or of a memory: both name user, agent and session alike."""
    if scope is Scope.AGENT:
        return (said.agent_id,)
    return (said.user_id, said.session_id) if scope is Scope.SESSION else (said.user_id,)


def compare(wanted: dict[Key, set[Source]], stored: Iterable[StoredMemory]) -> Comparison:
    """The two sets, side by side."""
    found: dict[Key, list[Source]] = {}
    for memory in stored:
        key = Key(memory.kind, memory.scope, _owner(memory.scope, memory), memory.text)
        found.setdefault(key, []).append(Source(memory.event_id, memory.message, memory.occurred_at))
    return Comparison(
        missing=sorted(wanted.keys() - found.keys()),
        unexpected=sorted(found.keys() - wanted.keys()),
        repeated=sorted(key for key, sources in found.items() if len(sources) > 1),
        astray=[(key, each) for key in wanted.keys() & found.keys() for each in found[key] if each not in wanted[key]],
    )
