"""deletions are recorded, cleared threads stay known, and the user belongs to the key of an event"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint("uq_conversations_tenant_id_event_id_part", "conversations", type_="unique")
    op.create_unique_constraint(
        "uq_conversations_tenant_id_user_id_event_id_part",
        "conversations",
        ["tenant_id", "user_id", "event_id", "part"],
    )
    op.add_column(
        "sessions",
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
    )
    op.add_column("sessions", sa.Column("cleared_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_sessions_cleared_at",
        "sessions",
        ["cleared_at"],
        unique=False,
        postgresql_where=sa.text("cleared_at IS NOT NULL"),
    )
    op.create_table(
        "deletions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("agent_id", sa.Text(), nullable=True),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("everything", sa.Boolean(), nullable=False),
        sa.Column("memory_ids", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("agents", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=True),
        sa.Column(
            "requested_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("known", sa.Integer(), server_default="0", nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deletions")),
    )
    op.create_index("ix_deletions_owner", "deletions", ["tenant_id", "user_id", "requested_at"], unique=False)
    op.create_index(
        "ix_deletions_pending",
        "deletions",
        ["requested_at"],
        unique=False,
        postgresql_where=sa.text("settled_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("deletions")
    op.drop_index("ix_sessions_cleared_at", table_name="sessions")
    op.drop_column("sessions", "cleared_at")
    op.drop_column("sessions", "seen_at")
    op.drop_constraint("uq_conversations_tenant_id_user_id_event_id_part", "conversations", type_="unique")
    op.create_unique_constraint(
        "uq_conversations_tenant_id_event_id_part", "conversations", ["tenant_id", "event_id", "part"]
    )
