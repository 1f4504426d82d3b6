"""The alerts: each is tested both ways, explained in a runbook, and made of metrics that exist."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from afterword.gateway.metrics import GatewayMetrics
from afterword.workers.observing.metrics import Metrics, Reading
from afterword.workers.runtime.roles import Role
from tests.conftest import unavailable

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "ops" / "prometheus"
TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))
RUNBOOKS = ROOT / "ops" / "runbooks.md"

SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "info": ("_info",)}
OF_PROMETHEUS = {"up": {"job", "service", "instance"}}
"""What Prometheus itself adds: the series of its targets, and their labels."""
OF_TARGETS = {"job", "service", "instance", "le"}


def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        unavailable("no promtool on PATH")
    return found


@cache
def rules() -> list[dict[str, Any]]:
    files = sorted((PROMETHEUS / "rules").glob("*.yml"))
    return [rule for file in files for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]


ALERTS = [rule for rule in rules() if "alert" in rule]
every_alert = pytest.mark.parametrize(
    "alert", ALERTS, ids=lambda alert: f"{alert['alert']}-{alert['labels']['severity']}"
)


@cache
def checks() -> list[dict[str, Any]]:
    """Each question to an alert in promtool's tests, with the alerts that should answer."""
    tests = [test for file in TESTS for test in yaml.safe_load(file.read_text())["tests"]]
    return [check for test in tests for check in test["alert_rule_test"]]


def firing(check: dict[str, Any]) -> set[str]:
    return {alert["exp_labels"]["severity"] for alert in check["exp_alerts"]}


def test_promtool_finds_what_is_expected() -> None:
    # Days of samples are garbage a moment later: collected less often, they take a fifth less time.
    told = {**os.environ, "GOGC": "800"}
    ran = subprocess.run([promtool(), "test", "rules", *TESTS], env=told, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("SUCCESS") == len(TESTS)


@every_alert
def test_it_is_seen_firing_and_silent(alert: dict[str, Any]) -> None:
    name, severity = alert["alert"], alert["labels"]["severity"]
    asked = [firing(check) for check in checks() if check["alertname"] == name]
    assert any(severity in found for found in asked), "no test in which it fires"
    assert any(severity not in found for found in asked), "no test in which it does not"


def test_only_alerts_that_exist_are_tested() -> None:
    assert {check["alertname"] for check in checks()} == {alert["alert"] for alert in ALERTS}


@every_alert
def test_it_says_how_urgent_it_is_what_is_wrong_and_where_to_read_on(alert: dict[str, Any]) -> None:
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert alert["annotations"]["runbook_url"] == f"ops/runbooks.md#{alert['alert'].lower()}"


def sections() -> dict[str, str]:
    """The runbooks by name."""
    parts = re.split(r"^## (.+)$", RUNBOOKS.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert set(sections()) == {alert["alert"] for alert in ALERTS}


@pytest.mark.parametrize("name", sorted(sections()))
def test_a_runbook_says_what_it_means_how_to_look_and_what_to_do(name: str) -> None:
    for part in (r"\*\*For users:?\*\*", r"\*\*Look:?\*\*", r"\*\*[Dd]o:?\*\*"):
        assert re.search(part, sections()[name]), part
    assert "```sh" in sections()[name]


def test_links_between_runbooks_lead_somewhere() -> None:
    anchors = {name.lower() for name in sections()}
    assert set(re.findall(r"\]\(#([\w-]+)\)", RUNBOOKS.read_text())) <= anchors


# What the rules are made of


@cache
def declared() -> dict[str, set[str]]:
    """The names of all series that the rules may use, with their labels."""
    found = {**OF_PROMETHEUS, "process_start_time_seconds": OF_TARGETS}
    for instrument in (*vars(Metrics()).values(), *vars(GatewayMetrics()).values()):
        if isinstance(instrument, MetricWrapperBase | Reading):
            (metric,) = instrument.describe()
            labels = instrument._labels if isinstance(instrument, Reading) else instrument._labelnames
            for suffix in SUFFIXES.get(metric.type, ("",)):
                found[metric.name + suffix] = {*labels, *OF_TARGETS}
    for rule in rules():
        if "record" in rule:
            found[rule["record"]] = found.get(rule["record"], set()) | {"objective", *rule.get("labels", {})}
    return found


SELECTOR = re.compile(r"\b((?:afterword|process)[\w:]*|up)\b(?:\{([^}]*)\})?")


@pytest.mark.parametrize("expression", sorted({rule["expr"] for rule in rules()}))
def test_every_metric_and_label_is_declared(expression: str) -> None:
    known = declared()
    selected = SELECTOR.findall(expression)
    assert selected or expression.startswith("vector(")
    for name, matchers in selected:
        assert name in known, name
        labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
        assert labels <= known[name], (name, labels - known[name])


@pytest.mark.parametrize(
    "name", ["afterword_context_seconds", "afterword_freshness_seconds", "afterword_ingest_seconds"]
)
def test_a_limit_is_the_end_of_a_bucket(name: str) -> None:
    metrics = Metrics()
    of_name = {
        "afterword_context_seconds": (metrics.context_seconds.labels("reply"), 0.1),
        "afterword_freshness_seconds": (metrics.freshness_seconds, 600.0),
        "afterword_ingest_seconds": (metrics.ingest_seconds.labels("total"), 1.0),
    }
    histogram, limit = of_name[name]
    assert limit in histogram._upper_bounds


def test_the_roles_watched_are_the_roles_there_are() -> None:
    watched = "".join(alert["expr"] for alert in ALERTS if alert["alert"] == "AfterwordRoleGone")
    assert set(re.findall(r'absent\(afterword_worker_up\{role="(\w+)"\}\)', watched)) == set(Role)


def test_the_tasks_watched_are_tasks() -> None:
    roles = (ROOT / "workers" / "afterword" / "workers" / "runtime" / "roles.py").read_text()
    (stalled,) = [alert["expr"] for alert in ALERTS if alert["alert"] == "AfterwordTaskStalled"]
    (named,) = re.findall(r'task=~"([^"]+)"', stalled)
    tasks = set(re.findall(r'Task\(\s*"(\w+)"', roles))
    for pattern in named.split("|"):
        assert any(re.fullmatch(pattern, task) for task in tasks), pattern
