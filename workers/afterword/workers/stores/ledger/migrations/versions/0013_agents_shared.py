"""scopes, members and shares of agents"""

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
        _since(),
        sa.PrimaryKeyConstraint("tenant_id", "agent_id", "account", name=op.f("pk_agent_members")),
    )
    op.create_index("ix_agent_members_account", "agent_members", ["tenant_id", "account"])
    op.create_table(
        "agent_shares",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("reader_id", sa.Text(), nullable=False),
        _since(),
        sa.PrimaryKeyConstraint("tenant_id", "agent_id", "reader_id", name=op.f("pk_agent_shares")),
    )
    op.create_index("ix_agent_shares_reader", "agent_shares", ["tenant_id", "reader_id"])


def _since() -> sa.Column[object]:
    return sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False)


def downgrade() -> None:
    op.drop_table("agent_shares")
    op.drop_table("agent_members")
    op.drop_column("agents", "scopes")
