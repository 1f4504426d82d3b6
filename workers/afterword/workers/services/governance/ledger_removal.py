"""Removing a user from the ledger. Each table is treated in one way, which stands here by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, Table, delete, or_, text, update

from afterword.workers.services.commands.users_named import letters_of
from afterword.workers.services.memories.bookkeeping import Books
from afterword.workers.stores.ledger import deletions, erasures, locks, memories, provenance
from afterword.workers.stores.ledger.agent_members import agent_members
from afterword.workers.stores.ledger.agents import agents
from afterword.workers.stores.ledger.analytics.rollups import STORAGE_LOCK
from afterword.workers.stores.ledger.analytics.statistics import NOBODY
from afterword.workers.stores.ledger.database import allow_minutes
from afterword.workers.stores.ledger.erasures import Erasure
from afterword.workers.stores.ledger.extraction.journal import journal
from afterword.workers.stores.ledger.extraction.llm_calls import llm_calls
from afterword.workers.stores.ledger.ingest.conversations import conversations
from afterword.workers.stores.ledger.ingest.deferred import deferred_events
from afterword.workers.stores.ledger.ingest.sessions import sessions
from afterword.workers.stores.ledger.keys import keys
from afterword.workers.stores.ledger.policies import policies
from afterword.workers.stores.ledger.upkeep import dead_letters
from afterword.workers.stores.ledger.versions import memory_versions
from afterword.workers.stores.ledger.wishes import wishes

NOT_PERSONAL: Final = frozenset(
    {
        "agent_shares",
        "breakers",
        "collections",
        "content_statistics",
        "erasure_keys",
        "hourly_statistics",
        "milestones",
        "snapshots",
        "telemetry_batches",
        "tenant_statistics",
    }
)
"""Tables that name nobody: sums, and the state of the service."""

WITH_THE_RECEIPT: Final = frozenset({"erasures", "subjects"})
"""Tables whose row about the user goes last, in the transaction that writes the receipt: they are the fence."""

IN_BATCHES: Final = frozenset({"audit"})
"""Tables whose rows stay and lose the user's name, some thousand in a transaction."""

_AUDIT_AT_ONCE = 5_000

# `by`, `account` and `owner` may be the user; the others are, or lead to, ids and words of theirs.
_PSEUDONYMISE = text(
    """
    UPDATE audit SET
        user_id = :pseudonym,
        session_id = left(encode(sha256(convert_to(:key || session_id, 'UTF8')), 'hex'), 16),
        event_id = left(encode(sha256(convert_to(:key || event_id, 'UTF8')), 'hex'), 16),
        memory_id = left(encode(sha256(convert_to(:key || memory_id, 'UTF8')), 'hex'), 16),
        query = NULL,
        metadata = metadata - '{by,account,owner,key,query_hash,events,batch_id,without_vector}'::text[]
    WHERE id IN (
        SELECT id FROM audit WHERE tenant_id = :tenant_id AND user_id = :user_id LIMIT :limit
    )
    """
)
_FORGET_ASKER = text(
    """
    UPDATE audit SET metadata = metadata - '{by,account,owner}'::text[]
    WHERE tenant_id = :tenant_id AND :user_id IN (metadata->>'by', metadata->>'account', metadata->>'owner')
    """
)


@dataclass(frozen=True, slots=True)
class LedgerRemoval:
    """Removes a user from every table but those that go with the receipt."""

    books: Books

    @property
    def treatments(self) -> Mapping[str, Callable[[Connection, Erasure], int]]:
        """How each table is treated, in this order; each returns how many rows it removed or changed."""
        return {
            # First: a sweep that has one of these in hand writes no more audit rows about it afterwards.
            "deletions": lambda c, e: deletions.remove_of(c, e.tenant_id, e.user_id),
            "journal": lambda c, e: _removed(c, journal, e),
            "dead_letters": _dead_letters,
            "conversations": lambda c, e: _removed(c, conversations, e),
            "deferred_events": lambda c, e: _removed(c, deferred_events, e),
            "sessions": lambda c, e: _removed(c, sessions, e),
            "memory_versions": _memory_versions,
            "wishes": _wishes,
            "memories": lambda c, e: self.books.erase_rows(c, e.tenant_id, e.user_id, None),
            "daily_statistics": lambda c, e: 0,  # noqa: ARG005  # the books made them nobody's
            "user_statistics": lambda c, e: 0,  # noqa: ARG005  # and removed these
            "llm_calls": _llm_calls,
            "keys": _keys,
            "agents": _agents,
            "agent_members": _agent_members,
            "policies": _policies,
        }

    def remove(self, connection: Connection, erasure: Erasure) -> dict[str, int]:
        """Remove the user, in one transaction. Returns how many rows of each table."""
        allow_minutes(connection)
        # A snapshot that counts users' memories just now must not write this one down afterwards.
        locks.serialise(connection, [STORAGE_LOCK])
        learned = self._removed_learned(connection, erasure)
        counts = {table: treat(connection, erasure) for table, treat in self.treatments.items()}
        return {**counts, "agents_memories": learned}

    def _removed_learned(self, connection: Connection, erasure: Erasure) -> int:
        found = provenance.learned_from(connection, erasure.tenant_id, erasure.user_id)
        ids = [each.memory_id for each in found]
        if erasure.keep_learned:
            provenance.forget_events(connection, erasure.tenant_id, ids)
            return len(ids)
        gone = memories.remove(connection, erasure.tenant_id, ids) if ids else []
        return self.books.note_removed(connection, gone, datetime.now(UTC))


