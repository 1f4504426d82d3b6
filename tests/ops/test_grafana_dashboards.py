"""The dashboards as Grafana will read them: whole, in place, on known data, and asking only for what there is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from prometheus_client import Counter, Gauge, Histogram, Info

from afterword.gateway.metrics import GatewayMetrics
from afterword.workers.observing.metrics import Metrics, Reading
from ops.grafana.dashboard import Dashboard, Row
from ops.grafana.every import Asked, dashboards, files, promql_expressions, sql_queries
from ops.grafana.macros import Range
from ops.grafana.panels import stat, timeseries
from ops.grafana.queries import PromQL, Sql
from ops.grafana.variables import agent, tenant
from tests.conftest import unavailable

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "ops" / "grafana" / "dashboards"
PROVISIONING = ROOT / "ops" / "grafana" / "provisioning"
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
HOUR = Range(NOW - timedelta(hours=1), NOW, interval=timedelta(seconds=15))

UNITS = {
    *("none", "short", "percentunit", "s", "bytes", "currencyUSD", "dateTimeAsIso"),
    *("cps", "mps", "ops", "reqps"),
}
"""Ids of Grafana's units that are used here."""
KINDS = {
    *("row", "stat", "timeseries", "state-timeline", "table"),
    *("piechart", "barchart", "bargauge", "heatmap"),
}
"""Panels that come with Grafana: no plugin is installed."""


def string() -> dict[str, Any]:
    return {"type": "string", "minLength": 1}


def objects(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": [*required, *properties], "properties": properties}


def each(items: dict[str, Any], *, least: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": least}


PLACE = objects(
    x={"type": "integer", "minimum": 0, "maximum": 23},
    y={"type": "integer", "minimum": 0},
    w={"type": "integer", "minimum": 1, "maximum": 24},
    h={"type": "integer", "minimum": 1},
)
SOURCE = objects(type=string(), uid=string())
STEP = objects("value", color=string())
DEFAULTS = objects(
    color=objects(mode=string()),
    mappings=each(objects("options", type=string())),
    thresholds=objects(mode={"enum": ["absolute", "percentage"]}, steps=each(STEP, least=1)),
    unit={"enum": sorted(UNITS)},
)
OVERRIDE = objects(
    matcher=objects(id={"const": "byName"}, options=string()), properties=each(objects("value", id=string()), least=1)
)
PROMQL_TARGET = objects(
    "instant",
    "range",
    expr=string(),
    refId=string(),
    datasource=SOURCE,
    format={"enum": ["time_series", "heatmap"]},
    legendFormat=string(),
)
SQL_TARGET = objects(
    rawSql=string(),
    refId=string(),
    datasource=SOURCE,
    format={"enum": ["table", "time_series"]},
    rawQuery={"const": True},
)
ROW = objects(id={"type": "integer", "minimum": 1}, type={"const": "row"}, title=string(), gridPos=PLACE)
PANEL = objects(
    "options",
    id={"type": "integer", "minimum": 1},
    type={"enum": sorted(KINDS - {"row"})},
    title=string(),
    description={"type": "string", "minLength": 10},
    gridPos=PLACE,
    datasource=SOURCE,
    fieldConfig=objects(defaults=DEFAULTS, overrides=each(OVERRIDE)),
    targets=each({"anyOf": [PROMQL_TARGET, SQL_TARGET]}, least=1),
)
VARIABLE = objects(
    "current",
    "includeAll",
    type={"const": "query"},
    name=string(),
    label=string(),
    query=string(),
    datasource=SOURCE,
    refresh={"enum": [1, 2]},
    options={"type": "array", "maxItems": 0},
)
MODEL = objects(
    "id",
    "editable",
    "graphTooltip",
    "timepicker",
    uid={"type": "string", "pattern": "^[a-z-]{8,40}$"},
    title=string(),
    description=string(),
    tags=each(string(), least=1),
    schemaVersion={"type": "integer", "minimum": 39, "maximum": 42},
    version={"type": "integer"},
    timezone={"enum": ["browser", "utc"]},
    time=objects(**{"from": string(), "to": string()}),
    refresh={"type": "string"},
    annotations=objects(list={"type": "array"}),
    templating=objects(list=each(VARIABLE)),
    links=each(objects("includeVars", "keepTime", type={"enum": ["dashboards", "link"]}, tags=each(string()))),
    panels=each({"anyOf": [ROW, PANEL]}, least=1),
)


def models() -> list[dict[str, Any]]:
    """The committed files."""
    return [json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))]


