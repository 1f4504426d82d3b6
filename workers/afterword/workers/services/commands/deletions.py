"""Carrying deletions out: the vector store's side of what is recorded in the ledger, at once or by a sweep."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection

from afterword.schemas import Removed
from afterword.workers.core.errors import Late, StoreUnavailable
from afterword.workers.core.origin import Origin
from afterword.workers.services.commands.changes import Changes
from afterword.workers.services.memories.pending_deletions import PendingDeletions
from afterword.workers.services.recall.steps import Deadline, Steps
from afterword.workers.stores.ledger import audit, deletions, memories
from afterword.workers.stores.ledger.deletions import Deletion, Wanted
from afterword.workers.stores.vectors import collection
from afterword.workers.stores.vectors.owners import AgentOwner, Owner, SessionOwner, UserOwner
from afterword.workers.stores.vectors.queries import Condition, Filter, Ids, TimeRange

logger = logging.getLogger(__name__)

_NEVER = Deadline()
_ANSWERED_WITHIN = 0.8
"""The part of the asker's time that removing may take; the reply needs the rest to be there in time."""

_CLOCKS = timedelta(seconds=5)
"""The clocks of two hosts may differ by this much. A memory that seems to be written this shortly after a clear, and is
not on the books, was written before it."""


class Deletions:
    """Carries recorded deletions out. Doing it again changes nothing."""

    def __init__(self, changes: Changes, pending: PendingDeletions, steps: Steps) -> None:
        self._changes = changes
        self._pending = pending
        self._steps = steps

    def carry_out(self, deletion: Deletion, deadline: Deadline = _NEVER) -> Removed:
        """Remove its memories from the vector store.

        It stays pending while a store is away; then a sweep completes it. It is also pending when it takes longer than
        its asker waits; then it goes on here.
        """
        # Hidden first: it is recorded, and holds whether it can be carried out now or not.
        self._pending.note(deletion)
        try:
            return self._steps.run(lambda: self._carried_out(deletion), deadline.share(_ANSWERED_WITHIN))
        except Late:
            return _still_pending(deletion)

    def _carried_out(self, deletion: Deletion) -> Removed:
        try:
            removed = self._finish(deletion)
        except StoreUnavailable as error:
            logger.warning("a deletion is recorded, and waits for the sweep: %s", error)
            return _still_pending(deletion)
        self._pending.drop(deletion)
        return Removed(removed=removed)

    def settle(self, deletion: Deletion) -> None:
        """Remove once more the memories that a worker had in hand at the time: one that was paused or killed may have
        written them since. A memory that is on the books was learned again later, and stays.

        Raises: VectorStoreUnavailable, LedgerUnavailable.
        """
        wanted, database = deletion.wanted, self._changes.database
        with database.transaction() as connection:
            booked = memories.known(connection, wanted.tenant_id, wanted.memory_ids) if wanted.memory_ids else set()
        if left := [each for each in wanted.memory_ids if each not in booked]:
            self._delete(wanted, left)
        with database.transaction() as connection:
            deletions.settle(connection, deletion.id)

    def _delete(self, wanted: Wanted, ids: Sequence[str]) -> int:
        agents = (AgentOwner(wanted.tenant_id, agent_id) for agent_id in wanted.agents)
        user = () if wanted.user_id is None else (UserOwner(wanted.tenant_id, wanted.user_id),)
        return self._changes.views.of(*dict.fromkeys((owner_of(wanted), *user, *agents))).delete(ids)

    def _finish(self, deletion: Deletion) -> int:
        wanted, views = deletion.wanted, self._changes.views
        owner = owner_of(wanted)
        removed, counts = 0, {}
        if wanted.everything:
            view = views.of(owner)
            counts = view.counts_by_kind(owner)
            removed = view.delete_all(self._before(deletion))
        if wanted.memory_ids:
            named = self._delete(wanted, wanted.memory_ids)
            # The named ids of a clear were only in work: nobody knew them as memories, so they are not counted.
            removed = removed if wanted.everything else named
        with self._changes.database.transaction() as connection:
            # A command and a sweep may both carry it out: the one that finishes it counts it.
            first = deletions.finish(connection, deletion.id)
            # A single memory has its audit row from the moment when its deletion was recorded.
            if first and wanted.everything:
                audit.write(connection, [_cleared(wanted, removed)])
        if first and wanted.everything:
            self._changes.metrics.count_memories("delete", counts)
        elif first:
            self._changes.metrics.memories.labels("delete", wanted.details["scope"], wanted.details["kind"]).inc(
                removed
            )
        return removed

    def _before(self, deletion: Deletion) -> Filter:
        """The memories that were there at the time. One on the books came later: the clear has erased all rows."""
        wanted, at = deletion.wanted, deletion.requested_at
        with self._changes.database.transaction() as connection:
            since = memories.ids_since(connection, wanted.tenant_id, wanted.user_id, wanted.agent_id, at)
        later: tuple[Condition, ...] = (TimeRange(collection.CREATED_AT, since=at + _CLOCKS),)
        return Filter(must_not=(*later, Ids(tuple(since))) if since else later)


def _still_pending(deletion: Deletion) -> Removed:
    return Removed(removed=0, pending=True, deletion_id=str(deletion.id))


def owner_of(wanted: Wanted) -> Owner:
    """Whose memories are to be forgotten."""
    if wanted.user_id is None:
        return AgentOwner(wanted.tenant_id, wanted.agent_id or "")
    if wanted.session_id is not None:
        return SessionOwner(wanted.tenant_id, wanted.user_id, wanted.session_id)
    return UserOwner(wanted.tenant_id, wanted.user_id)


def audited(connection: Connection, wanted: Wanted, memory_id: str) -> None:
    """The audit row of one deleted memory, in the transaction that takes it off the books."""
    told = {**wanted.details, **_by(wanted)}
    audit.write(
        connection,
        [audit.Event.of("memory_delete", _origin(wanted), told, memory_id=memory_id, result_count=1)],
    )


def _cleared(wanted: Wanted, stored: int) -> audit.Event:
    told = {"stored": stored, **_by(wanted)}
    return audit.Event.of("memory_clear", _origin(wanted), told, result_count=wanted.known)


def _by(wanted: Wanted) -> dict[str, str]:
    return {"by": wanted.requested_by} if wanted.requested_by else {}


def _origin(wanted: Wanted) -> Origin:
    return Origin(
        tenant_id=wanted.tenant_id,
        user_id=wanted.user_id,
        agent_id=wanted.agent_id,
        session_id=wanted.session_id,
    )
