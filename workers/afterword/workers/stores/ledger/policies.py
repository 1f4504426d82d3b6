"""Policies: the rules that tenants, agents and users have of their own, and which of them hold for a row of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Double,
    FromClause,
    Integer,
    Table,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    func,
    literal,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONB, insert

from afterword.workers.stores.ledger.metadata import metadata, moment

policies = Table(
    "policies",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    # Whose: an agent's, a user's, or with '' in both the tenant's.
    Column("agent_id", Text, primary_key=True, server_default=""),
    Column("user_id", Text, primary_key=True, server_default=""),
    Column("rules", JSONB, nullable=False),
    Column("by", Text),
    moment("updated_at", now=True),
)


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A policy as it is kept; '' is an owner that it does not name."""

    tenant_id: str
    agent_id: str
    user_id: str
    rules: Mapping[str, Any]


_KEY = ("tenant_id", "agent_id", "user_id")
_ROW = tuple(policies.c[name] for name in PolicyRow.__dataclass_fields__)


def put(connection: Connection, policy: PolicyRow, *, by: str | None) -> None:
    """Keep a policy, or replace it; one without rules is removed."""
    whose = {name: getattr(policy, name) for name in _KEY}
    if not policy.rules:
        connection.execute(delete(policies).where(*(policies.c[name] == value for name, value in whose.items())))
        return
    said = {"rules": dict(policy.rules), "by": by, "updated_at": func.clock_timestamp()}
    row = insert(policies).values(**whose, **said)
    connection.execute(row.on_conflict_do_update(index_elements=_KEY, set_=said))


def of_owner(
    connection: Connection, tenant_id: str, *, agent_id: str | None = None, user_id: str | None = None
) -> list[PolicyRow]:
    """The policies that have a say for an owner, the nearest first: the user's, the agent's, the tenant's."""
    wanted = [("", user_id)] * bool(user_id) + [(agent_id, "")] * bool(agent_id) + [("", "")]
    found = select(*_ROW).where(
        policies.c.tenant_id == tenant_id, tuple_(policies.c.agent_id, policies.c.user_id).in_(wanted)
    )
    rows = {(row.agent_id, row.user_id): PolicyRow(**row._asdict()) for row in connection.execute(found)}
    return [rows[whose] for whose in wanted if whose in rows]


def page(connection: Connection, tenant_id: str, *, after: tuple[str, str] | None, limit: int) -> list[PolicyRow]:
    """The policies of a tenant by agent and user, the tenant's own first; those that follow `after`."""
    place = tuple_(policies.c.agent_id, policies.c.user_id)
    wanted = select(*_ROW).where(policies.c.tenant_id == tenant_id)
    if after is not None:
        wanted = wanted.where(place > tuple_(*(literal(each) for each in after)))
    rows = connection.execute(wanted.order_by(policies.c.agent_id, policies.c.user_id).limit(limit))
    return [PolicyRow(**row._asdict()) for row in rows]


def mention(connection: Connection, rule: str) -> bool:
    """Whether any policy, of whatever tenant, says something about this rule."""
    return bool(
        connection.execute(select(select(policies.c.rules).where(policies.c.rules.has_key(rule)).exists())).scalar_one()
    )


def saying(connection: Connection, rule: str) -> list[PolicyRow]:
    """The policies, of every tenant, that say something about this rule."""
    return [
        PolicyRow(**row._asdict()) for row in connection.execute(select(*_ROW).where(policies.c.rules.has_key(rule)))
    ]


class RulesOfRows:
    """The rules in force for each row of a table: the user's policy before the agent's, before the tenant's, before
    the defaults. `rows` is the table with them, to select from.
    """

    def __init__(self, table: FromClause, defaults: Mapping[str, Any]) -> None:
        self._table = table
        user, agent, tenant = (policies.alias(name) for name in ("of_user", "of_agent", "of_tenant"))
        columns = table.c
        self.rows = (
            table.outerjoin(
                user,
                and_(user.c.tenant_id == columns.tenant_id, user.c.user_id == columns.user_id, user.c.agent_id == ""),
            )
            .outerjoin(
                agent,
                and_(
                    agent.c.tenant_id == columns.tenant_id, agent.c.agent_id == columns.agent_id, agent.c.user_id == ""
                ),
            )
            .outerjoin(
                tenant,
                and_(tenant.c.tenant_id == columns.tenant_id, tenant.c.agent_id == "", tenant.c.user_id == ""),
            )
        )
        rules = cast(bindparam(None, dict(defaults), type_=JSONB), JSONB)
        self._levels: Sequence[ColumnElement[Any]] = (user.c.rules, agent.c.rules, tenant.c.rules, rules)

    def number(self, rule: str) -> ColumnElement[float]:
        """The value of a rule; NULL where nobody says anything about it."""
        return cast(func.coalesce(*(_said(level, rule) for level in self._levels)), Double)

    def kept_days(
        self, scope: ColumnElement[str] | None = None, kind: ColumnElement[str] | None = None
    ) -> ColumnElement[float]:
        """How many days a memory is kept: the nearest policy that names it, by its most exact name. Scope and kind are
        the row's own, where they are not given.
        """
        scope = self._table.c.scope if scope is None else scope
        kind = self._table.c.kind if kind is None else kind
        names = (scope + "." + kind, scope, kind, literal("all"))
        said = [_said(level, "keep_days", name) for level in self._levels for name in names]
        return cast(func.coalesce(*said), Double)


def is_over(since: ColumnElement[Any], days: ColumnElement[float]) -> ColumnElement[bool]:
    """Whether so many days have passed; never for 0, nor without a number."""
    return since < func.now() - days_long(func.nullif(days, 0))


def days_long(days: ColumnElement[Any] | int) -> ColumnElement[Any]:
    """So many days as an interval."""
    return func.make_interval(0, 0, 0, cast(days, Integer))


def _said(rules: ColumnElement[Any], *path: Any) -> ColumnElement[str]:
    return func.jsonb_extract_path_text(rules, *path)
