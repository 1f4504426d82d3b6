"""A real Prometheus with the shipped rules, scraping worker processes and a gateway where they are."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from afterword.gateway.serving import GatewayServer
from tests.support.deployment import WorkerProcess
from tests.support.ports import quiet_port
from tests.support.waiting import wait_until

SHIPPED = Path(__file__).parents[2] / "ops" / "prometheus"


@dataclass
class PrometheusServer:
    """Scrapes and evaluates every second; its data, and its configuration, are in `folder`."""

    folder: Path
    port: int = field(default_factory=quiet_port)
    _process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def available() -> bool:
        """Whether there is a `prometheus` on PATH."""
        return shutil.which("prometheus") is not None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, workers: Sequence[WorkerProcess], gateway: GatewayServer) -> None:
        """Start, and wait until all have been scraped. Raises: AssertionError, with its log, when one is not."""
        self.folder.mkdir(parents=True, exist_ok=True)
        scraped = [*((worker.role, worker.port) for worker in workers), ("gateway", urlsplit(gateway.url).port or 0)]
        config = self._configured(scraped)
        command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.folder / 'data'}"]
        log = self.folder / "prometheus.log"
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*command, f"--web.listen-address=127.0.0.1:{self.port}"], stdout=output, stderr=subprocess.STDOUT
            )
        try:
            wait_until(self._ready, 120, "Prometheus")
            wait_until(lambda: len(self.query("up == 1")) == len(scraped), 120, "all to be scraped")
        except AssertionError as error:
            raise AssertionError(f"{error}: {log.read_text()[-2000:]}") from None

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression has now. Raises: AssertionError, for one that is wrong."""
        try:
            return list(self._got("query", query=expression)["result"])
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{expression}: {error.read().decode()}") from None

    def rules(self) -> list[dict[str, Any]]:
        """Every rule as Prometheus has it, with its health."""
        return [rule for group in self._got("rules")["groups"] for rule in group["rules"]]

    def _got(self, path: str, **parameters: str) -> Any:
        with urllib.request.urlopen(
            f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}", timeout=20
        ) as got:
            return json.load(got)["data"]

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _configured(self, scraped: Sequence[tuple[str, int]]) -> Path:
        """The shipped configuration, but for when and where; nobody is told of alerts."""
        shipped = yaml.safe_load((SHIPPED / "prometheus.yml").read_text())
        [job] = [job for job in shipped["scrape_configs"] if job["job_name"] == "afterword"]
        targets = [{"targets": [f"127.0.0.1:{port}"], "labels": {"service": service}} for service, port in scraped]
        rules = [self._each_second(path) for path in sorted((SHIPPED / "rules").glob("*.yml"))]
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(path) for path in rules],
            "scrape_configs": [{"job_name": job["job_name"], "static_configs": targets}],
        }
        written = self.folder / "prometheus.yml"
        written.write_text(yaml.safe_dump(config))
        return written

    def _each_second(self, path: Path) -> Path:
        rules = yaml.safe_load(path.read_text())
        for group in rules["groups"]:
            group["interval"] = "1s"
        copy = self.folder / path.name
        copy.write_text(yaml.safe_dump(rules))
        return copy
