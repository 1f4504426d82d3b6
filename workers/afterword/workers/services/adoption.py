"""Adoption: memories that plain mem0 wrote become memories of a tenant, where they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from afterword.schemas import Scope
from afterword.workers.services.importance import importance
from afterword.workers.stores.ledger import subjects
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.vectors import collection as c
from afterword.workers.stores.vectors.payload import StoredMemory, from_payload, to_payload
from afterword.workers.stores.vectors.port import Filter, Hit, Missing, Payload, VectorStore
from afterword.workers.stores.vectors.schema import Shape, recognise

_FILLED_IN = (
    *(c.TENANT, c.SCOPE, c.KIND, c.LANGUAGE, c.LEXICAL, c.IMPORTANCE, c.OCCURRED_AT, c.EXPIRES_AT, c.METADATA),
)


@dataclass(frozen=True, slots=True)
class Adopted:
    """How many memories were adopted, and how many points stay as they are: `nobodys` say neither whose user's nor
    which agent's they are (a run alone is nobody's), `foreign` are no memories of mem0's."""

    memories: int = 0
    nobodys: int = 0
    foreign: int = 0


def adopt(store: VectorStore, database: Database, tenant_id: str) -> Adopted:
    """Give every memory that plain mem0 wrote to a tenant, with the scope, language, search terms, importance,
    time and metadata that follow from its payload. mem0's own fields and the vector stay: mem0 reads it as before.

    Run again after a failure, it goes on with what is left.

    Raises: VectorStoreUnavailable, LedgerUnavailable.
    """
    memories = nobodys = foreign = 0
    users: set[str] = set()
    for hit in store.scan(Filter((Missing(c.TENANT),))):
        if not _is_memory(hit):
            foreign += 1
            continue
        memory = replace(from_payload(hit.id, hit.payload), tenant_id=tenant_id)
        if not _has_owner(memory):
            nobodys += 1
            continue
        if memory.user_id is not None and memory.user_id not in users:
            # Before the memory is theirs: a user who can be found has a row.
            with database.transaction() as connection:
                subjects.lock(connection, tenant_id, memory.user_id)
            users.add(memory.user_id)
        store.set_payload([hit.id], filled_in(memory))
        memories += 1
    return Adopted(memories, nobodys, foreign)


def filled_in(memory: StoredMemory) -> Payload:
    """The fields that a point of plain mem0's lacks."""
    important = importance(memory.text, memory.kind, memory.attributed_to)
    payload = to_payload(replace(memory, importance=important))
    return {field: payload[field] for field in _FILLED_IN if field in payload}


def _is_memory(hit: Hit) -> bool:
    payload = hit.payload
    texts = (payload.get(field, "") for field in (c.TEXT, c.USER, c.AGENT, c.SESSION))
    plain = bool(payload.get(c.TEXT)) and all(isinstance(text, str | None) for text in texts)
    return plain and recognise(payload) in (Shape.MEM0_1, Shape.MEM0_2) and _is_uuid(hit.id)


def _has_owner(memory: StoredMemory) -> bool:
    # What an agent learned in a run may be of the one it talked with: it is not shown to all.
    return bool(memory.agent_id if memory.scope is Scope.AGENT else memory.user_id)


def _is_uuid(point_id: str) -> bool:
    try:
        UUID(point_id)
    except ValueError:
        return False
    return True
