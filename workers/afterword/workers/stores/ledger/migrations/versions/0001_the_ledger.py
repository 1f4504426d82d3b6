"""the ledger"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agents",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=True),
        sa.Column("memory_enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("instructions", sa.Text(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("tenant_id", "agent_id", name=op.f("pk_agents")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("agent_id", sa.Text(), nullable=True),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=True),
        sa.Column("memory_id", sa.Text(), nullable=True),
        sa.Column("result_count", sa.Integer(), nullable=True),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("query", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_agent", "audit", ["tenant_id", "agent_id", "at"], unique=False)
    op.create_index(
        "ix_audit_memory", "audit", ["memory_id"], unique=False, postgresql_where=sa.text("memory_id IS NOT NULL")
    )
    op.create_index("ix_audit_subject", "audit", ["tenant_id", "user_id", "at"], unique=False)
    op.create_index("ix_audit_type", "audit", ["type", "at"], unique=False)
    op.create_table(
        "breakers",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("open_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("probe_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_breakers")),
    )
    op.create_table(
        "collections",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("signature", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "changed_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_collections")),
    )
    op.create_table(
        "content_statistics",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("memories", sa.Integer(), server_default="0", nullable=False),
        sa.Column("characters", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint(
            "day", "tenant_id", "scope", "kind", "language", "agent_id", "length", name=op.f("pk_content_statistics")
        ),
    )
    op.create_table(
        "conversations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("part", sa.Integer(), server_default="0", nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=True),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "received_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("body_hash", sa.LargeBinary(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("turns", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("tokens", sa.Integer(), server_default="0", nullable=False),
        sa.Column("extracted_turns", sa.Integer(), server_default="0", nullable=False),
        sa.Column("excerpts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversations")),
        sa.UniqueConstraint("tenant_id", "event_id", "part", name=op.f("uq_conversations_tenant_id_event_id_part")),
    )
    op.create_index(
        "ix_conversations_finished_at",
        "conversations",
        ["finished_at"],
        unique=False,
        postgresql_where=sa.text("turns IS NOT NULL"),
    )
    op.create_index(
        "ix_conversations_pending",
        "conversations",
        ["tenant_id", "user_id", "occurred_at", "id"],
        unique=False,
        postgresql_where=sa.text("status IN ('received', 'stored', 'extracting')"),
    )
    op.create_index(
        "ix_conversations_subject", "conversations", ["tenant_id", "user_id", "occurred_at", "id"], unique=False
    )
    op.create_index(
        "ix_conversations_without_excerpts",
        "conversations",
        ["received_at"],
        unique=False,
        postgresql_where=sa.text("excerpts_at IS NULL AND turns IS NOT NULL"),
    )
    op.create_table(
        "daily_statistics",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("conversations", sa.Integer(), server_default="0", nullable=False),
        sa.Column("added", sa.Integer(), server_default="0", nullable=False),
        sa.Column("deleted", sa.Integer(), server_default="0", nullable=False),
        sa.Column("searches", sa.Integer(), server_default="0", nullable=False),
        sa.Column("eligible_searches", sa.Integer(), server_default="0", nullable=False),
        sa.Column("successful_searches", sa.Integer(), server_default="0", nullable=False),
        sa.Column("search_seconds", sa.Double(), server_default="0", nullable=False),
        sa.Column("relevance_sum", sa.Double(), server_default="0", nullable=False),
        sa.Column("relevance_count", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "user_id", "day", "agent_id", name=op.f("pk_daily_statistics")),
    )
    op.create_index("ix_daily_statistics_day", "daily_statistics", ["tenant_id", "day"], unique=False)
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=True),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("event_id", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("died_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letters")),
        sa.UniqueConstraint("queue", "message_id", name=op.f("uq_dead_letters_queue_message_id")),
    )
    op.create_index("ix_dead_letters_subject", "dead_letters", ["tenant_id", "user_id"], unique=False)
    op.create_table(
        "hourly_statistics",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("conversations", sa.Integer(), server_default="0", nullable=False),
        sa.Column("saves", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failed_saves", sa.Integer(), server_default="0", nullable=False),
        sa.Column("save_seconds", sa.Double(), server_default="0", nullable=False),
        sa.Column("added", sa.Integer(), server_default="0", nullable=False),
        sa.Column("deleted", sa.Integer(), server_default="0", nullable=False),
        sa.Column("searches", sa.Integer(), server_default="0", nullable=False),
        sa.Column("eligible_searches", sa.Integer(), server_default="0", nullable=False),
        sa.Column("successful_searches", sa.Integer(), server_default="0", nullable=False),
        sa.Column("degraded_searches", sa.Integer(), server_default="0", nullable=False),
        sa.Column("memories_given", sa.Integer(), server_default="0", nullable=False),
        sa.Column("search_seconds", sa.Double(), server_default="0", nullable=False),
        sa.Column("slowest_search", sa.Double(), server_default="0", nullable=False),
        sa.Column("relevance_sum", sa.Double(), server_default="0", nullable=False),
        sa.Column("relevance_count", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "hour", "agent_id", name=op.f("pk_hourly_statistics")),
    )
    op.create_table(
        "journal",
        sa.Column("batch_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("slices", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("prompt_tokens", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cached_tokens", sa.Integer(), server_default="0", nullable=False),
        sa.Column("completion_tokens", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_journal")),
        sa.UniqueConstraint("tenant_id", "user_id", name=op.f("uq_journal_tenant_id_user_id")),
    )
    op.create_table(
        "llm_calls",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("conversations", sa.Integer(), server_default="0", nullable=False),
        sa.Column("prompt_tokens", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cached_tokens", sa.Integer(), server_default="0", nullable=False),
        sa.Column("completion_tokens", sa.Integer(), server_default="0", nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_llm_calls")),
    )
    op.create_index("ix_llm_calls_at", "llm_calls", ["at"], unique=False)
    op.create_index("ix_llm_calls_subject", "llm_calls", ["tenant_id", "user_id"], unique=False)
    op.create_table(
        "memories",
        sa.Column("id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("agent_id", sa.Text(), nullable=True),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("embedding_model", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("text_length", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_memories")),
    )
    op.create_index(
        "ix_memories_agent",
        "memories",
        ["tenant_id", "agent_id"],
        unique=False,
        postgresql_where=sa.text("scope = 'agent'"),
    )
    op.create_index(
        "ix_memories_expires_at",
        "memories",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    )
    op.create_index("ix_memories_owner", "memories", ["tenant_id", "user_id"], unique=False)
    op.create_table(
        "milestones",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("reached", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_milestones")),
    )
    op.create_table(
        "sessions",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("seen", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "user_id", "agent_id", "session_id", name=op.f("pk_sessions")),
    )
    op.create_table(
        "snapshots",
        sa.Column("slot", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("memories", sa.Integer(), server_default="0", nullable=False),
        sa.Column("characters", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("stored", sa.BigInteger(), nullable=True),
        sa.Column("difference", sa.BigInteger(), nullable=True),
        sa.Column("users", sa.Integer(), server_default="0", nullable=False),
        sa.Column("active_day", sa.Integer(), server_default="0", nullable=False),
        sa.Column("active_week", sa.Integer(), server_default="0", nullable=False),
        sa.Column("active_month", sa.Integer(), server_default="0", nullable=False),
        sa.Column("waiting_conversations", sa.Integer(), server_default="0", nullable=False),
        sa.Column("dead_letters", sa.Integer(), server_default="0", nullable=False),
        sa.Column("dimensions", sa.Integer(), nullable=True),
        sa.Column("vector_bytes", sa.BigInteger(), nullable=True),
        sa.Column("ledger_bytes", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("slot", "tenant_id", name=op.f("pk_snapshots")),
    )
    op.create_index("ix_snapshots_tenant", "snapshots", ["tenant_id", "slot"], unique=False)
    op.create_table(
        "subjects",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("generation", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pending_tokens", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("batch_limit", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("cleared_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("tenant_id", "user_id", name=op.f("pk_subjects")),
    )
    op.create_index(
        "ix_subjects_due", "subjects", ["due_at"], unique=False, postgresql_where=sa.text("due_at IS NOT NULL")
    )
    op.create_table(
        "telemetry_batches",
        sa.Column("batch_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_telemetry_batches")),
    )
    op.create_table(
        "tenant_statistics",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("added", sa.Integer(), server_default="0", nullable=False),
        sa.Column("deleted", sa.Integer(), server_default="0", nullable=False),
        sa.Column("searches", sa.Integer(), server_default="0", nullable=False),
        sa.Column("eligible_searches", sa.Integer(), server_default="0", nullable=False),
        sa.Column("successful_searches", sa.Integer(), server_default="0", nullable=False),
        sa.Column("search_seconds", sa.Double(), server_default="0", nullable=False),
        sa.Column("relevance_sum", sa.Double(), server_default="0", nullable=False),
        sa.Column("relevance_count", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "day", name=op.f("pk_tenant_statistics")),
    )
    op.create_table(
        "user_statistics",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("first_active_on", sa.Date(), nullable=True),
        sa.Column("last_active_on", sa.Date(), nullable=True),
        sa.Column("memories", sa.Integer(), server_default="0", nullable=False),
        sa.Column("characters", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "user_id", name=op.f("pk_user_statistics")),
    )
    op.create_index(
        "ix_user_statistics_last_active_on", "user_statistics", ["tenant_id", "last_active_on"], unique=False
    )


def downgrade() -> None:
    op.drop_index("ix_user_statistics_last_active_on", table_name="user_statistics")
    op.drop_table("user_statistics")
    op.drop_table("tenant_statistics")
    op.drop_table("telemetry_batches")
    op.drop_index("ix_subjects_due", table_name="subjects", postgresql_where=sa.text("due_at IS NOT NULL"))
    op.drop_table("subjects")
    op.drop_index("ix_snapshots_tenant", table_name="snapshots")
    op.drop_table("snapshots")
    op.drop_table("sessions")
    op.drop_table("milestones")
    op.drop_index("ix_memories_owner", table_name="memories")
    op.drop_index("ix_memories_expires_at", table_name="memories", postgresql_where=sa.text("expires_at IS NOT NULL"))
    op.drop_index("ix_memories_agent", table_name="memories", postgresql_where=sa.text("scope = 'agent'"))
    op.drop_table("memories")
    op.drop_index("ix_llm_calls_subject", table_name="llm_calls")
    op.drop_index("ix_llm_calls_at", table_name="llm_calls")
    op.drop_table("llm_calls")
    op.drop_table("journal")
    op.drop_table("hourly_statistics")
    op.drop_index("ix_dead_letters_subject", table_name="dead_letters")
    op.drop_table("dead_letters")
    op.drop_index("ix_daily_statistics_day", table_name="daily_statistics")
    op.drop_table("daily_statistics")
    op.drop_index(
        "ix_conversations_without_excerpts",
        table_name="conversations",
        postgresql_where=sa.text("excerpts_at IS NULL AND turns IS NOT NULL"),
    )
    op.drop_index("ix_conversations_subject", table_name="conversations")
    op.drop_index(
        "ix_conversations_pending",
        table_name="conversations",
        postgresql_where=sa.text("status IN ('received', 'stored', 'extracting')"),
    )
    op.drop_index(
        "ix_conversations_finished_at", table_name="conversations", postgresql_where=sa.text("turns IS NOT NULL")
    )
    op.drop_table("conversations")
    op.drop_table("content_statistics")
    op.drop_table("collections")
    op.drop_table("breakers")
    op.drop_index("ix_audit_type", table_name="audit")
    op.drop_index("ix_audit_subject", table_name="audit")
    op.drop_index("ix_audit_memory", table_name="audit", postgresql_where=sa.text("memory_id IS NOT NULL"))
    op.drop_index("ix_audit_agent", table_name="audit")
    op.drop_table("audit")
    op.drop_table("agents")
