"""A memory as it is stored, and its Qdrant payload. mem0's own field names where mem0 has one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from afterword.schemas.memory import Memory, Provenance
from afterword.schemas.values import DEFAULT_TENANT, Kind, Metadata, Scope
from afterword.schemas.zones import with_clock
from afterword.workers.stores.vectors import collection as c
from afterword.workers.stores.vectors.partitions import partition, partitioned
from afterword.workers.stores.vectors.queries import Payload
from afterword.workers.text import language
from afterword.workers.text.lexical_field import lexical_field

_UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)

# Attribute → payload field, where the value is stored as it is.
_PLAIN = {
    "user_id": c.USER,
    "agent_id": c.AGENT,
    "session_id": c.SESSION,
    "event_id": c.EVENT,
    "message": c.MESSAGE,
    "message_id": c.MESSAGE_ID,
    "role": c.ROLE,
    "speaker": c.SPEAKER,
    "attributed_to": c.ATTRIBUTED_TO,
    "importance": c.IMPORTANCE,
    "topic": c.TOPIC,
    "replaces": c.REPLACES,
}
_TIMES = {
    "occurred_at": c.OCCURRED_AT,
    "created_at": c.CREATED_AT,
    "updated_at": c.UPDATED_AT,
    "expires_at": c.EXPIRES_AT,
}
_OTHER = (
    *(c.TEXT, c.HASH, c.TENANT, c.SCOPE, c.KIND, c.LANGUAGE, c.LEXICAL, c.LINKED, c.PREVIOUS, c.METADATA),
    *(c.LEMMAS, c.EXPIRATION_DATE, c.ARCHIVED),
)
_SCOPES = {scope.value: scope for scope in Scope}
_KINDS = {kind.value: kind for kind in Kind}
KNOWN = frozenset((*_PLAIN.values(), *_TIMES.values(), *_OTHER))
"""Every field that has a meaning here."""
_MEM0S = frozenset(
    (
        *(c.TEXT, c.HASH, c.USER, c.AGENT, c.SESSION, c.CREATED_AT, c.UPDATED_AT, c.ROLE, c.SPEAKER),
        *(c.ATTRIBUTED_TO, c.LEMMAS, c.LINKED, c.EXPIRATION_DATE),
    )
)
"""The fields that mem0 itself writes of a memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMemory:
    """A memory in the vector store.

    `id` is a UUID's text, `message` the position of the turn in its event (0 is the first), `importance` from 0 to 1.
    All times are aware; `occurred_at` has the offset of the speaker's clock. A `language` of None is detected when the
    memory is written, `terms` of None are then those of the text and its speaker. `previous` are the excerpts of the
    turns before it, nearest first, `speaker` the name of who said it. `replaces` is the memory whose place it takes. An
    `archived` one is no part of recall.
    """

    id: str
    text: str
    scope: Scope
    kind: Kind
    tenant_id: str
    user_id: str | None = None
    agent_id: str | None = None
    session_id: str | None = None
    event_id: str | None = None
    message: int | None = None
    message_id: str | None = None
    role: str | None = None
    speaker: str | None = None
    attributed_to: str | None = None
    occurred_at: datetime
    created_at: datetime
    updated_at: datetime | None = None
    language: str | None = None
    importance: float | None = None
    topic: str | None = None
    expires_at: datetime | None = None
    linked_memory_ids: tuple[str, ...] = ()
    previous: tuple[str, ...] = ()
    terms: str | None = None
    archived: bool = False
    replaces: str | None = None
    metadata: Metadata = field(default_factory=dict)

    @property
    def told_at(self) -> datetime:
        """Since when it is known to be so: a correction, or what was added in the place of another, tells how things
        are now, whenever it was first said.
        """
        corrected_at = self.updated_at or (self.created_at if self.replaces else self.occurred_at)
        return max(self.occurred_at, corrected_at)


