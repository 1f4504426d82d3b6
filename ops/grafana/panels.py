"""Panels of one look: a function for each kind, and what their fields have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase

from ops.grafana.queries import Json, PromQL, Query, Sql

Words = Mapping[int, tuple[str, str]]
"""What a value is called, and its colour."""

GOOD, WARNING, BAD, PLAIN = "green", "orange", "red", "blue"


@dataclass(frozen=True, slots=True)
class Limits:
    """The colour of small values, and from which value on which other colour."""

    base: str
    steps: tuple[tuple[float, str], ...] = ()

    def model(self) -> Json:
        steps = ((None, self.base), *self.steps)
        return {"mode": "absolute", "steps": [{"color": colour, "value": value} for value, colour in steps]}


NONE = Limits(PLAIN)


def at_least(*, warning: float, bad: float) -> Limits:
    """Of what should be high: bad below one value, worth a look below the other."""
    return Limits(BAD, ((bad, WARNING), (warning, GOOD)))


def at_most(*, warning: float, bad: float) -> Limits:
    """Of what should be low."""
    return Limits(GOOD, ((warning, WARNING), (bad, BAD)))


_LAST = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_ROWS = {"calcs": [], "fields": "", "values": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A panel before it has an id and a place. Width is of 24 columns, height of 30 pixels each.

    `interval` is the least distance of two points ("1h" over hourly rows). Raises: ValueError, for two sources.
    """

    title: str
    description: str
    kind: str
    queries: tuple[Query, ...]
    size: tuple[int, int]
    defaults: Json
    options: Json
    overrides: tuple[Json, ...] = ()
    interval: str = ""

    def __post_init__(self) -> None:
        if len({query.source for query in self.queries}) != 1:
            raise ValueError(f"{self.title}: one source a panel")

    def model(self, panel_id: int, x: int, y: int) -> Json:
        """As Grafana's JSON model has it."""
        width, height = self.size
        model: Json = {
            "id": panel_id,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": self.queries[0].source.reference(),
            "gridPos": {"h": height, "w": width, "x": x, "y": y},
            "fieldConfig": {"defaults": self.defaults, "overrides": list(self.overrides)},
            "options": self.options,
            "targets": [query.target(name) for name, query in zip(ascii_uppercase, self.queries, strict=False)],
        }
        return model | ({"interval": self.interval} if self.interval else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """How a column of a SQL query is shown, where it is not as the rest of the panel is.

    `link` is where a click leads: Grafana fills in "${__value.raw:percentencode}" and the like.
    """

    name: str
    unit: str = ""
    limits: Limits = NONE
    link: tuple[str, str] | None = None
    width: int = 0
    properties: Json = field(default_factory=dict)

    def override(self) -> Json:
        properties: Json = dict(self.properties)
        if self.unit:
            properties["unit"] = self.unit
        if self.limits.steps:
            properties["thresholds"] = self.limits.model()
            properties["color"] = {"mode": "thresholds"}
        if self.link:
            title, url = self.link
            properties["links"] = [{"title": title, "url": url}]
        if self.width:
            properties["custom.width"] = self.width
        return {
            "matcher": {"id": "byName", "options": self.name},
            "properties": [{"id": name, "value": value} for name, value in properties.items()],
        }


def stat(
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    size: tuple[int, int] = (6, 4),
    limits: Limits = NONE,
    words: Words | None = None,
    columns: Sequence[Column] = (),
) -> Panel:
    """Large numbers: one for each series, or each column of a row."""
    return Panel(
        title=title,
        description=description,
        kind="stat",
        queries=queries,
        size=size,
        defaults=_fields(unit, limits, words, colour="thresholds"),
        overrides=tuple(column.override() for column in columns),
        options={
            "colorMode": "value",
            "graphMode": "none" if all(_is_a_moment(query) for query in queries) else "area",
            "justifyMode": "auto",
            "orientation": "auto",
            "reduceOptions": _LAST,
            "textMode": "auto",
            "wideLayout": True,
        },
    )


def timeseries(
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    size: tuple[int, int] = (12, 8),
    limits: Limits = NONE,
    interval: str = "",
    bars: bool = False,
    stacked: bool = False,
    most: float | None = None,
    columns: Sequence[Column] = (),
) -> Panel:
    """Lines over time, or bars of what happened in each interval; `limits` are drawn as lines. Zero is always seen."""
    custom: Json = {
        "drawStyle": "bars" if bars else "line",
        "fillOpacity": 60 if bars else 10,
        "lineWidth": 1,
        "showPoints": "never" if bars else "auto",
        "pointSize": 4,
        "spanNulls": False,
        "axisSoftMin": 0,
        "stacking": {"group": "A", "mode": "normal" if stacked else "none"},
        "thresholdsStyle": {"mode": "dashed" if limits.steps else "off"},
    }
    highest: Json = {} if most is None else {"max": most}
    return Panel(
        title=title,
        description=description,
        kind="timeseries",
        queries=queries,
        size=size,
        interval=interval,
        defaults=_fields(unit, limits, None, colour="palette-classic") | highest | {"custom": custom},
        overrides=tuple(column.override() for column in columns),
        options={
            "legend": {
                "calcs": ["sum"] if bars else ["mean", "max", "lastNotNull"],
                "displayMode": "table",
                "placement": "bottom",
                "showLegend": True,
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    )


def states(title: str, description: str, *queries: PromQL, words: Words, size: tuple[int, int] = (12, 6)) -> Panel:
    """A lane for each series, coloured by what its value is called."""
    return Panel(
        title=title,
        description=description,
        kind="state-timeline",
        queries=queries,
        size=size,
        defaults=_fields("none", NONE, words, colour="thresholds") | {"custom": {"fillOpacity": 80, "lineWidth": 0}},
        options={
            "alignValue": "left",
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
            "mergeValues": True,
            "rowHeight": 0.8,
            "showValue": "auto",
            "tooltip": {"mode": "single", "sort": "none"},
        },
    )


def table(
    title: str,
    description: str,
    query: Sql,
    *,
    columns: Sequence[Column] = (),
    unit: str = "none",
    size: tuple[int, int] = (24, 10),
) -> Panel:
    """Rows as the query gives them; its names of columns are the headings."""
    cells: Json = {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True, "inspect": False}
    return Panel(
        title=title,
        description=description,
        kind="table",
        queries=(query,),
        size=size,
        defaults=_fields(unit, NONE, None, colour="fixed") | {"custom": cells},
        overrides=tuple(column.override() for column in columns),
        options={"cellHeight": "sm", "showHeader": True, "sortBy": []},
    )


def pie(title: str, description: str, query: Sql, *, unit: str, size: tuple[int, int] = (6, 8)) -> Panel:
    """Shares of a few: a row each, a column that names it and one that counts it."""
    return Panel(
        title=title,
        description=description,
        kind="piechart",
        queries=(query,),
        size=size,
        defaults=_fields(unit, NONE, None, colour="palette-classic"),
        options={
            "displayLabels": ["percent"],
            "legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "values": ["value"]},
            "pieType": "donut",
            "reduceOptions": _ROWS,
            "tooltip": {"mode": "single", "sort": "none"},
        },
    )


def bar_chart(title: str, description: str, query: Sql, *, unit: str, size: tuple[int, int] = (12, 8)) -> Panel:
    """A bar for each row, in the order of the query: its first column names the bar."""
    return Panel(
        title=title,
        description=description,
        kind="barchart",
        queries=(query,),
        size=size,
        defaults=_fields(unit, NONE, None, colour="palette-classic") | {"custom": {"fillOpacity": 60, "lineWidth": 1}},
        options={
            "barWidth": 0.9,
            "groupWidth": 0.7,
            "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": False},
            "orientation": "auto",
            "showValue": "auto",
            "stacking": "none",
            "tooltip": {"mode": "single", "sort": "none"},
            "xTickLabelRotation": 0,
        },
    )


def bar_gauge(
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    size: tuple[int, int] = (12, 8),
    limits: Limits = NONE,
    most: float | None = None,
) -> Panel:
    """A horizontal bar for each row of a SQL query, or each series of PromQL."""
    rows = all(isinstance(query, Sql) for query in queries)
    ends: Json = {"min": 0} | ({} if most is None else {"max": most})
    return Panel(
        title=title,
        description=description,
        kind="bargauge",
        queries=queries,
        size=size,
        defaults=_fields(unit, limits, None, colour="thresholds") | ends,
        options={
            "displayMode": "basic",
            "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": False},
            "maxVizHeight": 40,
            "minVizHeight": 16,
            "minVizWidth": 8,
            "namePlacement": "left",
            "orientation": "horizontal",
            "reduceOptions": _ROWS if rows else _LAST,
            "showUnfilled": True,
            "sizing": "auto",
            "valueMode": "color",
        },
    )


def heatmap(title: str, description: str, query: PromQL, *, unit: str, size: tuple[int, int] = (12, 8)) -> Panel:
    """The buckets of a histogram over time."""
    return Panel(
        title=title,
        description=description,
        kind="heatmap",
        queries=(query,),
        size=size,
        defaults=_fields(unit, NONE, None, colour="fixed"),
        options={
            "calculate": False,
            "cellGap": 1,
            "cellValues": {"unit": "short"},
            "color": {"exponent": 0.5, "mode": "scheme", "scale": "exponential", "scheme": "Oranges", "steps": 64},
            "filterValues": {"le": 1e-9},
            "legend": {"show": True},
            "rowsFrame": {"layout": "auto"},
            "tooltip": {"mode": "single", "yHistogram": False},
            "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
        },
    )


def _is_a_moment(query: Query) -> bool:
    return query.instant if isinstance(query, PromQL) else not query.series


def _fields(unit: str, limits: Limits, words: Words | None, *, colour: str) -> Json:
    named = {str(value): {"color": tint, "text": text} for value, (text, tint) in (words or {}).items()}
    return {
        "unit": unit,
        "color": {"mode": colour} | ({"fixedColor": "text"} if colour == "fixed" else {}),
        "mappings": [{"type": "value", "options": named}] if named else [],
        "noValue": "–",
        "thresholds": limits.model(),
    }
