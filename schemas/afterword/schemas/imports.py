"""Importing memories that were learned elsewhere, or here once."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from afterword.schemas.command import OfUser
from afterword.schemas.values import GivenMetadata, Id, Kind, LateModel, Scope, Text, Time

MAX_IMPORTED = 100
"""Memories of one request: they are embedded together while the asker waits."""


class GivenMemory(LateModel):
    """A memory as it was elsewhere. `id` is the one that it had there: the same id of a user is imported once."""

    id: Id
    text: Text
    kind: Kind = Kind.FACT
    scope: Literal[Scope.USER, Scope.SESSION] = Scope.USER
    session_id: Id | None = None
    event_id: Id | None = None
    message: Annotated[int, Field(ge=0)] | None = None
    role: Id | None = None
    occurred_at: Time
    metadata: GivenMetadata = Field(default_factory=dict)


class ImportedCount(LateModel):
    """Answers `users_import`: how many memories were new, and how many were there already."""

    added: int
    known: int


class ImportMemories(OfUser):
    """Write memories of a user that were kept elsewhere. Sent again, nothing is written twice."""

    answer: ClassVar[type[ImportedCount]] = ImportedCount

    command: Literal["users_import"] = "users_import"
    memories: Annotated[tuple[GivenMemory, ...], Field(min_length=1, max_length=MAX_IMPORTED)]
