"""scopes, members and shares of agents; deferred events"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("agents", sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=True))
    op.create_table(
        "agent_members",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        _now("since"),
        sa.PrimaryKeyConstraint("tenant_id", "agent_id", "account", name=op.f("pk_agent_members")),
    )
    op.create_index("ix_agent_members_account", "agent_members", ["tenant_id", "account"])
    op.create_table(
        "agent_shares",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("reader_id", sa.Text(), nullable=False),
        _now("since"),
        sa.PrimaryKeyConstraint("tenant_id", "agent_id", "reader_id", name=op.f("pk_agent_shares")),
    )
    op.create_index("ix_agent_shares_reader", "agent_shares", ["tenant_id", "reader_id"])
    op.create_table(
        "deferred_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=True),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("part", sa.Integer(), server_default="0", nullable=False),
        sa.Column("body_hash", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        _now("deferred_at"),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deferred_events")),
        sa.UniqueConstraint(
            "tenant_id",
            "user_id",
            "event_id",
            "part",
            "body_hash",
            name=op.f("uq_deferred_events_tenant_id_user_id_event_id_part_body_hash"),
        ),
    )
    op.create_index("ix_deferred_events_subject", "deferred_events", ["tenant_id", "user_id", "id"])
    op.create_index("ix_deferred_events_age", "deferred_events", ["deferred_at"])
    op.create_index(
        "ix_deferred_events_due", "deferred_events", ["due_at"], postgresql_where=sa.text("due_at IS NOT NULL")
    )


def _now(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False)


def downgrade() -> None:
    op.drop_table("deferred_events")
    op.drop_table("agent_shares")
    op.drop_table("agent_members")
    op.drop_column("agents", "scopes")
