"""The shipped Prometheus configuration: valid, and scraping every role where its metrics are."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import unavailable

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "ops" / "prometheus" / "prometheus.yml"


def discovery(number: int = 0) -> dict[str, Any]:
    """How the job of our own processes finds the roles; 1: how it finds the gateway."""
    jobs = {job["job_name"]: job for job in yaml.safe_load(CONFIG.read_text())["scrape_configs"]}
    found = jobs["afterword"]["dns_sd_configs"]
    assert len(found) == 2
    return dict(found[number])


def services() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"])


def test_promtool_accepts_it() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        unavailable("no promtool on PATH")
    check = subprocess.run([promtool, "check", "config", CONFIG], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout + check.stderr


def test_every_role_is_scraped_by_name_so_that_replicas_are_found() -> None:
    roles = {name for name, service in services().items() if service.get("command", [])[:1] == ["worker"]}
    assert roles
    assert set(discovery()["names"]) == roles
    assert discovery()["type"] == "A"


def test_the_port_is_the_one_the_roles_listen_on() -> None:
    for name in discovery()["names"]:
        assert services()[name]["environment"]["AFTERWORD_PROBE_PORT"] == str(discovery()["port"])
        assert services()[name]["environment"]["AFTERWORD_PROBE_HOST"] == "0.0.0.0"


def test_the_gateway_is_scraped_at_its_own_port() -> None:
    assert discovery(1)["names"] == ["gateway"]
    assert str(discovery(1)["port"]) == services()["gateway"]["environment"]["AFTERWORD_GATEWAY_PORT"]
    assert services()["gateway"]["environment"]["AFTERWORD_GATEWAY_HOST"] == "0.0.0.0"


def test_prometheus_shares_a_network_with_every_role() -> None:
    reachable = set(services()["prometheus"]["networks"])
    for name in (*discovery()["names"], *discovery(1)["names"]):
        assert reachable & set(services()[name]["networks"]), name
