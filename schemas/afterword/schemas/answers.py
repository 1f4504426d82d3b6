"""What answers commands: pages of memories and of users, related memories, and how many were removed.

The figures that answer questions about usage stand in `analytics`.
"""

from __future__ import annotations

from enum import StrEnum

from afterword.schemas.context import Explanation
from afterword.schemas.memory import Memory
from afterword.schemas.values import Model


class MemoryPage(Model):
    """Answers `list`; `next_cursor` is None on the last page."""

    memories: tuple[Memory, ...]
    next_cursor: str | None = None


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


class RelatedMemory(Model):
    """`memory.score` is its relevance to the other's text, None where a linked one is not among the nearest."""

    memory: Memory
    relation: Relation


class RelatedMemories(Model):
    """Answers `related`: linked ones first, then similar ones, each best first. `degraded` as in `search`."""

    related: tuple[RelatedMemory, ...]
    degraded: tuple[str, ...] = ()


class UserCount(Model):
    user_id: str
    memories: int


class UserPage(Model):
    """Answers `users`."""

    users: tuple[UserCount, ...]
    next_cursor: str | None = None


class Removed(Model):
    """Answers `delete` and `clear`: how many memories went.

    `pending`: it is recorded, and nothing of it is shown any more. A store is away, or holds more than could be removed
    while you waited: it goes as soon as it can. Asked once more, the same call tells how it stands.
    """

    removed: int
    pending: bool = False
