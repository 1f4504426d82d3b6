"""Commands about memories and conversations: one class for each, which says all that parser, workers and SDK need.

Its `command` field is its name on the wire, its other fields are the arguments, `answer` is the shape of the answer.
Its base class says whose memories it is about: see `command`. All other commands stand beside their answers, in the
module of their noun, such as `analytics`, `erasures` and `keys`; `catalogue` names them all.

A new command is a class with a line in `catalogue`, a handler in the workers, and a method of the SDK. The parser, the
access check and the JSON Schemas follow from the class.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic.config import JsonDict

from afterword.schemas.answers import (
    CleanedUp,
    ConversationState,
    DeletionState,
    MemoryHistory,
    MemoryOwners,
    MemoryPage,
    MemoryProvenance,
    RelatedMemories,
    Removed,
    SearchPage,
    UserPage,
)
from afterword.schemas.command import MAX_PAGE, Command, OfUser, Owned, OwnedByOne
from afterword.schemas.errors import InvalidInput
from afterword.schemas.memory import Memory
from afterword.schemas.values import GivenMetadata, Id, Kind, Moment, Query, Scope, Text, Time, WantedMetadata

MAX_RANKED = 200
"""Memories that a search with a query finds in all, over all pages."""

DEFAULT_FOUND = 20
MAX_RELATED = 100
DEFAULT_RELATED = 10
MAX_METADATA = 20
MAX_KEEP_DAYS = 36_500
MAX_VERSIONS = 100
DEFAULT_VERSIONS = 20
MAX_AROUND = 10
DEFAULT_AROUND = 2


class ListMemories(OwnedByOne):
    """A page of an owner's memories, newest first; with `archived` those that were archived, instead of the others.
    `cursor` is `next_cursor` of the page before.
    """

    answer: ClassVar[type[MemoryPage]] = MemoryPage

    command: Literal["list"] = "list"
    scope: Scope | None = None
    kind: Kind | None = None
    archived: bool = False
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 100
    cursor: str | None = None


class SearchMemories(Owned):
    """An owner's memories about `query`, best first. Without a query: all that match the filters, newest first.

    With `user_id` they are the user's: `session_id` narrows them to that thread, `agent_id` to what was said with that
    agent (memories about the user name no agent). Without `user_id` they are the agent's. Each filter narrows further:
    `since` and `until` (not included) bound `occurred_at`; `metadata` holds values that a memory's own must equal. A
    query finds 200 memories at most, over all pages. None is left out for being irrelevant: its `score` tells. `cursor`
    is `next_cursor` of the page before, asked with the same query and filters. With `explain` the answer says of each
    memory why it ranks where it does. With `archived` it searches those that were archived, instead of the others.
    """

    answer: ClassVar[type[SearchPage]] = SearchPage

    command: Literal["search"] = "search"
    query: Query | None = None
    scope: Scope | None = None
    kind: Kind | None = None
    since: Moment | None = None
    until: Moment | None = None
    topic: str | None = None
    metadata: Annotated[WantedMetadata, Field(max_length=MAX_METADATA)] = Field(default_factory=dict)
    archived: bool = False
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
        # Missing when `since` is invalid itself: then its own error is told.
        since = info.data.get("since")
        if since is not None and until is not None and until <= since:
            raise ValueError("must be after since")
        return until


class FindRelated(OwnedByOne):
    """The memories that go with one memory of the same owner: first those linked with it, in either direction, then the
    nearest by meaning; at most `limit` in all, and about 256 KiB of them.
    """

    answer: ClassVar[type[RelatedMemories]] = RelatedMemories

    command: Literal["related"] = "related"
    memory_id: Id
    limit: Annotated[int, Field(ge=1, le=MAX_RELATED)] = DEFAULT_RELATED


class GetMemory(OwnedByOne):
    """One memory of an owner by its id."""

    answer: ClassVar[type[Memory]] = Memory

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


class AddMemory(OwnedByOne):
    """A memory written by hand. The same `request_id` sent again adds nothing.

    `occurred_at` is when it came to be known; now, where it is left out. `replaces` is a memory of the same owner that
    no longer holds: it is kept, and ranks below this one.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    answer: ClassVar[type[Memory]] = Memory

    command: Literal["add"] = "add"
    text: Text
    occurred_at: Time | None = None
    metadata: GivenMetadata = Field(default_factory=dict)
    replaces: Id | None = None


