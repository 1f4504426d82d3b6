"""`doctor` for an embedded stack: it runs in another process, which alone may open its vector store."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

from pydantic import SecretStr

from afterword.workers.embedded.models import settings_at_hand
from afterword.workers.embedded.running_file import RunningStack
from afterword.workers.runtime import checks
from afterword.workers.runtime.health import Check
from afterword.workers.runtime.server_checks import check_payloads, check_vector_store
from afterword.workers.runtime.settings import Settings
from afterword.workers.runtime.wiring.house import House

_SECONDS = 5.0
_POINTS = re.compile(r"^afterword_vector_store_points (\S+)$", re.MULTILINE)
_HOLDS = re.compile(r"^afterword_ledger_holds_memories 1\.0$", re.MULTILINE)


def examine(folder: Path) -> list[Check]:
    """Check the servers of the stack that runs in `folder` and the models of this environment; ask the stack for its
    vector store. Raises: Misconfigured, when no stack runs there.
    """
    running = RunningStack.of(folder)
    settings, _ = settings_at_hand(Settings.load())
    beside = settings_beside(settings, running)
    mine = [check for check in checks.ALL if check not in (check_vector_store, check_payloads)]
    with closing(House(beside)) as house:
        return [*checks.run(house, mine), _vector_store(running), _payloads(running)]


def settings_beside(settings: Settings, running: RunningStack) -> Settings:
    """The settings for another process beside a running stack: its Redis and its PostgreSQL."""
    return settings.model_copy(
        update={"redis_url": SecretStr(running.redis_url), "postgres_url": SecretStr(running.postgres_url)}
    )


def _vector_store(running: RunningStack) -> Check:
    # The stack looks for us: a folder of Qdrant Edge is open in one process only.
    found = json.loads(_probe(running, "readyz"))["components"]["vector_store"]
    return Check("vector_store", found["status"], f"{found['detail']}, in process {running.pid}")


def _payloads(running: RunningStack) -> Check:
    metrics = _probe(running, "metrics")
    points = _POINTS.search(metrics)
    if points is None:
        return Check("payloads", "unknown", "not counted yet: ask again in a quarter of a minute")
    if float(points[1]) == 0 and _HOLDS.search(metrics):
        lost = "the ledger knows memories, and the vector store has none: restore its folder"
        return Check("payloads", "failed", lost)
    return Check("payloads", "ok", f"{float(points[1]):.0f} points")


def _probe(running: RunningStack, probe: str) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{running.probe_port}/{probe}", timeout=_SECONDS) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:  # not ready: the body says why
        return error.read().decode()
