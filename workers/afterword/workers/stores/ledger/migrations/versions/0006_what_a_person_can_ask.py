"""versions of corrected memories, where each memory comes from, and what users wish"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("memories", sa.Column("batch_id", sa.UUID(as_uuid=False), nullable=True))
    op.add_column("memories", sa.Column("model", sa.Text(), nullable=True))
    op.add_column("memories", sa.Column("prompt_version", sa.Text(), nullable=True))
    op.add_column("journal", sa.Column("prompt_version", sa.Text(), nullable=True))
    op.create_table(
        "wishes",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("memory_enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "user_id", name=op.f("pk_wishes")),
    )
    op.create_index(
        "ix_wishes_objections",
        "wishes",
        ["tenant_id", "user_id"],
        unique=False,
        postgresql_where=sa.text("NOT memory_enabled"),
    )
    op.create_table(
        "memory_versions",
        sa.Column("memory_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("metadata", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["memory_id"], ["memories.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("memory_id", "number", name=op.f("pk_memory_versions")),
    )
    op.create_index("ix_memory_versions_subject", "memory_versions", ["tenant_id", "user_id"], unique=False)
    op.create_index("uq_memory_versions_request", "memory_versions", ["memory_id", "request_id"], unique=True)
    op.create_index(
        "ix_memory_versions_unstored",
        "memory_versions",
        ["since"],
        unique=False,
        postgresql_where=sa.text("stored_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("memory_versions")
    op.drop_table("wishes")
    op.drop_column("journal", "prompt_version")
    for name in ("prompt_version", "model", "batch_id"):
        op.drop_column("memories", name)