def panels(model: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in model["panels"] if panel["type"] != "row"]


def cells(panel: dict[str, Any]) -> Iterator[tuple[int, int]]:
    place = panel["gridPos"]
    for x in range(place["x"], place["x"] + place["w"]):
        for y in range(place["y"], place["y"] + place["h"]):
            yield x, y


every_model = pytest.mark.parametrize("model", models(), ids=lambda model: str(model["uid"]))


# The files


def test_they_are_current() -> None:
    assert {path: path.read_text() for path in FOLDER.glob("*.json")} == files(), "run: make dashboards"


def test_there_is_one_for_each_question() -> None:
    titles = {model["title"].removeprefix("Afterword · ") for model in models()}
    assert titles == {"Overview", "Users", "User", "Content", "Performance", "Real-time", "Gateway", "Operations"}


def test_grafana_finds_them_where_compose_mounts_them() -> None:
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "afterword.yml").read_text())["providers"]
    volumes = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["grafana"]["volumes"]
    assert f"./ops/grafana/dashboards:{provider['options']['path']}:ro" in volumes


# The model


@every_model
def test_it_has_the_fields_of_the_classic_model(model: dict[str, Any]) -> None:
    errors = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(MODEL).iter_errors(model)]
    assert errors == []


def test_the_schema_notices_what_is_missing() -> None:
    (model, *_) = models()
    broken = panels(model)[0]
    del broken["fieldConfig"]["defaults"]["unit"]
    assert list(Draft202012Validator(MODEL).iter_errors(model))


def test_uids_and_titles_are_unique() -> None:
    assert len({model["uid"] for model in models()}) == len(models())
    assert len({model["title"] for model in models()}) == len(models())


@every_model
def test_ids_and_titles_of_panels_are_unique(model: dict[str, Any]) -> None:
    ids = [panel["id"] for panel in model["panels"]]
    titles = [panel["title"] for panel in panels(model)]
    assert len(set(ids)) == len(ids)
    assert len(set(titles)) == len(titles)


@every_model
def test_nothing_overlaps_and_nothing_stands_out(model: dict[str, Any]) -> None:
    taken = [cell for panel in model["panels"] for cell in cells(panel)]
    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) < 24


@every_model
def test_its_sources_are_provisioned(model: dict[str, Any]) -> None:
    provisioned = yaml.safe_load((PROVISIONING / "datasources" / "afterword.yml").read_text())["datasources"]
    known = {(source["uid"], source["type"]) for source in provisioned}
    used = [panel["datasource"] for panel in panels(model)]
    used += [target["datasource"] for panel in panels(model) for target in panel["targets"]]
    used += [variable["datasource"] for variable in model["templating"]["list"]]
    assert {(source["uid"], source["type"]) for source in used} <= known


@every_model
def test_it_asks_little_at_once(model: dict[str, Any]) -> None:
    assert all(len(panel["targets"]) <= 4 for panel in panels(model))
    queries = [target for panel in panels(model) for target in panel["targets"] if "rawSql" in target]
    assert len(queries) <= 12


@every_model
def test_every_variable_that_is_used_exists_and_every_other_is_left_out(model: dict[str, Any]) -> None:
    declared = {variable["name"] for variable in model["templating"]["list"]}
    asked = [target.get("rawSql", target.get("expr")) for panel in panels(model) for target in panel["targets"]]
    used = set(re.findall(r"\$\{(\w+)[:}]", " ".join(asked)))
    assert used == declared


@every_model
def test_a_variable_only_asks_for_those_before_it(model: dict[str, Any]) -> None:
    before: set[str] = set()
    for variable in model["templating"]["list"]:
        assert set(re.findall(r"\$\{(\w+):", variable["query"])) <= before
        before.add(variable["name"])


@every_model
def test_all_can_be_chosen_unless_it_is_about_one(model: dict[str, Any]) -> None:
    for variable in model["templating"]["list"]:
        if model["uid"] == "afterword-user":
            assert not variable["includeAll"]
        else:
            assert variable["includeAll"]
            assert variable["allValue"] == "''"
            assert variable["current"]["value"] == "$__all"


