"""Policies: the rules of tenants, agents and users, read and written; and those that are in force for one of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from afterword.schemas.policies import ALL, PolicyRules, given_rules
from afterword.schemas.values import Kind, Scope
from afterword.workers.stores.ledger import audit, policies
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.policies import PolicyRow


class PolicyBook:
    """Reads and writes policies; `defaults` are the rules of the settings, which hold where no policy says anything.

    >>> book.write(PolicyRow("acme", "", "", {"keep_days": {"all": 365}}), by="root")  # doctest: +SKIP
    >>> book.in_force("acme", user_id="ann").keep_days["user.fact"]  # doctest: +SKIP
    365
    """

    def __init__(self, database: Database, defaults: PolicyRules) -> None:
        self._database = database
        self._defaults = given_rules(defaults)

    @property
    def defaults(self) -> Mapping[str, Any]:
        """The rules of the settings, as JSON."""
        return self._defaults

    def write(self, policy: PolicyRow, *, by: str | None) -> None:
        """Keep a policy, or replace it, at the request of an account. Raises: LedgerUnavailable."""
        with self._database.transaction() as connection:
            policies.put(connection, policy, by=by)
            audit.write(connection, [_updated(policy, by)])

    def read(
        self, tenant_id: str, *, agent_id: str | None = None, user_id: str | None = None
    ) -> tuple[PolicyRules, PolicyRules]:
        """The rules that are written for an owner, and those in force for them. Raises: LedgerUnavailable."""
        with self._database.transaction() as connection:
            found = policies.of_owner(connection, tenant_id, agent_id=agent_id, user_id=user_id)
        whose = (agent_id or "", user_id or "")
        own = next((row.rules for row in found if (row.agent_id, row.user_id) == whose), {})
        return PolicyRules.model_validate(own), in_force([*(row.rules for row in found), self._defaults])

    def page(self, tenant_id: str, *, after: tuple[str, str] | None, limit: int) -> list[PolicyRow]:
        """The policies of a tenant that somebody wrote. Raises: LedgerUnavailable."""
        with self._database.transaction() as connection:
            return policies.page(connection, tenant_id, after=after, limit=limit)

    def says_anything(self, *rules: str) -> bool:
        """Whether a policy of any tenant, or a setting, has one of these rules. Raises: LedgerUnavailable."""
        if any(rule in self._defaults for rule in rules):
            return True
        with self._database.transaction() as connection:
            return any(policies.mention(connection, rule) for rule in rules)


class SessionLifetimes:
    """How long facts of a session live. It ends at their hour, not by the next sweep: it is written with each fact."""

    def __init__(self, database: Database, default: timedelta) -> None:
        """`default` holds where no policy names sessions; 0 is for ever."""
        self._database = database
        self._default = default

    def of(self, tenant_id: str, user_id: str, agent_id: str | None) -> timedelta | None:
        """The lifetime of a new fact; None: it has no end. Raises: LedgerUnavailable."""
        with self._database.transaction() as connection:
            found = policies.of_owner(connection, tenant_id, agent_id=agent_id, user_id=user_id)
        # Only rules that name sessions: who keeps all for a year does not want sessions to last as long.
        names = (f"{Scope.SESSION}.{Kind.FACT}", Scope.SESSION.value)
        kept = [row.rules.get("keep_days", {}).get(name) for row in found for name in names]
        said = next((days for days in kept if days is not None), None)
        lifetime = self._default if said is None else timedelta(days=said)
        return lifetime or None


def in_force(levels: list[Mapping[str, Any]]) -> PolicyRules:
    """The rules that hold where these have a say, the nearest first.

    >>> in_force([{"keep_days": {"fact": 30}}, {"keep_days": {"user.fact": 365, "note": 7}}]).keep_days["user.fact"]
    30
    """
    single = [name for name in PolicyRules.model_fields if name not in ("keep_days", "limits")]
    merged = {name: next((level[name] for level in levels if name in level), None) for name in single}
    kept = [level.get("keep_days", {}) for level in levels]
    days = {f"{scope}.{kind}": _days(kept, scope, kind) for scope in Scope for kind in Kind}
    # The widest first, so that the nearest one that names a limit has the last word.
    limits = {name: most for level in reversed(levels) for name, most in level.get("limits", {}).items()}
    kept_days = {name: each for name, each in days.items() if each is not None}
    return PolicyRules(**merged, keep_days=kept_days, limits=limits)


def _days(kept: list[Mapping[str, int]], scope: Scope, kind: Kind) -> int | None:
    # The same order as in `RulesOfRows.kept_days`: the level first, then the most exact name.
    names = (f"{scope}.{kind}", scope.value, kind.value, ALL)
    return next((level[name] for level in kept for name in names if name in level), None)


def _updated(policy: PolicyRow, by: str | None) -> audit.Event:
    told = {"rules": dict(policy.rules), **({"by": by} if by else {})}
    return audit.Event(
        "policy_update",
        tenant_id=policy.tenant_id,
        user_id=policy.user_id or None,
        agent_id=policy.agent_id or None,
        metadata=told,
    )