def text_hash(text: str) -> str:
    """MD5 of the text. mem0 recognises duplicates by the same hash."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def to_payload(memory: StoredMemory) -> Payload:
    """The payload of a memory, with its hash, language and search terms; fields without a value are left out."""
    payload: Payload = {
        c.TEXT: memory.text,
        c.HASH: text_hash(memory.text),
        c.TENANT: memory.tenant_id,
        c.SCOPE: memory.scope.value,
        c.KIND: memory.kind.value,
        c.LANGUAGE: memory.language or language.detect(memory.text),
        c.LEXICAL: _lexical(memory),
        c.LINKED: list(memory.linked_memory_ids),
        c.PREVIOUS: list(memory.previous),
        c.METADATA: dict(memory.metadata),
        c.ARCHIVED: c.YES if memory.archived else None,
    }
    payload |= {name: getattr(memory, attribute) for attribute, name in _PLAIN.items()}
    payload |= {name: _to_text(getattr(memory, attribute)) for attribute, name in _TIMES.items()}
    return {name: value for name, value in payload.items() if value is not None and value not in ([], {})}


def from_payload(memory_id: str, payload: Mapping[str, Any]) -> StoredMemory:
    """The memory of a point: one of ours, or one that mem0 wrote by itself.

    A point of mem0's is a fact of the default tenant. Its scope follows from the ids it carries; its other fields are
    its metadata. It expires at the end of its `expiration_date`.
    """
    # Before the payload is cut to mem0's own fields below.
    metadata = _metadata_of(payload)
    clock = None
    if c.TENANT not in payload:
        # A field of ours in it is metadata of mem0's caller, with another meaning. Its times are by a machine's clock.
        payload, clock = {name: value for name, value in payload.items() if name in _MEM0S}, UTC
    plain: dict[str, Any] = {attribute: payload.get(name) for attribute, name in _PLAIN.items()}
    times: dict[str, Any] = {attribute: _to_time(payload.get(name), clock) for attribute, name in _TIMES.items()}
    times["expires_at"] = times["expires_at"] or _end_of(payload.get(c.EXPIRATION_DATE))
    created_at = times.pop("created_at") or times["occurred_at"] or _UNKNOWN_TIME
    return StoredMemory(
        id=memory_id,
        text=payload.get(c.TEXT, ""),
        scope=_scope_of(payload),
        kind=_KINDS.get(str(payload.get(c.KIND)), Kind.FACT),
        tenant_id=payload.get(c.TENANT, DEFAULT_TENANT),
        language=payload.get(c.LANGUAGE),
        linked_memory_ids=tuple(payload.get(c.LINKED, ())),
        previous=tuple(payload.get(c.PREVIOUS, ())),
        metadata=metadata,
        archived=payload.get(c.ARCHIVED) == c.YES,
        occurred_at=times.pop("occurred_at") or created_at,
        created_at=created_at,
        **plain,
        **times,
    )


def to_memory(stored: StoredMemory, score: float | None = None, *, to_owner: bool = True) -> Memory:
    """The memory as its owner sees it, or with `to_owner=False` as any user of its agent does.

    Users of an agent are not told whom its memories were learned from: the ids of that event and message are left out.
    """
    source = None
    if stored.event_id is not None and (to_owner or stored.scope is not Scope.AGENT):
        source = Provenance(event_id=stored.event_id, message=stored.message, message_id=stored.message_id)
    return Memory(
        id=stored.id,
        text=stored.text,
        scope=stored.scope,
        kind=stored.kind,
        score=score,
        occurred_at=stored.occurred_at,
        created_at=stored.created_at,
        updated_at=stored.updated_at,
        user_id=stored.user_id,
        agent_id=stored.agent_id,
        session_id=stored.session_id,
        role=stored.role,
        language=stored.language,
        topic=stored.topic,
        importance=stored.importance,
        source=source,
        archived=stored.archived,
        replaces=stored.replaces,
        metadata=stored.metadata,
    )


def _lexical(memory: StoredMemory) -> str:
    terms = lexical_field(memory.text, memory.speaker) if memory.terms is None else memory.terms
    owner_id = memory.agent_id if memory.scope is Scope.AGENT else memory.user_id
    return partitioned(terms, partition(memory.tenant_id, owner_id or ""))


def _scope_of(payload: Mapping[str, Any]) -> Scope:
    if (scope := _SCOPES.get(str(payload.get(c.SCOPE)))) is not None:
        return scope
    if payload.get(c.SESSION):
        return Scope.SESSION
    return Scope.AGENT if payload.get(c.AGENT) and not payload.get(c.USER) else Scope.USER


def _metadata_of(payload: Mapping[str, Any]) -> Metadata:
    if c.TENANT in payload:
        return dict(payload.get(c.METADATA, {}))
    # mem0 spreads its metadata over the payload.
    return {
        name: value
        for name, value in payload.items()
        if name not in _MEM0S and (value is None or isinstance(value, str | int | float | bool))
    }


def _to_text(time: datetime | None) -> str | None:
    return with_clock(time).isoformat() if time else None


def _end_of(day: object) -> datetime | None:
    start = _to_time(day)
    return start + timedelta(days=1) if start else None


def _to_time(value: object, clock: tzinfo | None = None) -> datetime | None:
    """An aware time by this clock, else by the clock of its own offset. None for a text that is no time."""
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    if time.tzinfo is None:
        return time.replace(tzinfo=UTC)
    return time if clock is None or time.tzinfo is clock else time.astimezone(clock)
