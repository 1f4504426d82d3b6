"""Grafana's dashboards, built here and committed as JSON in `dashboards/`: `make dashboards`."""

from ops.grafana.every import Asked, dashboards, promql_expressions, sql_queries

__all__ = ["Asked", "dashboards", "promql_expressions", "sql_queries"]
