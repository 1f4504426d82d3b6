"""The MetaData that all tables of the ledger belong to, and the kinds of columns that many of them have.

A table stands in the module of its queries; `schema` knows them all. Every row about a person carries
(tenant_id, user_id), so that erasing finds it.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Double, Integer, MetaData, func

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def moment(name: str, *, now: bool = False) -> Column[object]:
    """A time. `now`: always there, and PostgreSQL's own clock where nothing else is given."""
    default = func.clock_timestamp() if now else None
    return Column(name, DateTime(timezone=True), nullable=not now, server_default=default)


def count(name: str) -> Column[int]:
    """A number that stays small in one row; begins at 0."""
    return Column(name, Integer, nullable=False, server_default="0")


def total(name: str) -> Column[int]:
    """A number that adds up over many rows, such as characters; begins at 0."""
    return Column(name, BigInteger, nullable=False, server_default="0")


def amount(name: str) -> Column[float]:
    """A number with a fraction that adds up, such as seconds; begins at 0."""
    return Column(name, Double, nullable=False, server_default="0")
