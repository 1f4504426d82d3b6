"""The journal: the validated answer of a batch, with final ids, before anything of it is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Table,
    Text,
    UniqueConstraint,
    column,
    delete,
    func,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID, insert

from afterword.schemas import MemoryOwner, Scope
from afterword.workers.core.origin import Origin
from afterword.workers.core.tokens import Tokens
from afterword.workers.stores.ledger.metadata import count, metadata, moment

journal = Table(
    "journal",
    metadata,
    Column("batch_id", UUID(as_uuid=False), primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),
    # [{conversation_id, event_id, first, last}]: the turns that this batch covers
    Column("slices", JSONB, nullable=False),
    # The validated answer: every fact with its final id and its metadata
    Column("facts", JSONB, nullable=False),
    Column("model", Text, nullable=False),
    # NULL for an answer of a worker that did not tell it
    Column("prompt_version", Text),
    count("prompt_tokens"),
    count("cached_tokens"),
    count("completion_tokens"),
    moment("created_at", now=True),
    # One open batch a subject.
    UniqueConstraint("tenant_id", "user_id"),
)


@dataclass(frozen=True, slots=True)
class Slice:
    """The turns [first, last) of a conversation, counted among its kept turns."""

    conversation_id: int
    event_id: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Fact:
    """One extracted fact as it will be written: its final id, its owner, its source."""

    id: str
    text: str
    scope: Scope
    attributed_to: str | None
    event_id: str
    message: int
    message_id: str | None
    agent_id: str | None
    session_id: str | None
    occurred_at: datetime
    linked_memory_ids: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "scope": self.scope.value, "occurred_at": self.occurred_at.isoformat()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Fact:
        return cls(
            **{
                **value,
                "scope": Scope(value["scope"]),
                "occurred_at": datetime.fromisoformat(value["occurred_at"]),
                "linked_memory_ids": tuple(value["linked_memory_ids"]),
            }
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """An open batch of a subject."""

    batch_id: str
    tenant_id: str
    user_id: str
    generation: int
    slices: tuple[Slice, ...]
    facts: tuple[Fact, ...]
    model: str
    tokens: Tokens = field(default_factory=Tokens)
    prompt_version: str | None = None

    def origin(self, fact: Fact) -> Origin:
        """Whose a fact of this batch is, and what it was learned from."""
        return Origin(
            tenant_id=self.tenant_id,
            user_id=self.user_id,
            agent_id=fact.agent_id,
            session_id=fact.session_id,
            event_id=fact.event_id,
            batch_id=self.batch_id,
        )


def write(connection: Connection, entry: Entry) -> None:
    """Journal a batch. A subject has one open batch at most."""
    # Bounded once more: a count that no column holds must not cost the answer.
    tokens = entry.tokens.of_one_call()
    connection.execute(
        insert(journal).values(
            batch_id=entry.batch_id,
            tenant_id=entry.tenant_id,
            user_id=entry.user_id,
            generation=entry.generation,
            slices=[asdict(part) for part in entry.slices],
            facts=[fact.to_json() for fact in entry.facts],
            model=entry.model,
            prompt_version=entry.prompt_version,
            prompt_tokens=tokens.prompt,
            cached_tokens=tokens.cached,
            completion_tokens=tokens.completion,
        )
    )


def read(connection: Connection, tenant_id: str, user_id: str) -> Entry | None:
    """The open batch of a subject, if there is one."""
    row = connection.execute(
        select(journal).where(journal.c.tenant_id == tenant_id, journal.c.user_id == user_id)
    ).one_or_none()
    if row is None:
        return None
    return Entry(
        batch_id=row.batch_id,
        tenant_id=row.tenant_id,
        user_id=row.user_id,
        generation=row.generation,
        slices=tuple(Slice(**part) for part in row.slices),
        facts=tuple(Fact.from_json(fact) for fact in row.facts),
        model=row.model,
        tokens=Tokens(row.prompt_tokens, row.cached_tokens, row.completion_tokens),
        prompt_version=row.prompt_version,
    )


def is_open(connection: Connection, tenant_id: str, user_id: str) -> bool:
    """Whether the subject has an open batch."""
    open_batch = (journal.c.tenant_id == tenant_id, journal.c.user_id == user_id)
    return connection.execute(select(journal.c.batch_id).where(*open_batch)).first() is not None


_FACT = func.jsonb_array_elements(journal.c.facts).table_valued(column("value", JSONB), name="fact")


def owners(connection: Connection, tenant_id: str, ids: Sequence[str]) -> list[MemoryOwner]:
    """Whose facts of open batches these are; an id of no such fact is left out."""
    fact = _FACT.c.value
    rows = connection.execute(
        select(journal.c.user_id, fact.label("fact"))
        .join_from(journal, _FACT, true())
        .where(journal.c.tenant_id == tenant_id, fact["id"].astext.in_(ids))
    )
    return [_owner(row.user_id, Fact.from_json(row.fact)) for row in rows]


def _owner(user_id: str, fact: Fact) -> MemoryOwner:
    # What an agent learned is its own, whoever it learned it from.
    of_agent = fact.scope is Scope.AGENT
    return MemoryOwner(
        memory_id=fact.id,
        scope=fact.scope,
        user_id=None if of_agent else user_id,
        agent_id=fact.agent_id,
        session_id=None if of_agent else fact.session_id,
    )


def ids_left(connection: Connection, tenant_id: str, user_id: str) -> set[str]:
    """The ids of the facts in the subject's open batch, which nobody withdraws before the transaction ends."""
    open_batch = (journal.c.tenant_id == tenant_id, journal.c.user_id == user_id)
    facts = connection.execute(select(journal.c.facts).where(*open_batch).with_for_update()).scalar_one_or_none()
    return {fact["id"] for fact in facts or ()}


def withdraw(connection: Connection, tenant_id: str, agent_id: str) -> list[str]:
    """Take an agent's own facts out of every open batch of its tenant; their ids. A worker may be writing them."""
    own = {"scope": Scope.AGENT.value, "agent_id": agent_id}
    # In order, as all who lock several.
    rows = connection.execute(
        select(journal.c.batch_id, journal.c.facts)
        .where(journal.c.tenant_id == tenant_id, journal.c.facts.contains([own]))
        .order_by(journal.c.batch_id)
        .with_for_update()
    ).all()
    withdrawn: list[str] = []
    for row in rows:
        gone = [fact for fact in row.facts if own.items() <= fact.items()]
        left = [fact for fact in row.facts if fact not in gone]
        connection.execute(update(journal).where(journal.c.batch_id == row.batch_id).values(facts=left))
        withdrawn += [fact["id"] for fact in gone]
    return withdrawn


def remove(connection: Connection, tenant_id: str, user_id: str) -> Sequence[str]:
    """Drop the subject's open batch; its batch id, if there was one."""
    gone = connection.execute(
        delete(journal)
        .where(journal.c.tenant_id == tenant_id, journal.c.user_id == user_id)
        .returning(journal.c.batch_id)
    )
    return list(gone.scalars())
