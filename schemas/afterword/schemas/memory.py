"""A memory as it is shown to those who own it."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from afterword.schemas.values import Kind, Metadata, Model, Scope


class Provenance(Model):
    """Where a memory comes from: the event, and the position of the turn in it (0 is the first)."""

    event_id: str
    message: int | None = None
    message_id: str | None = None


class Memory(Model):
    """One remembered thing.

    `score` is a relevance from 0 to 1 where the memory answers a question, None where it is only listed.
    `occurred_at` is when it was said, by the speaker's own clock, `created_at` when it was stored. `topic` is what it
    is about, such as "work" or "food", "other" where that could not be told. `updated_at` is when it was last
    corrected, `replaces` the memory whose place it was said to take. An `archived` one is kept, but is no
    part of contexts.
    """

    id: str
    text: str
    scope: Scope
    kind: Kind
    score: float | None = None
    occurred_at: datetime
    created_at: datetime | None = None
    updated_at: datetime | None = None
    user_id: str | None = None
    agent_id: str | None = None
    session_id: str | None = None
    role: str | None = None
    language: str | None = None
    topic: str | None = None
    importance: float | None = None
    source: Provenance | None = None
    archived: bool = False
    replaces: str | None = None
    metadata: Metadata = Field(default_factory=dict)
