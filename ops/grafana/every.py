"""All dashboards, their files, and every expression they ask."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from ops.grafana.boards.content import content
from ops.grafana.boards.gateway import gateway
from ops.grafana.boards.operations.board import operations
from ops.grafana.boards.overview import overview
from ops.grafana.boards.performance import performance
from ops.grafana.boards.real_time import real_time
from ops.grafana.boards.user import one_user
from ops.grafana.boards.users import users
from ops.grafana.dashboard import Dashboard
from ops.grafana.queries import PromQL, Sql

FOLDER = Path(__file__).parent / "dashboards"


class Asked(NamedTuple):
    """An expression as Grafana has it, macros and variables included: `macros.py` fills them in."""

    dashboard: str
    panel: str
    expression: str


def dashboards() -> list[Dashboard]:
    """In the order in which they are read."""
    return [overview(), users(), one_user(), content(), performance(), real_time(), gateway(), operations()]


def promql_expressions() -> list[Asked]:
    """Every expression that a panel asks Prometheus."""
    return [
        Asked(dashboard.title, panel.title, query.target("A")["expr"])
        for dashboard in dashboards()
        for panel in dashboard.panels
        for query in panel.queries
        if isinstance(query, PromQL)
    ]


def sql_queries() -> list[Asked]:
    """Every query that a panel, or a variable, asks the ledger."""
    asked = []
    for dashboard in dashboards():
        for variable in dashboard.variables:
            asked.append(Asked(dashboard.title, f"variable {variable.name}", variable.model()["query"]))
        for panel in dashboard.panels:
            for query in panel.queries:
                if isinstance(query, Sql):
                    asked.append(Asked(dashboard.title, panel.title, query.target("A")["rawSql"]))
    return asked


def files() -> dict[Path, str]:
    """The files of the dashboards as they should be."""
    return {FOLDER / f"{dashboard.uid.removeprefix('afterword-')}.json": _text(dashboard) for dashboard in dashboards()}


def _text(dashboard: Dashboard) -> str:
    return json.dumps(dashboard.model(), indent=2, ensure_ascii=False) + "\n"
