"""Milestones: how far dated work of the scheduler has come, so that each slot or day is done once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Connection, DateTime, Table, Text, func, select
from sqlalchemy.dialects.postgresql import insert

from afterword.workers.stores.ledger.metadata import metadata

# How far the scheduler's dated work has come: the slot or day that was done last.
milestones = Table(
    "milestones",
    metadata,
    Column("name", Text, primary_key=True),
    Column("reached", DateTime(timezone=True), nullable=False),
)


def now(connection: Connection) -> datetime:
    """The time by PostgreSQL's clock."""
    found: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return found


def reached(connection: Connection, name: str) -> datetime | None:
    """The slot or day that was done last; None before the first."""
    return connection.execute(select(milestones.c.reached).where(milestones.c.name == name)).scalar_one_or_none()


def reach(connection: Connection, name: str, at: datetime) -> bool:
    """Claim the work dated `at` in the transaction that does it. False when that, or later work, was done already.

    Of two that claim the same, the second waits for the first to commit, then learns that it is done.
    """
    row = insert(milestones).values(name=name, reached=at)
    # The WHERE lets only a later date through, so that nothing is done twice or out of order.
    claimed = row.on_conflict_do_update(
        index_elements=["name"], set_={"reached": at}, where=milestones.c.reached < row.excluded.reached
    )
    return connection.execute(claimed.returning(milestones.c.name)).first() is not None