def pseudonymise_audit(connection: Connection, erasure: Erasure) -> int:
    """Take the user's name off some audit rows; how many, 0 when there are none left.

    What a row counts stays. Rows of one erasure share a pseudonym that nothing links to the user any more.
    """
    allow_minutes(connection)
    key = erasures.key_of(connection)
    told = {
        "tenant_id": erasure.tenant_id,
        "user_id": erasure.user_id,
        "pseudonym": f"erased:{erasures.hashed(key, 'pseudonym', erasure.id)[:16]}",
        "key": erasures.hashed(key, "audit", erasure.id),
        "limit": _AUDIT_AT_ONCE,
    }
    return connection.execute(_PSEUDONYMISE, told).rowcount


def forget_asker(connection: Connection, erasure: Erasure) -> int:
    """Take the user's name off what they asked about others, such as an agent that they own."""
    allow_minutes(connection)
    return connection.execute(_FORGET_ASKER, {"tenant_id": erasure.tenant_id, "user_id": erasure.user_id}).rowcount


def _removed(connection: Connection, table: Table, erasure: Erasure) -> int:
    theirs = (table.c.tenant_id == erasure.tenant_id, table.c.user_id == erasure.user_id)
    return connection.execute(delete(table).where(*theirs)).rowcount


def _memory_versions(connection: Connection, erasure: Erasure) -> int:
    corrected = (memory_versions.c.tenant_id == erasure.tenant_id, memory_versions.c.by == erasure.user_id)
    connection.execute(update(memory_versions).where(*corrected).values(by=None))
    return _removed(connection, memory_versions, erasure)


def _wishes(connection: Connection, erasure: Erasure) -> int:
    said = (wishes.c.tenant_id == erasure.tenant_id, wishes.c.by == erasure.user_id)
    connection.execute(update(wishes).where(*said).values(by=None))
    # Their own objection, too: who comes back is new, and may object again.
    return _removed(connection, wishes, erasure)


def _dead_letters(connection: Connection, erasure: Erasure) -> int:
    wanted = letters_of(erasure.user_id)
    return len(dead_letters.clear(connection, erasure.tenant_id, erasure.user_id, wanted=wanted))


def _llm_calls(connection: Connection, erasure: Erasure) -> int:
    # What they cost stays true.
    theirs = (llm_calls.c.tenant_id == erasure.tenant_id, llm_calls.c.user_id == erasure.user_id)
    return connection.execute(update(llm_calls).where(*theirs).values(user_id=NOBODY)).rowcount


def _keys(connection: Connection, erasure: Erasure) -> int:
    # Removed and not only revoked: a revoked key stays listed, and names its user.
    theirs = or_(keys.c.user_id == erasure.user_id, keys.c.account == erasure.user_id)
    return connection.execute(delete(keys).where(keys.c.tenant_id == erasure.tenant_id, theirs)).rowcount


def _policies(connection: Connection, erasure: Erasure) -> int:
    # Policies of others stay, and forget who wrote them.
    written = (policies.c.tenant_id == erasure.tenant_id, policies.c.by == erasure.user_id)
    connection.execute(update(policies).where(*written).values(by=None))
    return _removed(connection, policies, erasure)


def _agents(connection: Connection, erasure: Erasure) -> int:
    owned = (agents.c.tenant_id == erasure.tenant_id, agents.c.owner_id == erasure.user_id)
    return connection.execute(update(agents).where(*owned).values(owner_id=None)).rowcount


def _agent_members(connection: Connection, erasure: Erasure) -> int:
    theirs = (agent_members.c.tenant_id == erasure.tenant_id, agent_members.c.account == erasure.user_id)
    return connection.execute(delete(agent_members).where(*theirs)).rowcount