class UpdateMemory(OwnedByOne):
    """Correct a memory: its text, its metadata, or both; what is left out stays. The same `request_id` sent again
    changes nothing.

    From then on it is found by the new text, and counts as told now. The old text is kept as a version: see
    `GetHistory`. An excerpt cannot be corrected: it is what somebody said.
    """

    answer: ClassVar[type[Memory]] = Memory

    command: Literal["update"] = "update"
    memory_id: Id
    text: Text | None = None
    metadata: GivenMetadata | None = None

    @model_validator(mode="after")
    def _something_new(self) -> Self:
        if self.text is None and self.metadata is None:
            raise ValueError("give what is to be corrected: text or metadata")
        return self


class GetHistory(OwnedByOne):
    """The versions of one memory, newest first. `cursor` is `next_cursor` of the page before."""

    answer: ClassVar[type[MemoryHistory]] = MemoryHistory

    command: Literal["history"] = "history"
    memory_id: Id
    limit: Annotated[int, Field(ge=1, le=MAX_VERSIONS)] = DEFAULT_VERSIONS
    cursor: str | None = None


class GetProvenance(OwnedByOne):
    """The origin of one memory: its conversation, and the turn with up to `around` turns on each side of it."""

    answer: ClassVar[type[MemoryProvenance]] = MemoryProvenance

    command: Literal["provenance"] = "provenance"
    memory_id: Id
    around: Annotated[int, Field(ge=0, le=MAX_AROUND)] = DEFAULT_AROUND


class RestoreMemory(OwnedByOne):
    """Take one memory of an owner out of the archive: contexts may hold it again.

    One that was not archived stays as it is.
    """

    answer: ClassVar[type[Memory]] = Memory

    command: Literal["restore"] = "restore"
    memory_id: Id


class DeleteMemory(OwnedByOne):
    """Remove one memory of an owner; `with_source`, also the excerpts of the turn that a user's fact was learned from,
    which would be recalled all the same.
    """

    answer: ClassVar[type[Removed]] = Removed

    command: Literal["delete"] = "delete"
    memory_id: Id
    with_source: bool = False

    @model_validator(mode="after")
    def _words_of_a_user(self) -> Self:
        if self.with_source and self.user_id is None:
            raise ValueError("with_source must be left out for an agent's memory: what was said is its user's")
        return self


class ClearMemories(OwnedByOne):
    """Remove all memories of an owner, and stop work in flight from bringing them back."""

    answer: ClassVar[type[Removed]] = Removed

    command: Literal["clear"] = "clear"


class CleanUpMemories(OfUser):
    """Remove a user's memories that were stored more than `older_than_days` ago, notes included. With `dry_run` they
    are only counted. `by` is the account that asks.
    """

    answer: ClassVar[type[CleanedUp]] = CleanedUp

    command: Literal["cleanup"] = "cleanup"
    older_than_days: Annotated[int, Field(ge=1, le=MAX_KEEP_DAYS)]
    dry_run: bool = False


class FindOwners(Command):
    """Whose memories these are, for a door that is given ids alone: it lets nobody see or remove what is not theirs,
    and asks for the memories themselves in their owner's name. Ids that no memory has are left out of the answer.
    """

    answer: ClassVar[type[MemoryOwners]] = MemoryOwners

    command: Literal["owners"] = "owners"
    memory_ids: Annotated[tuple[Id, ...], Field(min_length=1, max_length=MAX_PAGE)]


class ListUsers(Command):
    """A page of the users of a tenant with how many memories each has, by user id."""

    answer: ClassVar[type[UserPage]] = UserPage

    command: Literal["users"] = "users"
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 100
    cursor: str | None = None


class GetConversation(OfUser):
    """How far a user's conversation has come, by the id of its event. `by` is the account that asks."""

    answer: ClassVar[type[ConversationState]] = ConversationState

    command: Literal["conversation"] = "conversation"
    event_id: Id


class GetDeletion(OwnedByOne):
    """How far a deletion of an owner's memories is, by the `deletion_id` of an answer that was `pending`."""

    answer: ClassVar[type[DeletionState]] = DeletionState

    command: Literal["deletion"] = "deletion"
    deletion_id: Id


def refuse_lost_session(command: type[Command], given: Mapping[str, Any]) -> None:
    """Refuse a session that is given as None where leaving it out widens what is removed.

    A variable that happens to be None must not turn the clear of a session into that of its user. Other commands read,
    or name one memory: None means there that nothing was given.

    Raises: InvalidInput.
    """
    if command is ClearMemories and "session_id" in given and given["session_id"] is None:
        raise InvalidInput(
            "session_id", "None", "give an id, or leave the field out: without it all of the user is cleared"
        )
