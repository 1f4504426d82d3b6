"""policies as data; uses, importance and archive of memories"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "policies",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), server_default="", nullable=False),
        sa.Column("user_id", sa.Text(), server_default="", nullable=False),
        sa.Column("rules", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("tenant_id", "agent_id", "user_id", name=op.f("pk_policies")),
    )
    op.add_column("memories", sa.Column("importance", sa.Double(), nullable=True))
    op.add_column("memories", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("memories", sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True))
    # Uses are known from now on: nothing counts as unused for longer than that.
    op.execute("INSERT INTO milestones (name, reached) VALUES ('uses_noted_since', clock_timestamp())")


def downgrade() -> None:
    op.execute("DELETE FROM milestones WHERE name IN ('uses_noted_since', 'policies')")
    op.drop_column("memories", "archived_at")
    op.drop_column("memories", "last_used_at")
    op.drop_column("memories", "importance")
    op.drop_table("policies")
