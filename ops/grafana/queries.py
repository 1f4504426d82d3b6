"""Queries of panels, and the data sources that answer them (provisioning/datasources)."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import cleandoc
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """A provisioned data source, by its uid, and the plugin that speaks to it."""

    uid: str
    plugin: str

    def reference(self) -> Json:
        return {"type": self.plugin, "uid": self.uid}


PROMETHEUS = Source("afterword-prometheus", "prometheus")
LEDGER = Source("afterword-ledger", "grafana-postgresql-datasource")


@dataclass(frozen=True, slots=True)
class PromQL:
    """An expression for Prometheus.

    `legend` names its series ("{{label}}"). `instant` asks for the value at the end of the range only, `buckets` for
    those of a histogram, as a heatmap wants them.
    """

    text: str
    legend: str = "__auto"
    instant: bool = False
    buckets: bool = False

    @property
    def source(self) -> Source:
        return PROMETHEUS

    def target(self, name: str) -> Json:
        """A panel's query, under a name of one letter."""
        return {
            "datasource": PROMETHEUS.reference(),
            "editorMode": "code",
            "expr": cleandoc(self.text),
            "format": "heatmap" if self.buckets else "time_series",
            "instant": self.instant,
            "legendFormat": self.legend,
            "range": not self.instant,
            "refId": name,
        }


@dataclass(frozen=True, slots=True)
class Sql:
    """A query for the ledger. `series`: it has a column "time" in ascending order, and draws lines or bars over it."""

    text: str
    series: bool = False

    @property
    def source(self) -> Source:
        return LEDGER

    def target(self, name: str) -> Json:
        """A panel's query, under a name of one letter."""
        return {
            "datasource": LEDGER.reference(),
            "editorMode": "code",
            "format": "time_series" if self.series else "table",
            "rawQuery": True,
            "rawSql": cleandoc(self.text),
            "refId": name,
        }


Query = PromQL | Sql
