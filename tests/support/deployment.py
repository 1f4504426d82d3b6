"""A deployment of real worker processes over real servers, as a test wants it: driven through the SDK and the CLI."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from afterword.producers import ClientSettings, MemoryClient
from afterword.workers.embedded.redis_server import RedisServer
from tests.support.canaries import canary, shown
from tests.support.fake_openai import FakeOpenAI
from tests.support.forked import Forked, run
from tests.support.qdrant_face import QdrantFace
from tests.support.waiting import wait_until

ROLES = ("ingest", "extraction", "context", "commands", "telemetry", "scheduler")
_PROBES = re.compile(r"probes on port (\d+)")
AFTERWORD = str(Path(sys.executable).with_name("afterword"))


@dataclass
class WorkerProcess:
    """`afterword worker --role …` as a process of its own, its log in a file."""

    role: str
    log: Path
    process: subprocess.Popen[bytes] | Forked
    _port: int = 0

    @property
    def port(self) -> int:
        """The port of its probes, which it took itself; 0 before it says so in its log."""
        if not self._port and (told := _PROBES.search(self.log.read_text())):
            self._port = int(told[1])
        return self._port

    def is_ready(self) -> bool:
        """Whether its readiness probe says so. Raises: AssertionError, with the log, when it has ended."""
        if self.process.poll() is not None:
            raise AssertionError(f"{self.role} ended with {self.process.poll()}:\n{self.log.read_text()[-3000:]}")
        return self.probe("/readyz")[0] == 200

    def probe(self, path: str) -> tuple[int, str]:
        """Status and body of its HTTP port; status 0 while it does not listen."""
        if not self.port:
            return 0, "not listening yet"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def stop(self, timeout: float = 30.0) -> int:
        """SIGTERM, and its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()


@dataclass
class Deployment:
    """Servers, the fake LLM, and the worker processes that a test starts.

    They are forked from a process that has imported everything, unless `as_installed`: then each is the console
    script, as an operator starts it.
    """

    folder: Path
    redis: RedisServer
    postgres_url: str
    qdrant: QdrantFace
    openai: FakeOpenAI
    redis_url: str = ""
    workers: list[WorkerProcess] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    as_installed: bool = False

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a worker process."""
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("AFTERWORD_", "OPENAI_"))
        }
        return {
            **inherited,
            "AFTERWORD_REDIS_URL": self.redis_url or self.redis.url,
            "AFTERWORD_POSTGRES_URL": self.postgres_url,
            "AFTERWORD_QDRANT_URL": self.qdrant.url,
            "AFTERWORD_LLM_BASE_URL": self.openai.url,
            "AFTERWORD_LLM_API_KEY": canary("llm-key"),
            "AFTERWORD_EMBEDDER": "hashing",
            "AFTERWORD_EXTRACT_AFTER": "0",
            "AFTERWORD_RETRY_AFTER": "0.2",
            "AFTERWORD_LOG_FORMAT": "text",
            "AFTERWORD_SHUTDOWN_GRACE": "10",
            **self.settings,
        }

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run an `afterword` command to its end."""
        if self.as_installed:
            return subprocess.run(
                [AFTERWORD, *arguments], env=self.environment, capture_output=True, text=True, timeout=120, check=check
            )
        ended = run((AFTERWORD, *arguments), environment=self.environment, folder=self.folder, timeout=120)
        if check:
            ended.check_returncode()
        return ended

    def start(self, *roles: str, ready: bool = True) -> list[WorkerProcess]:
        """Start a process for each role (all of them without names), and wait until they are ready."""
        started = [self._start(role) for role in roles or ROLES]
        for worker in started if ready else ():
            wait_until(worker.is_ready, 180, f"{worker.role} to be ready")
        return started

    def _start(self, role: str) -> WorkerProcess:
        log = self.folder / f"{role}-{uuid4().hex[:8]}.log"
        worker = WorkerProcess(role, log, self._process(role, log))
        self.workers.append(worker)
        return worker

    def _process(self, role: str, log: Path) -> subprocess.Popen[bytes] | Forked:
        command = (AFTERWORD, "worker", "--role", role)
        environment = {**self.environment, "AFTERWORD_PROBE_PORT": "0"}
        if not self.as_installed:
            log.touch()
            return Forked(command, environment=environment, output=log)
        with log.open("wb") as output:
            return subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)

    @contextmanager
    def client(self, tenant_id: str = "default", **settings: Any) -> Iterator[MemoryClient]:
        """An SDK client of this deployment."""
        with MemoryClient(self.redis.url, tenant_id=tenant_id, settings=ClientSettings(**settings)) as client:
            yield client

    def logs(self) -> str:
        """The logs of all workers."""
        return "\n".join(worker.log.read_text() for worker in self.workers)

    def stop(self) -> None:
        """Stop every worker; one that does not end in time is killed.

        Raises: AssertionError, when one logged a secret or what somebody said.
        """
        self._end()
        assert not shown(self.logs()), "logged by a worker, and must not be"

    def _end(self) -> None:
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.process.send_signal(signal.SIGTERM)
        for worker in self.workers:
            try:
                worker.process.wait(30)
            except subprocess.TimeoutExpired:
                worker.kill()


def metric(worker: WorkerProcess, name: str, labels: Mapping[str, str] | None = None) -> float:
    """A sample of a worker's /metrics; 0.0 when there is none."""
    wanted = "".join(sorted(f'{key}="{value}"' for key, value in (labels or {}).items()))
    for line in worker.probe("/metrics")[1].splitlines():
        head, _, value = line.rpartition(" ")
        found, _, told = head.partition("{")
        if found == name and "".join(sorted(told.rstrip("}").split(","))) == wanted:
            return float(value)
    return 0.0


def readiness(worker: WorkerProcess) -> dict[str, Any]:
    """The state of a worker's components, by its readiness probe."""
    return dict(json.loads(worker.probe("/readyz")[1]))
