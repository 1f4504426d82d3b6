"""Managing memories: `client.memories`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Unpack

from afterword.producers.calls import OwnerFields
from afterword.producers.tenant_calls import COMMAND_SECONDS, TenantCalls
from afterword.schemas.answers import (
    CleanedUp,
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
from afterword.schemas.commands import (
    DEFAULT_AROUND,
    DEFAULT_FOUND,
    DEFAULT_RELATED,
    DEFAULT_VERSIONS,
    AddMemory,
    CleanUpMemories,
    ClearMemories,
    DeleteMemory,
    FindOwners,
    FindRelated,
    GetDeletion,
    GetHistory,
    GetMemory,
    GetProvenance,
    ListMemories,
    ListUsers,
    RestoreMemory,
    SearchMemories,
    UpdateMemory,
)
from afterword.schemas.memory import Memory
from afterword.schemas.values import Kind, Metadata, Scope

CLEAR_SECONDS = 60.0
"""Removing tens of thousands of memories takes time."""


class Memories(TenantCalls):
    """The memories of an owner: `user_id` (with `session_id`, that thread's only), or `agent_id`.

    `by` is the account that asks; an agent's memories are open to its owner, editors and readers. Every
    call waits up to `timeout` seconds.

    Raises:
        InvalidInput: an argument breaks the contract.
        MemoryUnavailable: no answer. Whether the command had its effect is not known.
        CommandFailed: the answer is an error, such as `not_found` or `denied`.
    """

    def list(
        self,
        *,
        scope: Scope | str | None = None,
        kind: Kind | str | None = None,
        archived: bool = False,
        limit: int = 100,
        cursor: str | None = None,
        timeout: float = COMMAND_SECONDS,
        **owner: Unpack[OwnerFields],
    ) -> MemoryPage:
        """A page of at most `limit` memories, newest first; with `archived` those that were archived, instead of the
        others. Ask for the next one with `cursor=page.next_cursor`.
        """
        fields = {"scope": scope, "kind": kind, "archived": archived, "limit": limit, "cursor": cursor, **owner}
        return self._run(ListMemories, timeout, fields)

    def iterate(
        self,
        *,
        scope: Scope | str | None = None,
        kind: Kind | str | None = None,
        archived: bool = False,
        limit: int = 100,
        timeout: float = COMMAND_SECONDS,
        **owner: Unpack[OwnerFields],
    ) -> Iterator[Memory]:
        """All of them, newest first, asked for in pages of `limit`."""
        cursor: str | None = None
        while True:
            page = self.list(
                scope=scope, kind=kind, archived=archived, limit=limit, cursor=cursor, timeout=timeout, **owner
            )
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
        archived: bool = False,
        limit: int = DEFAULT_FOUND,
        cursor: str | None = None,
        explain: bool = False,
        timeout: float = COMMAND_SECONDS,
        **owner: Unpack[OwnerFields],
    ) -> SearchPage:
        """Memories about `query`, best first, each with its relevance as `score`; without a query, newest first.

        Here `user_id` and `agent_id` may be given together: they name what the user said with that agent. `since` and
        `until` (not included) are aware times; `metadata` holds values that a memory's own must equal. Ask for the next
        page with `cursor=page.next_cursor` and the same query and filters. A query finds 200 memories in all.
        """
        which = {"scope": scope, "kind": kind, "since": since, "until": until, "topic": topic, "metadata": metadata}
        fields = {
            "query": query,
            **which,
            "archived": archived,
            "limit": limit,
            "cursor": cursor,
            "explain": explain,
            **owner,
        }
        return self._run(SearchMemories, timeout, fields)

    def related(
        self,
        memory_id: str,
        *,
        limit: int = DEFAULT_RELATED,
        timeout: float = COMMAND_SECONDS,
        **owner: Unpack[OwnerFields],
    ) -> RelatedMemories:
        """The memories of the same owner that go with one: those linked with it, then the nearest by meaning."""
        fields = {"memory_id": memory_id, "limit": limit, **owner}
        return self._run(FindRelated, timeout, fields)

    def get(self, memory_id: str, *, timeout: float = COMMAND_SECONDS, **owner: Unpack[OwnerFields]) -> Memory:
        """One memory."""
        return self._run(GetMemory, timeout, {"memory_id": memory_id, **owner})

    def add(
        self,
        text: str,
        *,
        occurred_at: datetime | str | None = None,
        metadata: Metadata | None = None,
        replaces: str | None = None,
        timeout: float = COMMAND_SECONDS,
        **owner: Unpack[OwnerFields],
    ) -> Memory:
        """Write a memory by hand, known since `occurred_at` (now, if left out); the answer is the memory as stored.

        `replaces` is the id of one that no longer holds: it is kept, and ranks below the new one.
        """
        fields = {"text": text, "occurred_at": occurred_at, "metadata": metadata, "replaces": replaces, **owner}
        return self._run(AddMemory, timeout, fields)

    def restore(self, memory_id: str, *, timeout: float = COMMAND_SECONDS, **owner: Unpack[OwnerFields]) -> Memory:
        """Take a memory out of the archive; the answer is the memory, which contexts may hold again."""
        return self._run(RestoreMemory, timeout, {"memory_id": memory_id, **owner})

    def update(
        self,
        memory_id: str,
        text: str | None = None,
        *,
        metadata: Metadata | None = None,
        timeout: float = COMMAND_SECONDS,
        **owner: Unpack[OwnerFields],
    ) -> Memory:
        """Correct a memory: its text, its metadata, or both. It is found by the new text, and counts as told now; the
        old text is kept in its `history`. An excerpt, being what somebody said, is refused.

        >>> client.memories.update(memory.id, "Lives in Lisbon", user_id="ada")  # doctest: +SKIP
        """
        fields = {"memory_id": memory_id, "text": text, "metadata": metadata, **owner}
        return self._run(UpdateMemory, timeout, fields)

    def history(
        self,
        memory_id: str,
        *,
        limit: int = DEFAULT_VERSIONS,
        cursor: str | None = None,
        timeout: float = COMMAND_SECONDS,
        **owner: Unpack[OwnerFields],
    ) -> MemoryHistory:
        """The versions of a memory, newest first: each text that it had, since when, and by whom it was corrected."""
        fields = {"memory_id": memory_id, "limit": limit, "cursor": cursor, **owner}
        return self._run(GetHistory, timeout, fields)

    def provenance(
        self,
        memory_id: str,
        *,
        around: int = DEFAULT_AROUND,
        timeout: float = COMMAND_SECONDS,
        **owner: Unpack[OwnerFields],
    ) -> MemoryProvenance:
        """The origin of a memory: its conversation, turn, model, prompt and batch, and the turns around it."""
        return self._run(GetProvenance, timeout, {"memory_id": memory_id, "around": around, **owner})

    def delete(
        self,
        memory_id: str,
        *,
        with_source: bool = False,
        timeout: float = COMMAND_SECONDS,
        **owner: Unpack[OwnerFields],
    ) -> Removed:
        """Remove one memory; `with_source`, also the excerpts of the turn that a fact was learned from.

        With `pending` a store is away: the memory is no longer shown, and it is removed later; `deletion` tells how
        far that is.
        """
        fields = {"memory_id": memory_id, "with_source": with_source or None, **owner}
        return self._run(DeleteMemory, timeout, fields)

    def clear(self, *, timeout: float = CLEAR_SECONDS, **owner: Unpack[OwnerFields]) -> Removed:
        """Remove all of the owner's memories; work in flight does not bring them back.

        A `session_id` of None is refused: a lost session must not clear the whole user. `pending` is as in
        `delete`.
        """
        # As it was given, None included: `command_call` refuses a session that was lost.
        return self._run(ClearMemories, timeout, owner)

    def cleanup(
        self,
        user_id: str,
        older_than_days: int,
        *,
        dry_run: bool = False,
        by: str | None = None,
        asked_by: str | None = None,
        timeout: float = CLEAR_SECONDS,
    ) -> CleanedUp:
        """Remove a user's memories that were stored longer ago; with `dry_run` they are only counted."""
        how = {"older_than_days": older_than_days, "dry_run": dry_run}
        return self._run(CleanUpMemories, timeout, {"user_id": user_id, **how, "by": by, "asked_by": asked_by})

    def owners(self, memory_ids: Sequence[str], *, timeout: float = COMMAND_SECONDS) -> MemoryOwners:
        """Whose memories these are, at most 1,000, for a door that is given ids alone and checks its callers itself."""
        return self._run(FindOwners, timeout, {"memory_ids": memory_ids})

    def deletion(
        self, deletion_id: str, *, timeout: float = COMMAND_SECONDS, **owner: Unpack[OwnerFields]
    ) -> DeletionState:
        """How far a deletion is that was `pending`, by the `deletion_id` of its answer."""
        return self._run(GetDeletion, timeout, {"deletion_id": deletion_id, **owner})

    def users(self, *, limit: int = 100, cursor: str | None = None, timeout: float = COMMAND_SECONDS) -> UserPage:
        """A page of the tenant's users and how many memories each has."""
        return self._run(ListUsers, timeout, {"limit": limit, "cursor": cursor})
