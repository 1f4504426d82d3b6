"""Managing memories: `client.memories`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol, TypeVar, Unpack

from pydantic import BaseModel

from afterword.producers.calls import Call, CommandSchema, OwnerFields, command_call
from afterword.schemas.answers import MemoryPage, RelatedMemories, Removed, SearchPage, UserPage
from afterword.schemas.commands import (
    DEFAULT_FOUND,
    DEFAULT_RELATED,
    AddMemory,
    ClearMemories,
    DeleteMemory,
    FindRelated,
    GetMemory,
    ListMemories,
    ListUsers,
    SearchMemories,
)
from afterword.schemas.memory import Memory
from afterword.schemas.values import Kind, Metadata, Scope

COMMAND_SECONDS = 5.0
CLEAR_SECONDS = 60.0
"""Ten thousands of memories take their time to go."""

A = TypeVar("A", bound=BaseModel)


class Ask(Protocol):
    """Makes a call and waits for its answer."""

    def __call__(self, call: Call[A], timeout: float) -> A: ...


class Memories:
    """The memories of an owner: `user_id` (with `session_id`, that thread's only), or `agent_id`.

    `by` is the account that asks; an agent's memories are open to the owner that its registry entry names. Every
    call waits up to `timeout` seconds.

    Raises:
        InvalidInput: an argument breaks the contract.
        MemoryUnavailable: no answer. Whether the command had its effect is not known.
        CommandFailed: the answer is an error, such as `not_found` or `denied`.
    """

    def __init__(self, tenant_id: str, ask: Ask) -> None:
        self._tenant_id = tenant_id
        self._ask = ask

    def list(
        self,
        *,
        scope: Scope | str | None = None,
        kind: Kind | str | None = None,
        limit: int = 100,
        cursor: str | None = None,
        timeout: float = COMMAND_SECONDS,
        **owner: Unpack[OwnerFields],
    ) -> MemoryPage:
        """A page of at most `limit`, newest first; the next is had with `cursor=page.next_cursor`."""
        fields = {"scope": scope, "kind": kind, "limit": limit, "cursor": cursor, **owner}
        return self._run(ListMemories, timeout, fields)

    def iterate(
        self,
        *,
        scope: Scope | str | None = None,
        kind: Kind | str | None = None,
        limit: int = 100,
        timeout: float = COMMAND_SECONDS,
        **owner: Unpack[OwnerFields],
    ) -> Iterator[Memory]:
        """All of them, newest first, asked for in pages of `limit`."""
        cursor: str | None = None
        while True:
            page = self.list(scope=scope, kind=kind, limit=limit, cursor=cursor, timeout=timeout, **owner)
            yield from page.memories
            cursor = page.next_cursor
            if cursor is None:
                return

    def search(
        self,
        query: str | None = None,
        *,
        scope: Scope | str | None = None,
        kind: Kind | str | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        topic: str | None = None,
        metadata: Mapping[str, str | int | float | bool] | None = None,
        limit: int = DEFAULT_FOUND,
        cursor: str | None = None,
        explain: bool = False,
        timeout: float = COMMAND_SECONDS,
        **owner: Unpack[OwnerFields],
    ) -> SearchPage:
        """Memories about `query`, best first, each with its relevance as `score`; without one, newest first.

        Here `user_id` and `agent_id` may be given together: what the user said with that agent. `since` and `until`
        are aware times (the latter not included), `metadata` values that a memory's own must equal. The next page is
        had with `cursor=page.next_cursor` and the same query and filters; a query finds 200 memories in all.
        """
        which = {"scope": scope, "kind": kind, "since": since, "until": until, "topic": topic, "metadata": metadata}
        fields = {"query": query, **which, "limit": limit, "cursor": cursor, "explain": explain, **owner}
        return self._run(SearchMemories, timeout, fields)

    def related(
        self,
        memory_id: str,
        *,
        limit: int = DEFAULT_RELATED,
        timeout: float = COMMAND_SECONDS,
        **owner: Unpack[OwnerFields],
    ) -> RelatedMemories:
        """What goes with a memory, of the same owner's: those it is linked with, then the nearest by meaning."""
        fields = {"memory_id": memory_id, "limit": limit, **owner}
        return self._run(FindRelated, timeout, fields)

    def get(self, memory_id: str, *, timeout: float = COMMAND_SECONDS, **owner: Unpack[OwnerFields]) -> Memory:
        """One memory."""
        return self._run(GetMemory, timeout, {"memory_id": memory_id, **owner})

    def add(
        self,
        text: str,
        *,
        metadata: Metadata | None = None,
        timeout: float = COMMAND_SECONDS,
        **owner: Unpack[OwnerFields],
    ) -> Memory:
        """Write a memory by hand; the answer is the memory as stored."""
        return self._run(AddMemory, timeout, {"text": text, "metadata": metadata, **owner})

    def delete(self, memory_id: str, *, timeout: float = COMMAND_SECONDS, **owner: Unpack[OwnerFields]) -> Removed:
        """Remove one memory. `pending` in the answer: a store is away; nothing shows it any more, and it goes later."""
        return self._run(DeleteMemory, timeout, {"memory_id": memory_id, **owner})

    def clear(self, *, timeout: float = CLEAR_SECONDS, **owner: Unpack[OwnerFields]) -> Removed:
        """Remove all of the owner's memories; work in flight does not bring them back.

        A `session_id` of None is refused: a lost session must not clear the whole user. `pending` is as in
        `delete`.
        """
        return self._run(ClearMemories, timeout, owner)

    def users(self, *, limit: int = 100, cursor: str | None = None, timeout: float = COMMAND_SECONDS) -> UserPage:
        """A page of the tenant's users and how many memories each has."""
        return self._run(ListUsers, timeout, {"limit": limit, "cursor": cursor})

    def _run(self, command: CommandSchema[A], timeout: float, fields: Mapping[str, Any]) -> A:
        return self._ask(command_call(self._tenant_id, command, fields), timeout)
