"""The tables of the ledger. Every row about a person carries (tenant_id, user_id), so that erasing finds it."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _moment(name: str, *, now: bool = False) -> Column[object]:
    default = func.clock_timestamp() if now else None
    return Column(name, DateTime(timezone=True), nullable=not now, server_default=default)


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default="0")


subjects = Table(
    "subjects",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    # Raised by clear and erase: work begun under an older generation is void.
    Column("generation", BigInteger, nullable=False, server_default="0"),
    # Raised by every claim: a commit under an older fence is refused.
    Column("fence", BigInteger, nullable=False, server_default="0"),
    _moment("due_at"),
    _moment("first_at"),
    _moment("lease_until"),
    _count("pending_tokens"),
    _count("attempts"),
    # How many conversations a batch may hold while one that cannot be extracted is looked for; NULL: any.
    Column("batch_limit", Integer),
    Column("last_error", Text),
    _moment("created_at", now=True),
    Index("ix_subjects_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    _count("part"),
    Column("user_id", Text, nullable=False),
    Column("agent_id", Text),
    Column("session_id", Text),
    Column("run_id", Text),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    _moment("received_at", now=True),
    # received → stored (excerpts are searchable) → extracting → done | skipped | dead
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("body_hash", LargeBinary, nullable=False),
    Column("generation", BigInteger, nullable=False),
    # What was said by user and assistant; NULL once the transcript was dropped.
    Column("turns", JSONB(none_as_null=True)),
    Column("metadata", JSONB, nullable=False, server_default="{}"),
    _count("tokens"),
    # How many of the turns have been extracted: a long conversation takes several batches.
    _count("extracted_turns"),
    _moment("excerpts_at"),
    _moment("finished_at"),
    UniqueConstraint("tenant_id", "event_id", "part"),
    Index("ix_conversations_subject", "tenant_id", "user_id", "occurred_at", "id"),
    Index(
        "ix_conversations_pending",
        "tenant_id",
        "user_id",
        "occurred_at",
        "id",
        postgresql_where=text("status IN ('received', 'stored', 'extracting')"),
    ),
    Index(
        "ix_conversations_without_excerpts",
        "received_at",
        postgresql_where=text("excerpts_at IS NULL AND turns IS NOT NULL"),
    ),
    Index("ix_conversations_finished_at", "finished_at", postgresql_where=text("turns IS NOT NULL")),
)

sessions = Table(
    "sessions",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("agent_id", Text, primary_key=True),
    Column("session_id", Text, primary_key=True),
    # Keys of the turns it has seen, oldest first: message ids, or digests of role and text
    Column("seen", JSONB, nullable=False),
)

breakers = Table(
    "breakers",
    metadata,
    Column("name", Text, primary_key=True),
    _count("failures"),
    # NULL: closed
    _moment("open_until"),
    _moment("probe_until"),
    Column("reason", Text),
)

llm_calls = Table(
    "llm_calls",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _moment("at", now=True),
    Column("tenant_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    _count("conversations"),
    _count("prompt_tokens"),
    _count("cached_tokens"),
    _count("completion_tokens"),
    Column("seconds", Double, nullable=False),
    Index("ix_llm_calls_subject", "tenant_id", "user_id"),
    Index("ix_llm_calls_at", "at"),
)

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
    _count("prompt_tokens"),
    _count("cached_tokens"),
    _count("completion_tokens"),
    _moment("created_at", now=True),
    # One open batch a subject.
    UniqueConstraint("tenant_id", "user_id"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _moment("at", now=True),
    Column("tenant_id", Text, nullable=False),
    Column("user_id", Text),
    Column("agent_id", Text),
    Column("session_id", Text),
    Column("type", Text, nullable=False),
    Column("event_id", Text),
    Column("memory_id", Text),
    Column("result_count", Integer),
    Column("metadata", JSONB, nullable=False, server_default="{}"),
    Index("ix_audit_subject", "tenant_id", "user_id", "at"),
    Index("ix_audit_agent", "tenant_id", "agent_id", "at"),
    Index("ix_audit_type", "type", "at"),
    Index("ix_audit_memory", "memory_id", postgresql_where=text("memory_id IS NOT NULL")),
)

agents = Table(
    "agents",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("agent_id", Text, primary_key=True),
    Column("owner_id", Text),
    Column("memory_enabled", Boolean, nullable=False, server_default=text("true")),
    Column("instructions", Text),
    _moment("created_at", now=True),
    _moment("updated_at", now=True),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("message_id", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("tenant_id", Text),
    Column("user_id", Text),
    Column("event_id", Text),
    Column("error", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("died_at", DateTime(timezone=True), nullable=False),
    _moment("recorded_at", now=True),
    UniqueConstraint("queue", "message_id"),
    Index("ix_dead_letters_subject", "tenant_id", "user_id"),
)
