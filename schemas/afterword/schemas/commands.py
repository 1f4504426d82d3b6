"""Commands to manage memories and to ask for figures, and what answers them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator
from pydantic.config import JsonDict

from afterword.schemas.context import Request
from afterword.schemas.conversation import check_version
from afterword.schemas.errors import InvalidEvent, shortened
from afterword.schemas.memory import Memory
from afterword.schemas.values import GivenMetadata, Id, Kind, Model, Scope, Text

MAX_PAGE = 1000
MAX_DAYS = 366
DEFAULT_DAYS = 30


class _OwnedCommand(Request):
    """Names an owner: a user (with a session, that thread's memories only), or an agent.

    `by` is the account that asks. An agent's memories are open to the owner that its registry entry names.
    """

    user_id: Id | None = None
    agent_id: Id | None = None
    session_id: Id | None = None
    by: Id | None = None

    @model_validator(mode="after")
    def _one_owner(self) -> Self:
        if (self.user_id is None) == (self.agent_id is None):
            raise ValueError("name one owner: user_id or agent_id")
        if self.session_id is not None and self.user_id is None:
            raise ValueError("session_id belongs to a user: give user_id as well")
        return self


class ListMemories(_OwnedCommand):
    """A page of an owner's memories, newest first. `cursor` is `next_cursor` of the page before."""

    command: Literal["list"] = "list"
    scope: Scope | None = None
    kind: Kind | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 100
    cursor: str | None = None


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
    ListMemories | GetMemory | AddMemory | DeleteMemory | ClearMemories | ListUsers | GetOverview | GetUserAnalytics,
    Field(discriminator="command"),
]
_COMMANDS: dict[str, type[Command]] = {
    "list": ListMemories,
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
    command = _COMMANDS.get(name) if isinstance(name, str) else None
    if command is None:
        raise InvalidEvent("command", shortened(name), f"must be one of {', '.join(_COMMANDS)}")
    try:
        return command.model_validate(body)
    except ValidationError as error:
        raise InvalidEvent.from_validation(error) from None


class MemoryPage(Model):
    """Answers `list`; `next_cursor` is None on the last page."""

    memories: tuple[Memory, ...]
    next_cursor: str | None = None


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
