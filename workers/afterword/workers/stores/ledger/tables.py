"""The tables of the ledger. Every row about a person carries (tenant_id, user_id), so that erasing finds it."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
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
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

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


def _total(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default="0")


def _sum(name: str) -> Column[float]:
    return Column(name, Double, nullable=False, server_default="0")


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
    # As an event of theirs named it last.
    Column("time_zone", Text),
    # When memories of it were last cleared: what was seen before is not written down any more.
    _moment("cleared_at"),
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
    # Minutes by which the speaker's clock was ahead of UTC then.
    _count("utc_offset"),
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
    # The words of a query, where that was opted in; nothing else in this table holds words.
    Column("query", Text),
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
    # Of its users, for times that come in UTC.
    Column("time_zone", Text),
    _moment("created_at", now=True),
    _moment("updated_at", now=True),
)

# What was recognised in a vector collection at the last start of a worker, and before it last changed.
collections = Table(
    "collections",
    metadata,
    Column("name", Text, primary_key=True),
    Column("signature", JSONB, nullable=False),
    Column("before", JSONB),
    _moment("changed_at", now=True),
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

# What is known of each memory besides its text, which only the vector store holds.
memories = Table(
    "memories",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("tenant_id", Text, nullable=False),
    # NULL for an agent's own memory.
    Column("user_id", Text),
    # The owner of an agent's own memory, else the agent it was learned with.
    Column("agent_id", Text),
    Column("session_id", Text),
    Column("scope", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("category", Text),
    Column("tags", ARRAY(Text), nullable=False, server_default="{}"),
    Column("embedding_model", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("text_length", Integer, nullable=False),
    Column("event_id", Text),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    _moment("expires_at"),
    Index("ix_memories_owner", "tenant_id", "user_id"),
    Index("ix_memories_agent", "tenant_id", "agent_id", postgresql_where=text("scope = 'agent'")),
    Index("ix_memories_expires_at", "expires_at", postgresql_where=text("expires_at IS NOT NULL")),
)

# Of a user with an agent on a UTC day. User "": what is nobody's (any more); agent "": no agent.
daily_statistics = Table(
    "daily_statistics",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("agent_id", Text, primary_key=True),
    # Whether the user did something, which an extraction or an expiry on that day is not.
    Column("active", Boolean, nullable=False, server_default=text("false")),
    _count("conversations"),
    _count("added"),
    _count("deleted"),
    _count("searches"),
    # Those that passed the relevance gate and whose owner has memories; of these, those with memories and undegraded.
    _count("eligible_searches"),
    _count("successful_searches"),
    _sum("search_seconds"),
    # The mean relevance (0 to 1) of what each search gave, added up over those that gave something scored.
    _sum("relevance_sum"),
    _count("relevance_count"),
    Index("ix_daily_statistics_day", "tenant_id", "day"),
)

# Of a user for as long as they are known.
user_statistics = Table(
    "user_statistics",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("first_active_on", Date),
    Column("last_active_on", Date),
    # As of the last snapshot.
    _count("memories"),
    _total("characters"),
    Index("ix_user_statistics_last_active_on", "tenant_id", "last_active_on"),
)

# Rolled up from the audit: of a tenant's agent in an hour (UTC); agent "": no agent.
hourly_statistics = Table(
    "hourly_statistics",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("hour", DateTime(timezone=True), primary_key=True),
    Column("agent_id", Text, primary_key=True),
    _count("conversations"),
    _count("saves"),
    _count("failed_saves"),
    _sum("save_seconds"),
    _count("added"),
    _count("deleted"),
    _count("searches"),
    _count("eligible_searches"),
    _count("successful_searches"),
    _count("degraded_searches"),
    _count("memories_given"),
    _sum("search_seconds"),
    _sum("slowest_search"),
    _sum("relevance_sum"),
    _count("relevance_count"),
)

# Rolled up from the hours: of a tenant on a UTC day.
tenant_statistics = Table(
    "tenant_statistics",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    _count("added"),
    _count("deleted"),
    _count("searches"),
    _count("eligible_searches"),
    _count("successful_searches"),
    _sum("search_seconds"),
    _sum("relevance_sum"),
    _count("relevance_count"),
)

# What the memories were at the end of a UTC day, or are now.
content_statistics = Table(
    "content_statistics",
    metadata,
    Column("day", Date, primary_key=True),
    Column("tenant_id", Text, primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("language", Text, primary_key=True),
    Column("agent_id", Text, primary_key=True),
    # Texts of at most so many characters, longer than the next smaller length; 0: longer than any.
    Column("length", Integer, primary_key=True),
    _count("memories"),
    _total("characters"),
)

# Usage and system figures at the beginning of a slot of some minutes; tenant "": all of them.
snapshots = Table(
    "snapshots",
    metadata,
    Column("slot", DateTime(timezone=True), primary_key=True),
    Column("tenant_id", Text, primary_key=True),
    _moment("taken_at", now=True),
    _count("memories"),
    _total("characters"),
    # What the vector store counted, and by how much that is more than `memories`; NULL: it did not answer.
    Column("stored", BigInteger),
    Column("difference", BigInteger),
    _count("users"),
    _count("active_day"),
    _count("active_week"),
    _count("active_month"),
    _count("waiting_conversations"),
    _count("dead_letters"),
    # Of the whole, NULL for a tenant.
    Column("dimensions", Integer),
    Column("vector_bytes", BigInteger),
    Column("ledger_bytes", BigInteger),
    Index("ix_snapshots_tenant", "tenant_id", "slot"),
)

# Batches of query events that are written down: one that comes again is not written again.
telemetry_batches = Table(
    "telemetry_batches",
    metadata,
    Column("batch_id", UUID(as_uuid=False), primary_key=True),
    _moment("recorded_at", now=True),
)

# How far the scheduler's dated work has come: the slot or day that was done last.
milestones = Table(
    "milestones",
    metadata,
    Column("name", Text, primary_key=True),
    Column("reached", DateTime(timezone=True), nullable=False),
)
