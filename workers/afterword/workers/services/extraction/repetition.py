"""Facts that are learned again: counted in the ledger, and more important for it in the vector store.

A fact that its owner already has is not written a second time: the memory that says the same becomes more important
instead. Repetitions are counted in the audit, and the importance that follows is written as a whole value, not as a
step. So writing it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from afterword.schemas import Kind, Scope
from afterword.workers.core.origin import Origin
from afterword.workers.services.memories.importance import importance, repeated
from afterword.workers.stores.ledger import audit, locks, memories
from afterword.workers.stores.ledger.extraction.journal import Entry, Fact
from afterword.workers.stores.vectors import collection
from afterword.workers.stores.vectors.counting import IS_ARCHIVED
from afterword.workers.stores.vectors.owners import Owner
from afterword.workers.stores.vectors.payload import StoredMemory, text_hash
from afterword.workers.stores.vectors.queries import Filter, Match
from afterword.workers.stores.vectors.views import MemoryView


def count(connection: Connection, view: MemoryView, entry: Entry, again: Iterable[tuple[Owner, Fact]]) -> None:
    """Count each memory that says what one of these facts says, once, and write how important that makes it.

    Raises: VectorStoreUnavailable; the transaction is then to be rolled back.
    """
    found = {memory.id: memory for owner, fact in again for memory in _same(view, owner, fact)}
    # Two users' batches may raise one memory of an agent.
    agents = [each.agent_id for each in found.values() if each.scope is Scope.AGENT and each.agent_id]
    locks.serialise(connection, (locks.of_agent(entry.tenant_id, agent) for agent in agents))
    audit.write(connection, [_told("memory_repeat", entry, memory) for memory in found.values()])
    counts = audit.counts(connection, "memory_repeat", list(found))
    importances: dict[str, float] = {}
    for memory in found.values():
        # From the text anew, not from the stored value, which holds earlier repetitions already.
        first = importance(memory.text, memory.kind, memory.attributed_to)
        importances[memory.id] = repeated(first, counts[memory.id])
        view.set_importance(memory.id, importances[memory.id])
        if memory.archived:
            _bring_back(connection, view, entry, memory)
    memories.set_importance(connection, importances)


def _same(view: MemoryView, owner: Owner, fact: Fact) -> Sequence[StoredMemory]:
    must = (
        Match(collection.SCOPE, (fact.scope.value,)),
        Match(collection.KIND, (Kind.FACT.value,)),
        Match(collection.HASH, (text_hash(fact.text),)),
    )
    live = view.page(owner, limit=1, where=Filter(must)).memories
    return live or view.page(owner, limit=1, where=Filter((*must, IS_ARCHIVED))).memories


def _bring_back(connection: Connection, view: MemoryView, entry: Entry, memory: StoredMemory) -> None:
    """Take a memory out of the archive: it is of use again."""
    if memories.restore(connection, memory.tenant_id, memory.id):
        audit.write(connection, [_told("memory_restore", entry, memory, reason="learned again")])
    view.restore(memory.id)


def _told(type: audit.Type, entry: Entry, memory: StoredMemory, **more: str) -> audit.Event:
    # Whose memory it is says the memory; who learned it again, and in which batch, the entry.
    origin = Origin(
        tenant_id=entry.tenant_id,
        user_id=entry.user_id,
        agent_id=memory.agent_id,
        session_id=memory.session_id,
        batch_id=entry.batch_id,
    )
    told = {"scope": memory.scope.value, "kind": memory.kind.value, **more}
    return audit.Event.of(type, origin, told, memory_id=memory.id)