@every_model
def test_its_links_lead_to_dashboards_and_variables_that_exist(model: dict[str, Any]) -> None:
    variables = {each["uid"]: {variable["name"] for variable in each["templating"]["list"]} for each in models()}
    for uid, query in re.findall(r'"/d/([\w-]+)\?([^"]*)"', json.dumps(model)):
        assert set(re.findall(r"var-(\w+)=", query)) <= variables[uid]
    linked = {tag for link in model["links"] for tag in link["tags"]}
    assert sum(linked <= set(other["tags"]) for other in models()) == len(models()) - 1


def test_a_user_in_a_table_leads_to_that_user() -> None:
    leading = {
        (model["uid"], panel["title"])
        for model in models()
        for panel in panels(model)
        if "/d/afterword-user?" in json.dumps(panel)
    }
    tables = {
        ("afterword-users", "Users"),
        ("afterword-real-time", "Feed"),
        ("afterword-operations", "Last dead letters"),
    }
    assert leading == tables


def test_only_the_real_time_dashboard_and_one_user_read_the_audit() -> None:
    readers = {asked.dashboard for asked in sql_queries() if re.search(r"\bFROM audit\b", asked.expression)}
    assert readers == {"Afterword · Real-time", "Afterword · User"}


def test_what_reads_the_audit_of_all_reads_six_hours_at_most() -> None:
    reading = [
        asked for asked in sql_queries() if asked.dashboard.endswith("Real-time") and "audit" in asked.expression
    ]
    assert reading
    assert all("- interval '6 hours'" in asked.expression for asked in reading)


def test_series_are_in_the_order_of_time() -> None:
    for dashboard in dashboards():
        for panel in dashboard.panels:
            for query in panel.queries:
                if isinstance(query, Sql) and query.series:
                    assert re.search(r'AS "time"|\$__timeGroupAlias', query.text), panel.title
                    assert re.search(r"ORDER BY (1|day|\(slot)", query.text), panel.title


# What Prometheus is asked


def exposed(metrics: Metrics | GatewayMetrics) -> dict[str, set[str]]:
    """Every series by name, with the labels it has."""
    found: dict[str, set[str]] = {}
    for metric in vars(metrics).values():
        # The client library has no public way to a metric's labels before it has samples.
        if isinstance(metric, Reading):
            found[metric._name] = set(metric._labels)
        elif isinstance(metric, Counter):
            found[f"{metric._name}_total"] = set(metric._labelnames)
        elif isinstance(metric, Histogram):
            labels = set(metric._labelnames)
            found |= {f"{metric._name}_bucket": labels | {"le"}}
            found |= {f"{metric._name}_{part}": labels for part in ("sum", "count")}
        elif isinstance(metric, Gauge):
            found[metric._name] = set(metric._labelnames)
        elif isinstance(metric, Info):
            found[f"{metric._name}_info"] = {"version", "python", "mem0"}
    names = ("process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds")
    return found | {name: set() for name in names}


SCRAPED = {"instance", "job", "service"}
"""Labels that Prometheus adds."""
SERIES = exposed(Metrics()) | exposed(GatewayMetrics())
NAME = re.compile(r"\b((?:afterword|process)_\w+)(?:\{([^}]*)\})?")
BY = re.compile(r"\bby \(([^)]*)\)")

every_expression = pytest.mark.parametrize(
    "asked", promql_expressions(), ids=[f"{asked.dashboard}: {asked.panel}" for asked in promql_expressions()]
)


@every_expression
def test_it_names_series_that_there_are(asked: Asked) -> None:
    names = [name for name, _ in NAME.findall(asked.expression)]
    assert names
    assert set(names) <= set(SERIES)


@every_expression
def test_it_names_labels_that_there_are(asked: Asked) -> None:
    labels: set[str] = set()
    for name, matchers in NAME.findall(asked.expression):
        assert set(re.findall(r"(\w+)(?:=|!)", matchers)) <= SERIES[name] | SCRAPED
        labels |= SERIES[name]
    for grouped in BY.findall(asked.expression):
        assert set(grouped.split(", ")) <= labels | SCRAPED


