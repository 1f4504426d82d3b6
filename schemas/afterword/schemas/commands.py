"""Commands to manage memories and to ask for figures, and what answers them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic.config import JsonDict

from afterword.schemas.context import Explanation, Request
from afterword.schemas.conversation import check_version
from afterword.schemas.errors import InvalidEvent, shortened
from afterword.schemas.memory import Memory
from afterword.schemas.values import GivenMetadata, Id, Kind, Model, Moment, Query, Scope, Text, WantedMetadata

MAX_PAGE = 1000
MAX_DAYS = 366
DEFAULT_DAYS = 30
MAX_RANKED = 200
"""Memories that a search with a query finds in all, over all pages."""

DEFAULT_FOUND = 20
MAX_RELATED = 100
DEFAULT_RELATED = 10
MAX_METADATA = 20


class _Owned(Request):
    """Names whose memories. `by` is the account that asks; an agent's memories are open to the owner that its registry
    entry names.
    """

    user_id: Id | None = None
    agent_id: Id | None = None
    session_id: Id | None = None
    by: Id | None = None

    @model_validator(mode="after")
    def _a_session_of_a_user(self) -> Self:
        if self.session_id is not None and self.user_id is None:
            raise ValueError("session_id belongs to a user: give user_id as well")
        return self


class _OwnedCommand(_Owned):
    """Names one owner: a user (with a session, that thread's memories only), or an agent."""

    @model_validator(mode="after")
    def _one_owner(self) -> Self:
        if (self.user_id is None) == (self.agent_id is None):
            raise ValueError("name one owner: user_id or agent_id")
        return self


class ListMemories(_OwnedCommand):
    """A page of an owner's memories, newest first. `cursor` is `next_cursor` of the page before."""

    command: Literal["list"] = "list"
    scope: Scope | None = None
    kind: Kind | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 100
    cursor: str | None = None


class SearchMemories(_Owned):
    """An owner's memories about `query`, best first; without one those that the filters name, newest first.

    A user's are narrowed by `session_id`, and by `agent_id` to what was said with that agent (what is known of a user
    names none). Without `user_id` they are the agent's. Each filter narrows further: `since` and `until` (which is not
    included) bound `occurred_at`; `metadata` holds values that a memory's own must equal. A query finds 200 memories at
    most, over all pages; nothing is left out for being irrelevant: `score` tells. `cursor` is `next_cursor` of the page
    before, asked with the same query and filters. With `explain` the answer says of each memory why it ranks there.
    """

    command: Literal["search"] = "search"
    query: Query | None = None
    scope: Scope | None = None
    kind: Kind | None = None
    since: Moment | None = None
    until: Moment | None = None
    topic: str | None = None
    metadata: Annotated[WantedMetadata, Field(max_length=MAX_METADATA)] = Field(default_factory=dict)
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = DEFAULT_FOUND
    cursor: str | None = None
    explain: bool = False

    @model_validator(mode="after")
    def _an_owner(self) -> Self:
        if self.user_id is None and self.agent_id is None:
            raise ValueError("name an owner: user_id or agent_id")
        return self

    @field_validator("until")
    @classmethod
    def _after_since(cls, until: Moment | None, info: ValidationInfo) -> Moment | None:
        since = info.data.get("since")
        if since is not None and until is not None and until <= since:
            raise ValueError("must be after since")
        return until


class FindRelated(_OwnedCommand):
    """What goes with one memory of an owner, of the same owner's: those that are linked with it, in either direction,
    then the nearest by meaning; `limit` in all.
    """

    command: Literal["related"] = "related"
    memory_id: Id
    limit: Annotated[int, Field(ge=1, le=MAX_RELATED)] = DEFAULT_RELATED


class GetMemory(_OwnedCommand):
    """One memory of an owner by its id."""

    command: Literal["get"] = "get"
    memory_id: Id


_EXAMPLE: JsonDict = {
    "version": 1,
    "request_id": "add-1",
    "reply_to": "afterword:reply:0f6c2a8f6a1a4a2f8a57a35c9a0f7d53",
    "command": "add",
    "user_id": "ada",
    "text": "Prefers window seats",
}


class AddMemory(_OwnedCommand):
    """A memory written by hand. The same `request_id` sent again adds nothing."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    command: Literal["add"] = "add"
    text: Text
    metadata: GivenMetadata = Field(default_factory=dict)


class DeleteMemory(_OwnedCommand):
    """Remove one memory of an owner."""

    command: Literal["delete"] = "delete"
    memory_id: Id


class ClearMemories(_OwnedCommand):
    """Remove all memories of an owner, and stop work in flight from bringing them back."""

    command: Literal["clear"] = "clear"


class ListUsers(Request):
    """A page of the users of a tenant with how many memories each has, by user id."""

    command: Literal["users"] = "users"
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 100
    cursor: str | None = None


Days = Annotated[int, Field(ge=1, le=MAX_DAYS)]


class GetOverview(Request):
    """Figures of a tenant over the last `days`."""

    command: Literal["analytics_overview"] = "analytics_overview"
    days: Days = DEFAULT_DAYS


class GetUserAnalytics(Request):
    """Figures of a user over the last `days`. `by` is the account that asks."""

    command: Literal["analytics_user"] = "analytics_user"
    user_id: Id
    by: Id | None = None
    days: Days = DEFAULT_DAYS


Command = Annotated[
    ListMemories
    | SearchMemories
    | FindRelated
    | GetMemory
    | AddMemory
    | DeleteMemory
    | ClearMemories
    | ListUsers
    | GetOverview
    | GetUserAnalytics,
    Field(discriminator="command"),
]
COMMANDS: Final[dict[str, type[Command]]] = {
    "list": ListMemories,
    "search": SearchMemories,
    "related": FindRelated,
    "get": GetMemory,
    "add": AddMemory,
    "delete": DeleteMemory,
    "clear": ClearMemories,
    "users": ListUsers,
    "analytics_overview": GetOverview,
    "analytics_user": GetUserAnalytics,
}


def parse_command(body: Any) -> Command:
    """The command in a decoded JSON body. Raises: UnsupportedVersion, InvalidEvent."""
    check_version(body)
    name = body.get("command") if isinstance(body, dict) else None
    command = COMMANDS.get(name) if isinstance(name, str) else None
    if command is None:
        raise InvalidEvent("command", shortened(name), f"must be one of {', '.join(COMMANDS)}")
    try:
        return command.model_validate(body)
    except ValidationError as error:
        raise InvalidEvent.from_validation(error) from None


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
    """Answers `delete` and `clear`: how many memories went."""

    removed: int
