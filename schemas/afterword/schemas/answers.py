"""Answers to commands: pages of memories and of users, related memories, what was removed, how a conversation fares.

The figures that answer questions about usage stand in `analytics`.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from afterword.schemas.context import Explanation
from afterword.schemas.memory import Memory
from afterword.schemas.values import Kind, LateModel, Metadata, Scope


class MemoryPage(LateModel):
    """Answers `list`; `next_cursor` is None on the last page."""

    memories: tuple[Memory, ...]
    next_cursor: str | None = None


class MemoryVersion(LateModel):
    """One wording of a memory. The first is how it was learned or added; each correction makes the next.

    `since` is when it was written, `until` when the next one took its place; None for the one that holds. `by` is the
    account that corrected it, where it is known.
    """

    number: int
    text: str
    metadata: Metadata
    since: datetime
    until: datetime | None = None
    by: str | None = None


class MemoryHistory(LateModel):
    """Answers `history`: the versions of a memory, newest first; `next_cursor` is None on the last page."""

    memory_id: str
    versions: tuple[MemoryVersion, ...]
    next_cursor: str | None = None


class SourceTurn(LateModel):
    """A turn of the conversation that a memory comes from; `is_source` is the turn itself, others stand around it.

    A long text is shortened in the middle.
    """

    message: int
    role: str
    text: str
    at: datetime
    is_source: bool = False


class MemoryProvenance(LateModel):
    """Answers `provenance`: what a memory comes from, as far as it is known and still held.

    `source` is `conversation`, `hand`, `mem0` or what whoever saved it has named; `by` the account that added it by
    hand. `model`, `prompt_version` and `batch_id` are those of the extraction that learned a fact. `turns` are empty
    where what was said is no longer held, and for an agent's memory: they are a user's words.
    """

    memory_id: str
    kind: Kind
    source: str | None = None
    event_id: str | None = None
    message: int | None = None
    message_id: str | None = None
    session_id: str | None = None
    agent_id: str | None = None
    model: str | None = None
    prompt_version: str | None = None
    batch_id: str | None = None
    by: str | None = None
    occurred_at: datetime
    created_at: datetime
    turns: tuple[SourceTurn, ...] = ()


class SearchPage(MemoryPage):
    """Answers `search`; `next_cursor` is None on the last page.

    With a query each memory's `score` is its relevance. `degraded` names what could not be used: `embedder` (found by
    words alone). `explanations` are those of this page's memories, in their order, where they were asked for.
    """

    degraded: tuple[str, ...] = ()
    explanations: tuple[Explanation, ...] = ()


class Relation(StrEnum):
    """How a memory goes with another: one names the other, or they are near by meaning."""

    LINKED = "linked"
    SIMILAR = "similar"


class RelatedMemory(LateModel):
    """A memory that goes with another. `memory.score` is its relevance to the other's text; None for a linked memory
    that is not among the nearest.
    """

    memory: Memory
    relation: Relation


class RelatedMemories(LateModel):
    """Answers `related`: linked ones first, then similar ones, each best first. `degraded` as in `search`."""

    related: tuple[RelatedMemory, ...]
    degraded: tuple[str, ...] = ()


class MemoryOwner(LateModel):
    """Whose a memory is: a user's, also where it is of a session, or an agent's own."""

    memory_id: str
    scope: Scope
    user_id: str | None = None
    agent_id: str | None = None
    session_id: str | None = None


class MemoryOwners(LateModel):
    """Answers `owners`: an entry for each memory that there is."""

    owners: tuple[MemoryOwner, ...]


class UserCount(LateModel):
    user_id: str
    memories: int


class UserPage(LateModel):
    """Answers `users`."""

    users: tuple[UserCount, ...]
    next_cursor: str | None = None


class Removed(LateModel):
    """Answers `delete` and `clear`: how many memories went.

    With `pending` the removal is recorded and nothing of it is shown any more, but it is not complete: a store is away,
    or holds more than could be removed while you waited. It is completed as soon as possible: `deletion` tells how far
    the one of `deletion_id` is. The same call made again does no harm.
    """

    removed: int
    pending: bool = False
    deletion_id: str | None = None


class CleanedUp(LateModel):
    """Answers `cleanup`: how many memories went, or with `dry_run` would go. With `more` there are more than could be
    removed while you waited: the same call goes on.
    """

    removed: int
    dry_run: bool = False
    more: bool = False


class DeletionState(LateModel):
    """Answers `deletion`: whether it is still `pending`, and how many `memories` were known when it was asked for.

    From `requested_at` on nothing of it is shown. At `finished_at` it was gone from every store.
    """

    deletion_id: str
    pending: bool
    memories: int
    requested_at: datetime
    finished_at: datetime | None = None


class ConversationState(LateModel):
    """Answers `conversation`: how far a published conversation has come.

    `status` is `deferred` while a limit has no room for it; then it goes from `received` over `stored` and `extracting`
    to `done`. `skipped` (there was nothing to learn, or no LLM), `dead` (it could not be extracted) and `deferred` have
    a `reason`. `searchable` says that what was said can be recalled, with facts or without. Of an event in parts, it is
    the part that has come least far.
    """

    event_id: str
    status: Literal["deferred", "received", "stored", "extracting", "done", "skipped", "dead"]
    searchable: bool
    reason: str | None = None
    received_at: datetime
    finished_at: datetime | None = None

    @property
    def finished(self) -> bool:
        """Nothing more will happen to it, unless somebody asks for that."""
        return self.status in ("done", "skipped", "dead")
