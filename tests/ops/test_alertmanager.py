"""Alertmanager with the shipped configuration: who is told what, and what is held back."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import unavailable
from tests.support.ports import quiet_port
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "ops" / "alertmanager"


def program() -> str:
    """Alertmanager, which Debian calls otherwise."""
    found = shutil.which("alertmanager") or shutil.which("prometheus-alertmanager")
    if found is None:
        unavailable("no alertmanager on PATH")
    return found


@dataclass
class Webhook:
    """A chat that keeps what it was told, by path."""

    told: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        told = self.told

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                told.append((self.path, json.dumps(json.loads(body), ensure_ascii=False)))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}{path}"


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    hook = Webhook()
    yield hook
    hook.server.shutdown()
    hook.server.server_close()


@dataclass(frozen=True)
class Alertmanager:
    port: int

    def post(self, *alerts: dict[str, str]) -> None:
        body = [
            {
                "labels": alert,
                "annotations": {"summary": f"{alert['alertname']} is wrong", "runbook_url": "ops/runbooks.md#x"},
            }
            for alert in alerts
        ]
        self._ask("alerts", json.dumps(body).encode())

    def held_back(self) -> dict[str, bool]:
        """Which alerts are inhibited, by name and severity."""
        return {
            f"{alert['labels']['alertname']}/{alert['labels']['severity']}": bool(alert["status"]["inhibitedBy"])
            for alert in self._ask("alerts")
        }

    def answers(self) -> bool:
        try:
            self._ask("status")
        except OSError:
            return False
        return True

    def _ask(self, path: str, body: bytes | None = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v2/{path}", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=5) as reply:
            return json.loads(reply.read() or b"null")


def started(folder: Path, **urls: str) -> subprocess.Popen[bytes]:
    """`start.sh`, with groups that are sent at once; its arguments are those of the Compose file, but for the port."""
    copy, binaries, written = folder / "etc", folder / "bin", folder / "urls"
    shutil.copytree(FOLDER, copy)
    binaries.mkdir()
    written.mkdir()
    (binaries / "alertmanager").symlink_to(program())
    config = (copy / "alertmanager.yml").read_text()
    config = config.replace("group_wait: 30s", "group_wait: 0s").replace("/run/alertmanager", str(written))
    (copy / "alertmanager.yml").write_text(config)
    environment = {"PATH": f"{binaries}:{os.environ['PATH']}", "ALERT_URLS_FOLDER": str(written), **urls}
    arguments = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["alertmanager"]["command"]
    arguments = [argument.replace("=/alertmanager", f"={folder / 'data'}") for argument in arguments]
    port = f"--web.listen-address=127.0.0.1:{urls.get('PORT')}"
    return subprocess.Popen(["sh", copy / "start.sh", *arguments, port], env=environment, stderr=subprocess.PIPE)


def running(folder: Path, **urls: str) -> Iterator[Alertmanager]:
    port = quiet_port()
    process = started(folder, PORT=str(port), **urls)
    manager = Alertmanager(port)
    try:
        wait_until(manager.answers)
        yield manager
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.fixture
def manager(tmp_path: Path, webhook: Webhook) -> Iterator[Alertmanager]:
    yield from running(tmp_path, ALERT_OPS_URL=webhook.url("/ops"), ALERT_CHAT_URL=webhook.url("/chat"))


def alert(name: str, severity: str = "ticket", **labels: str) -> dict[str, str]:
    return {"alertname": f"Afterword{name}", "severity": severity, **labels}


def test_pages_go_to_ops_and_tickets_to_the_chat(manager: Alertmanager, webhook: Webhook) -> None:
    manager.post(alert("NoLeader", "page"), alert("SaveSlow"))
    wait_until(lambda: len(webhook.told) == 2)
    told = dict(webhook.told)
    assert "AfterwordNoLeader is wrong" in told["/ops"]
    assert "AfterwordSaveSlow is wrong" in told["/chat"]
    assert "ops/runbooks.md#x" in told["/chat"]


CAUSES = [
    (alert("ComponentDown", "page", component="postgres"), alert("NoLeader", "page")),
    (alert("ComponentDown", "page", component="postgres"), alert("QueueOld", "page", queue="conversations")),
    (alert("ComponentDown", "page", component="redis"), alert("TaskFailing", task="read_redis")),
    (alert("ComponentDown", "page", component="vector_store"), alert("ContextUnavailable", "page", objective="x")),
    (alert("ComponentDown", "page", component="vector_store"), alert("ExcerptsWanting")),
    (alert("ComponentDown", "page", component="vector_store"), alert("DeletionsPending")),
    (alert("BreakerOpen"), alert("FactsLate", "page", objective="freshness")),
    (alert("EmbedderFailing"), alert("ExcerptsWanting")),
    (alert("RoleGone", "page", role="ingest"), alert("WorkerDown", role="ingest", instance="a")),
    (alert("RoleGone", "page", role="context"), alert("QueueOld", "page", queue="context")),
    (alert("RoleGone", "page", role="scheduler"), alert("NoLeader", "page")),
    (alert("RedisMemory", "page"), alert("RedisMemory", "ticket")),
    (alert("RoleGone", "page", role="context"), alert("GatewayFailing", "page")),
    (alert("GatewayGone", "page"), alert("WorkerDown", role="gateway", instance="a")),
    (alert("ContextSlow", "page", objective="x"), alert("GatewaySlow")),
]
UNRELATED = [
    (alert("ComponentDown", "page", component="postgres"), alert("QueueOld", "page", queue="context")),
    (alert("ComponentDown", "page", component="postgres"), alert("RedisMemory", "page")),
    (alert("ComponentDown", "page", component="redis"), alert("PublishesDropped")),
    (alert("BreakerOpen"), alert("DeadLetters", queue="extraction")),
    (alert("RoleGone", "page", role="ingest"), alert("GatewayFailing", "page")),
    (alert("RoleGone", "page", role="ingest"), alert("WorkerDown", role="context", instance="a")),
    (alert("RoleGone", "page", role="ingest"), alert("QueueOld", "page", queue="context")),
    (alert("DeadLetters", "page", queue="conversations"), alert("DeadLetters", "ticket", queue="extraction")),
]


def key(of: dict[str, str]) -> str:
    return f"{of['alertname']}/{of['severity']}"


@pytest.mark.parametrize(("cause", "symptom"), CAUSES, ids=lambda one: "-".join(one.values()))
def test_a_cause_holds_its_symptom_back(manager: Alertmanager, cause: Any, symptom: Any) -> None:
    manager.post(cause)
    manager.post(symptom)
    wait_until(lambda: manager.held_back() == {key(cause): False, key(symptom): True})


@pytest.mark.parametrize(("cause", "other"), UNRELATED, ids=lambda one: "-".join(one.values()))
def test_what_has_another_cause_is_told(manager: Alertmanager, webhook: Webhook, cause: Any, other: Any) -> None:
    manager.post(cause)
    manager.post(other)
    wait_until(
        lambda: sum(f"{each['alertname']} is wrong" in text for each in (cause, other) for _, text in webhook.told) >= 2
    )
    assert manager.held_back() == {key(cause): False, key(other): False}


def test_one_url_alone_is_told_everything(tmp_path: Path, webhook: Webhook) -> None:
    for manager in running(tmp_path, ALERT_CHAT_URL=webhook.url("/chat")):
        manager.post(alert("NoLeader", "page"), alert("SaveSlow"))
        wait_until(lambda: len(webhook.told) == 2)
    assert {path for path, _ in webhook.told} == {"/chat"}


def test_without_a_url_alerts_are_seen_and_sent_nowhere(tmp_path: Path, webhook: Webhook) -> None:
    for manager in running(tmp_path):
        manager.post(alert("NoLeader", "page"))
        wait_until(lambda: manager.held_back() == {"AfterwordNoLeader/page": False})  # noqa: B023
    assert not webhook.told


def test_inhibitions_and_routes_name_alerts_that_exist() -> None:
    rules = "".join(file.read_text() for file in (ROOT / "ops" / "prometheus" / "rules").glob("*.yml"))
    known = set(re.findall(r"- alert: (\w+)", rules))
    assert set(re.findall(r"Afterword[A-Z]\w+", (FOLDER / "alertmanager.yml").read_text())) <= known


def test_no_url_is_in_the_repository() -> None:
    for file in FOLDER.iterdir():
        assert not re.search(r"https?://", file.read_text()), file.name


def test_prometheus_finds_it() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    alerting = yaml.safe_load((ROOT / "ops" / "prometheus" / "prometheus.yml").read_text())["alerting"]
    assert alerting == {"alertmanagers": [{"static_configs": [{"targets": ["alertmanager:9093"]}]}]}
    assert set(services["alertmanager"]["networks"]) & set(services["prometheus"]["networks"])
    assert any(str(port).endswith(":9093") for port in services["alertmanager"]["ports"])
