"""Deletions that the vector store has carried out, or owes."""

from __future__ import annotations

from ops.grafana.dashboard import Row
from ops.grafana.panels import Column, Panel, at_most, table, timeseries
from ops.grafana.promql import standing
from ops.grafana.queries import PromQL, Sql
from ops.grafana.variables import tenant

_IN_TENANT = tenant().matches("tenant_id")


def deletions() -> Row:
    return Row("Deletions", (_deletion_age(), _deletion_table()))


def _deletion_age() -> Panel:
    query = PromQL(standing("afterword_oldest_pending_deletion_age_seconds"), "oldest")
    what = "How long the vector store owes a deletion. It holds already: nobody is shown what it names."
    return timeseries(
        "Oldest pending deletion", what, query, unit="s", limits=at_most(warning=300, bad=900), size=(8, 8)
    )


def _deletion_table() -> Panel:
    query = f"""
        SELECT requested_at AS "Asked for", tenant_id AS "Tenant", user_id AS "User", agent_id AS "Agent",
               session_id AS "Session", everything AS "Everything", known AS "Memories", requested_by AS "By",
               finished_at AS "Carried out"
        FROM deletions
        WHERE {_IN_TENANT}
        ORDER BY finished_at IS NULL DESC, id DESC
        LIMIT 50
    """
    columns = (
        Column(name="Asked for", unit="dateTimeAsIso", width=180),
        Column(name="Carried out", unit="dateTimeAsIso", width=180),
    )
    what = "The last 50 deletions whenever they were asked for, those that are not carried out first."
    return table("Last deletions", what, Sql(query), columns=columns, size=(16, 8))
