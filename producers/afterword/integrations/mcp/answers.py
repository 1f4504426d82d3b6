"""The answers of the tools, each as data for programs and as text for language models."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from afterword.producers import Context, Memory, MemoryPage, Removed, SearchPage
from afterword.schemas.fence import fenced
from afterword.schemas.rendering import render_line
from afterword.schemas.values import Kind, Scope

NOTHING = "Nothing is remembered that fits."


class ToolAnswer(BaseModel):
    """The answer of a tool."""

    model_config = ConfigDict(frozen=True)

    @abstractmethod
    def as_text(self) -> str:
        """The answer as a language model reads it best."""


class ShownMemory(BaseModel):
    """One remembered thing."""

    model_config = ConfigDict(frozen=True)

    # Fields that a language model has no use for are left out: each costs tokens.
    id: str
    text: str
    scope: Scope
    kind: Kind
    occurred_at: datetime = Field(description="When it was said.")
    score: float | None = Field(None, description="Its relevance to the question, from 0 to 1.")
    topic: str | None = None
    user_id: str | None = None
    agent_id: str | None = None
    session_id: str | None = None

    @classmethod
    def of(cls, memory: Memory) -> Self:
        """The memory, as it is shown."""
        score = None if memory.score is None else round(memory.score, 3)
        return cls(**{**{name: getattr(memory, name) for name in cls.model_fields}, "score": score})


class MemoriesFound(ToolAnswer):
    """Answers `search_memories` and `list_memories`. `degraded` names what could not be used."""

    memories: list[ShownMemory]
    next_cursor: str | None = Field(None, description="Asks for the next page; absent on the last one.")
    degraded: list[str] = []
    _lines: str = PrivateAttr("")

    @classmethod
    def of(cls, page: MemoryPage) -> Self:
        """A page of memories."""
        degraded = list(page.degraded) if isinstance(page, SearchPage) else []
        shown = [ShownMemory.of(memory) for memory in page.memories]
        found = cls(memories=shown, next_cursor=page.next_cursor, degraded=degraded)
        found._lines = "\n".join(_line(memory) for memory in page.memories)
        return found

    def as_text(self) -> str:
        """A line a memory, between the marks that keep it from being learned again."""
        more = f"There are more: ask again with cursor={self.next_cursor}" if self.next_cursor else ""
        return _paragraphs(fenced(self._lines) if self._lines else NOTHING, more, _limits(self.degraded))


class ContextFound(ToolAnswer):
    """Answers `get_context`. `text` is made for a prompt; `degraded` names what could not be used."""

    text: str
    memories: list[ShownMemory]
    degraded: list[str] = []

    @classmethod
    def of(cls, context: Context) -> Self:
        """A context, its text between the marks that keep it from being learned again."""
        text = fenced(context.text) if context.text else ""
        return cls(text=text, memories=[ShownMemory.of(each) for each in context.memories], degraded=context.degraded)

    def as_text(self) -> str:
        """The text for a prompt."""
        return _paragraphs(self.text or NOTHING, _limits(self.degraded))


class NoteWritten(ToolAnswer):
    """Answers `add_memory`."""

    memory: ShownMemory

    def as_text(self) -> str:
        """That it is kept, and how to name it."""
        return f"Remembered. Its id is {self.memory.id}"


class MemoryRemoved(ToolAnswer):
    """Answers `delete_memory`. With `pending` a store is away: it is shown no more, and removed as soon as possible."""

    removed: int
    pending: bool = False

    @classmethod
    def of(cls, removed: Removed) -> Self:
        """The answer to a deletion."""
        return cls(removed=removed.removed, pending=removed.pending)

    def as_text(self) -> str:
        """That it is gone."""
        return (
            "Forgotten: it is shown no more, and removed as soon as a store is back." if self.pending else "Forgotten."
        )


class ConversationTaken(ToolAnswer):
    """Answers `remember_conversation`. `waits` is true while Redis is away: it is sent as soon as possible."""

    event_id: str
    waits: bool = False

    def as_text(self) -> str:
        """That it was taken; what is learned from it comes later."""
        later = "It is sent as soon as the memory service is back." if self.waits else "It can be recalled in a moment."
        return f"Taken. {later}"


def _line(memory: Memory) -> str:
    told = [f"id {memory.id}", memory.scope.value, memory.kind.value]
    if memory.score is not None:
        told.append(f"relevance {memory.score:.2f}")
    return f"{render_line(memory)} [{', '.join(told)}]"


def _limits(degraded: Iterable[str]) -> str:
    named = ", ".join(degraded)
    return f"This may be incomplete: {named} could not be used." if named else ""


def _paragraphs(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)
