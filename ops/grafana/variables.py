"""Variables of the dashboards: tenant, agent and user, each chosen from what the ledger knows.

"All" is the empty string, which is no tenant's, agent's or user's name. PostgreSQL folds the comparison of the two
literals while it plans, so that a query for one tenant, and one for all, each get a plan of their own. Of `snapshots`
the row of the empty tenant is the sum of all, so that there no case has to be told apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from inspect import cleandoc

from ops.grafana.queries import LEDGER, Json

ALL = "''"


@dataclass(frozen=True, slots=True)
class Variable:
    """One value of these, or all where `all` says so."""

    name: str
    query: str
    all: bool = True

    @property
    def chosen(self) -> str:
        """Its value as a SQL literal; the empty string is all."""
        return f"${{{self.name}:sqlstring}}"

    def matches(self, column: str) -> str:
        """A SQL condition: the column is what was chosen."""
        return f"({self.chosen} = {ALL} OR {column} = {self.chosen})" if self.all else f"{column} = {self.chosen}"

    def model(self) -> Json:
        """As Grafana's JSON model has it."""
        query = cleandoc(self.query)
        model: Json = {
            "type": "query",
            "name": self.name,
            "label": self.name.capitalize(),
            "datasource": LEDGER.reference(),
            "definition": query,
            "query": query,
            "refresh": 1,
            "hide": 0,
            "includeAll": self.all,
            "multi": False,
            "options": [],
            "regex": "",
            "skipUrlSync": False,
            "sort": 0,
            "current": {"text": "All", "value": "$__all"} if self.all else {},
        }
        return model | ({"allValue": ALL} if self.all else {})


def tenant(*, all: bool = True) -> Variable:
    """Tenants of the last snapshot."""
    query = """
        SELECT tenant_id FROM snapshots
        WHERE slot = (SELECT max(slot) FROM snapshots) AND tenant_id <> ''
        ORDER BY tenant_id
    """
    return Variable("tenant", query, all)


def agent() -> Variable:
    """Agents that have memories, or did something in 30 days. What was done without an agent is in All only."""
    in_tenant = tenant().matches("tenant_id")
    query = f"""
        SELECT agent_id FROM content_statistics
        WHERE day = (SELECT max(day) FROM content_statistics) AND agent_id <> '' AND {in_tenant}
        UNION
        SELECT agent_id FROM hourly_statistics
        WHERE hour > now() - interval '30 days' AND agent_id <> '' AND {in_tenant}
        ORDER BY agent_id
        LIMIT 500
    """
    return Variable("agent", query)


def user(*, all: bool = True) -> Variable:
    """Users, the most recently active first; typing finds the others."""
    query = f"""
        SELECT user_id FROM user_statistics
        WHERE {tenant(all=all).matches("tenant_id")} AND last_active_on IS NOT NULL AND user_id LIKE '$__searchFilter'
        ORDER BY last_active_on DESC
        LIMIT 200
    """
    return Variable("user", query, all)
