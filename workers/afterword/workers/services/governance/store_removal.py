"""Removing a user from the vector store, and sampling what a scan shall look for afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from afterword.workers.services.governance import phrases
from afterword.workers.services.governance.steps import Note
from afterword.workers.stores.ledger import erasures, memories, provenance
from afterword.workers.stores.ledger.database import Database, allow_minutes
from afterword.workers.stores.ledger.erasures import Erasure, Watched
from afterword.workers.stores.ledger.ingest import conversations
from afterword.workers.stores.ledger.provenance import LearnedFromUser
from afterword.workers.stores.vectors import collection as c
from afterword.workers.stores.vectors.admin import StoreAdmin
from afterword.workers.stores.vectors.owners import UserOwner
from afterword.workers.stores.vectors.payload import StoredMemory, from_payload

_MOST_IDS = 2_000
_CONVERSATIONS = 200
_AT_ONCE = 1_000

_OF_A_PERSON = (c.EVENT, c.MESSAGE, c.MESSAGE_ID, c.ATTRIBUTED_TO)
"""What an agent's memory that stays does not tell any more."""


@dataclass(frozen=True, slots=True)
class StoreRemoval:
    """The vector store's side of an erasure. Raises: VectorStoreUnavailable, LedgerUnavailable."""

    database: Database
    admin: StoreAdmin

    def sample(self, erasure: Erasure, note: Note) -> None:
        """Note what the scan shall look for, and how many memories of each scope and kind there are."""
        with self.database.transaction() as connection:
            allow_minutes(connection)
            key = erasures.key_of(connection)
            ids = provenance.ids_of(connection, erasure.tenant_id, erasure.user_id, limit=_MOST_IDS)
            said = _said(connection, erasure)
            learned = provenance.learned_from(connection, erasure.tenant_id, erasure.user_id)
        kept = [*self._of_user(erasure), *([] if erasure.keep_learned else self._of_agents(erasure, learned))]
        watched = Watched(tuple(ids), phrases.sampled((*said, *(each.text for each in kept)), key))
        with self.database.transaction() as connection:
            erasures.watch(connection, erasure.id, watched)
        note(Counter(f"{each.scope}.{each.kind}" for each in kept))

    def remove(self, erasure: Erasure, note: Note) -> None:
        """Remove the user's memories, and what agents learned from them, or whom they learned it from."""
        with self.database.transaction() as connection:
            allow_minutes(connection)
            learned = provenance.learned_from(connection, erasure.tenant_id, erasure.user_id)
        own = [each.id for each in self._of_user(erasure)]
        ids = [each.memory_id for each in learned]
        note({"memories": len(own), "agents_memories_kept" if erasure.keep_learned else "agents_memories": len(ids)})
        # Those that a worker may have written since, of whatever scope, are known by their ids.
        self._delete([*own, *erasure.memory_ids])
        if not erasure.keep_learned:
            self._delete(ids)
            return
        for hit in self.admin.get(ids):
            self.admin.set_payload(hit.id, {**dict.fromkeys(_OF_A_PERSON), c.LINKED: []})

    def remove_late(self, erasure: Erasure) -> None:
        """Remove once more what workers had in their hands: one that was paused may have written it since.

        A memory that is on the books is of somebody who came back and said the same.
        """
        with self.database.transaction() as connection:
            booked = memories.known(connection, erasure.tenant_id, erasure.memory_ids) if erasure.memory_ids else set()
        self._delete(each for each in erasure.memory_ids if each not in booked)

    def _of_user(self, erasure: Erasure) -> Iterable[StoredMemory]:
        owner = UserOwner(erasure.tenant_id, erasure.user_id)
        return (from_payload(hit.id, hit.payload) for hit in self.admin.scan(owner.where))

    def _of_agents(self, erasure: Erasure, learned: Iterable[LearnedFromUser]) -> Iterable[StoredMemory]:
        known = {each.memory_id for each in learned}
        found = (from_payload(hit.id, hit.payload) for hit in self.admin.get(list(known)))
        return (memory for memory in found if memory.tenant_id == erasure.tenant_id)

    def _delete(self, ids: Iterable[str]) -> None:
        wanted = list(dict.fromkeys(ids))
        for start in range(0, len(wanted), _AT_ONCE):
            self.admin.delete(wanted[start : start + _AT_ONCE])


def _said(connection: Connection, erasure: Erasure) -> list[str]:
    recent = conversations.recent(connection, erasure.tenant_id, erasure.user_id, limit=_CONVERSATIONS)
    return [turn.text for conversation in recent for turn in conversation.turns]
