"""The export of a person: everything that is kept of a user, a line of JSON each.

The first line is the `header`, the last one `end`; a file without `end` is not whole. A reader passes over types of
lines and fields that it does not know.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field

from afterword.schemas.analytics import UserAnalytics
from afterword.schemas.answers import MemoryVersion
from afterword.schemas.command import OfUser
from afterword.schemas.memory import Memory
from afterword.schemas.users import UserWishes
from afterword.schemas.values import LateModel, Metadata

EXPORT_FORMAT: Final = "afterword-export"
MAX_EXPORTED = 200
"""The most lines of one page."""


class ExportHeader(LateModel):
    """Whose export it is, and when it was begun."""

    format: Literal["afterword-export"] = EXPORT_FORMAT
    version: Literal[1] = 1
    tenant_id: str
    user_id: str
    exported_at: datetime


class ExportedMemory(LateModel):
    """A memory with all that is known of where it comes from, and its versions, newest first, if it was corrected."""

    memory: Memory
    source: str | None = None
    model: str | None = None
    prompt_version: str | None = None
    batch_id: str | None = None
    versions: tuple[MemoryVersion, ...] = ()


class ExportedTurn(LateModel):
    """A turn of a conversation; `message` is its place in the event as it was sent."""

    message: int
    role: str
    text: str
    at: datetime
    message_id: str | None = None
    name: str | None = None


class ExportedConversation(LateModel):
    """A conversation that was taken in. `turns` are empty once what was said is no longer held."""

    event_id: str
    part: int
    agent_id: str | None = None
    session_id: str | None = None
    occurred_at: datetime
    received_at: datetime
    status: str
    reason: str | None = None
    metadata: Metadata = Field(default_factory=dict)
    turns: tuple[ExportedTurn, ...] = ()


class ExportedAct(LateModel):
    """A row of the audit: what happened to somebody's memories, and in `metadata` who asked for it."""

    type: str
    at: datetime
    agent_id: str | None = None
    session_id: str | None = None
    event_id: str | None = None
    memory_id: str | None = None
    count: int | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    query: str | None = None


class ExportLine(LateModel):
    """A line: its `type` names the field that it has. `end` has none."""

    type: Literal["header", "wishes", "profile", "memory", "conversation", "audit", "end"]
    header: ExportHeader | None = None
    wishes: UserWishes | None = None
    profile: UserAnalytics | None = None
    memory: ExportedMemory | None = None
    conversation: ExportedConversation | None = None
    audit: ExportedAct | None = None


class ExportPage(LateModel):
    """Answers `users_export`; `next_cursor` is None on the last page."""

    lines: tuple[ExportLine, ...]
    next_cursor: str | None = None


class ExportUser(OfUser):
    """A page of everything that is kept of a user. `cursor` is `next_cursor` of the page before."""

    answer: ClassVar[type[ExportPage]] = ExportPage

    command: Literal["users_export"] = "users_export"
    limit: Annotated[int, Field(ge=1, le=MAX_EXPORTED)] = 100
    cursor: str | None = None
