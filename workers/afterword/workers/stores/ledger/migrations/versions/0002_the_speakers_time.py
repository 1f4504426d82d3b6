"""the speaker's time"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("agents", sa.Column("time_zone", sa.Text(), nullable=True))
    op.add_column("conversations", sa.Column("utc_offset", sa.Integer(), server_default="0", nullable=False))
    op.add_column("subjects", sa.Column("time_zone", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("subjects", "time_zone")
    op.drop_column("conversations", "utc_offset")
    op.drop_column("agents", "time_zone")