def test_legends_show_only_labels_that_are_left() -> None:
    queries = [query for dashboard in dashboards() for panel in dashboard.panels for query in panel.queries]
    for query in queries:
        if isinstance(query, PromQL):
            grouped = {label for labels in BY.findall(query.text) for label in labels.split(", ")}
            assert set(re.findall(r"\{\{(\w+)\}\}", query.legend)) <= grouped, query


def test_every_metric_is_seen_somewhere() -> None:
    seen = {name for asked in promql_expressions() for name, _ in NAME.findall(asked.expression)}
    parts = re.compile(r"_(bucket|sum|count)$")
    assert {parts.sub("", name) for name in SERIES} <= {parts.sub("", name) for name in seen}


@every_expression
def test_it_does_not_add_up_what_every_scheduler_shows(asked: Asked) -> None:
    readings = {metric._name for metric in vars(Metrics()).values() if isinstance(metric, Reading)}
    for name, _ in NAME.findall(asked.expression):
        if name in readings:
            assert re.search(rf"\bmax(?: by \([^)]*\))? \({name}\b", asked.expression)


@every_expression
def test_it_takes_rates_of_counters_only_and_over_the_ranges_of_grafana(asked: Asked) -> None:
    text = asked.expression
    for name, window in re.findall(r"(?:rate|increase)\((\w+)(?:\{[^}]*\})?\[([^\]]+)\]", text):
        assert re.search(r"_(total|bucket|count|sum)$", name), name
        assert window in {"$__rate_interval", "$__range"}
    for name, _ in NAME.findall(text):
        if re.search(r"_(total|bucket|count|sum)$", name):
            assert re.search(rf"(rate|increase)\({name}\b", text), name


def test_prometheus_can_read_every_expression(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        unavailable("no promtool on PATH")
    rules = [
        {"record": f"dashboards:expression:{number}", "expr": HOUR.promql(asked.expression)}
        for number, asked in enumerate(promql_expressions())
    ]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}))
    check = subprocess.run([promtool, "check", "rules", path], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout + check.stderr
    assert f"{len(rules)} rules found" in check.stdout


# The pieces


def board(*given: Any) -> Dashboard:
    rows = (Row("One", tuple(given)),)
    return Dashboard(uid="u", title="t", description="d", rows=rows, since="now-1h", refresh="")


def places(dashboard: Dashboard) -> list[tuple[int, int]]:
    return [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard.model()["panels"]]


def test_panels_go_from_left_to_right_and_on_to_the_next_line_below_the_highest() -> None:
    tall, wide, last = (stat("s", "d", PromQL("up"), unit="none", size=size) for size in ((10, 9), (10, 4), (8, 4)))
    assert places(board(tall, wide, last)) == [(0, 0), (0, 1), (10, 1), (0, 10)]


def test_a_panel_may_not_be_wider_than_the_grid() -> None:
    with pytest.raises(ValueError, match="24 columns"):
        board(stat("s", "d", PromQL("up"), unit="none", size=(25, 4))).model()


def test_a_panel_asks_one_source() -> None:
    with pytest.raises(ValueError, match="one source"):
        timeseries("s", "d", PromQL("up"), Sql("SELECT 1"), unit="none")


def test_what_was_chosen_is_quoted() -> None:
    one = Range(NOW, NOW, chosen={"tenant": "o'hara", "agent": "x"})
    assert one.sql(tenant().matches("tenant_id")) == "('o''hara' = '' OR tenant_id = 'o''hara')"
    assert one.sql(tenant(all=False).matches("tenant_id")) == "tenant_id = 'o''hara'"
    assert HOUR.sql(agent().matches("agent_id")) == "('' = '' OR agent_id = '')"


def test_macros_are_filled_in_as_grafana_does() -> None:
    assert HOUR.sql("$__timeFilter(at)") == "at BETWEEN '2026-01-31T11:00:00+00:00' AND '2026-01-31T12:00:00+00:00'"
    assert HOUR.sql("$__timeGroupAlias(at,$__interval)") == 'floor(extract(epoch from at)/15)*15 AS "time"'
    assert HOUR.promql("rate(a[$__rate_interval]) / increase(a[$__range])") == "rate(a[60s]) / increase(a[3600s])"


@pytest.mark.parametrize("text", ["$__timeEpoch(at)", "$tenant", "${tenant}"])
def test_what_it_does_not_know_is_not_run(text: str) -> None:
    with pytest.raises(ValueError):
        HOUR.sql(text)
