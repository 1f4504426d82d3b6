"""A dashboard: its rows of panels, placed on the grid, as Grafana's classic JSON model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from ops.grafana.panels import Panel
from ops.grafana.queries import Json
from ops.grafana.variables import Variable

COLUMNS = 24
SCHEMA_VERSION = 42
"""The last version of the classic model: Grafana 12's own. Later ones read it, too."""
_TAG = "afterword"


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading, from left to right, in as many lines as they take."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """`since` is the range that is shown at first ("now-7d"), `refresh` how often it is renewed ("" for never).

    `detail`: it is about one thing, led to from a table, and not listed among the others.
    """

    uid: str
    title: str
    description: str
    rows: Sequence[Row]
    since: str
    refresh: str
    timezone: str = "browser"
    variables: Sequence[Variable] = field(default=())
    detail: bool = False

    @property
    def panels(self) -> list[Panel]:
        return [panel for row in self.rows for panel in row.panels]

    def model(self) -> Json:
        """The whole, as Grafana reads it from a file."""
        return {
            "id": None,
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["afterword-detail"] if self.detail else [_TAG],
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": False,
            "fiscalYearStartMonth": 0,
            "graphTooltip": 1,
            "timezone": self.timezone,
            "time": {"from": self.since, "to": "now"},
            "timepicker": {"refresh_intervals": ["5s", "10s", "30s", "1m", "5m", "15m", "1h"]},
            "refresh": self.refresh,
            "annotations": {"list": []},
            "links": [_link_to_the_others(self)],
            "templating": {"list": [variable.model() for variable in self.variables]},
            "panels": list(_placed(self.rows)),
        }


def _link_to_the_others(dashboard: Dashboard) -> Json:
    # A tenant that was chosen goes along, and so does the range; a dashboard of one thing chooses for itself.
    return {
        "type": "dashboards",
        "title": "Afterword",
        "tags": [_TAG],
        "asDropdown": False,
        "icon": "external link",
        "includeVars": not dashboard.detail,
        "keepTime": True,
        "targetBlank": False,
        "tooltip": "",
        "url": "",
    }


def _placed(rows: Sequence[Row]) -> Iterator[Json]:
    """Headings and panels with ids and places. Raises ValueError for a panel that is wider than the grid."""
    ids = count(1)
    top = 0
    for row in rows:
        yield _heading(row.title, next(ids), top)
        x, y, bottom = 0, top + 1, top + 1
        for panel in row.panels:
            width, height = panel.size
            if width > COLUMNS:
                raise ValueError(f"{panel.title}: at most {COLUMNS} columns")
            if x + width > COLUMNS:
                x, y = 0, bottom
            yield panel.model(next(ids), x, y)
            x, bottom = x + width, max(bottom, y + height)
        top = bottom


def _heading(title: str, panel_id: int, y: int) -> Json:
    return {
        "id": panel_id,
        "type": "row",
        "title": title,
        "collapsed": False,
        "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": y},
        "panels": [],
    }
