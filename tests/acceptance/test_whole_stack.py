"""The whole stack under a load, with faults: whatever dashboards, rules and alerts ask for is there."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import redis
from pydantic import SecretStr

from afterword.gateway.serving import GatewayServer
from afterword.gateway.settings import GatewaySettings
from afterword.producers import AfterwordError, ClientSettings, MemoryClient
from afterword.schemas.wire import Queue
from ops.grafana.every import promql_expressions, sql_queries
from ops.grafana.macros import Range
from tests.acceptance.test_log_canaries import send_broken
from tests.conftest import unavailable
from tests.support import openai_faults as faults
from tests.support.deployment import Deployment
from tests.support.prometheus import PrometheusServer
from tests.support.waiting import wait_until

LOAD = ["--rate", "20", "--seconds", "6", "--users", "20", "--timeout", "10"]

MAY_BE_EMPTY = {
    "afterword_vector_store_disk_bytes": "only Qdrant Edge tells its disk",
    'afterword_scheduler_task_runs_total{outcome=~"failed|defective"}': "no task has to fail",
    'afterword_scheduler_task_runs_total{outcome!="ok"}': "no task has to fail",
    'afterword_gateway_requests_total{route!~"/healthz|/readyz|/metrics",status=~"5.."}': "no request has to fail",
}
"""Series that panels and rules ask for and that may be absent here, with the reason."""

_SELECTOR = re.compile(r"\b((?:afterword[\w:]*|process_\w+|up)\b)(\{[^}]*\})?")


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[PrometheusServer]:
    if not PrometheusServer.available():
        unavailable("no prometheus on PATH")
    server = PrometheusServer(tmp_path / "prometheus")
    yield server
    server.stop()


@pytest.fixture
def gateway(deployment: Deployment) -> Iterator[GatewayServer]:
    settings = GatewaySettings(redis_url=SecretStr(deployment.redis.url), insecure_dev=True, port=0)
    server = GatewayServer(settings)
    server.start()
    yield server
    server.stop()


def ask_over_http(gateway: GatewayServer) -> None:
    """A context, and an address at which there is nothing."""
    with httpx.Client(base_url=gateway.url, timeout=20) as http:
        http.post("/api/v1/context", json={"user_id": "ann", "query": "Which bees do I keep?"})
        http.get("/nothing")


def publish_load(deployment: Deployment, prometheus: PrometheusServer) -> None:
    """Both sides of it must agree."""
    shown = subprocess.run(
        [sys.executable, "-m", "ops.load", *LOAD, "--prometheus", prometheus.url],
        env={**os.environ, "AFTERWORD_REDIS_URL": deployment.redis.url},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert shown.returncode == 0, shown.stdout + shown.stderr


def use_it(deployment: Deployment, client: MemoryClient) -> None:
    """Use it as a load does not: commands, faults of the LLM, the store away, events that break the contract."""
    note = client.memories.add("I keep bees.", user_id="ann", timeout=20)
    client.memories.list(user_id="ann", timeout=20)
    client.memories.delete(note.id, user_id="ann", timeout=20)
    client.memories.add("I keep bees.", user_id="bob", timeout=20)
    client.memories.clear(user_id="bob", timeout=20)
    client.context("ann", query="hello", timeout=20)
    client.context("ann", query="Which bees do I keep?", agent_id="quiet", timeout=20)
    with suppress(AfterwordError):
        client.publish(user_id="ann", messages=[])
    with redis.Redis.from_url(deployment.redis.url) as raw:
        for queue in (Queue.CONVERSATIONS, Queue.TELEMETRY, Queue.EXTRACTION):
            send_broken(raw, queue)
    deployment.openai.fail(*(faults.not_json() for _ in range(6)))
    deployment.openai.fail(faults.server_error(), faults.unauthorised())
    for number in range(12):
        client.publish(user_id=f"fault-{number}", agent_id="a", session_id="s", messages=said(f"I count to {number}."))
    deployment.qdrant.pause()
    client.context("ann", query="Which bees do I keep?", timeout=20)
    deployment.qdrant.resume()


def drop_one(deployment: Deployment) -> None:
    """A client whose outbox is full tells of what it dropped with what it sends next."""
    deployment.redis.stop()
    with MemoryClient(deployment.redis.url, settings=ClientSettings(outbox_messages=1)) as client:
        for number in range(3):
            client.publish(user_id="ann", messages=said(f"I was away {number} times."))
        deployment.redis.start()
        assert client.flush(60)
        client.publish(user_id="ann", messages=said("I am back."))


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}, {"role": "assistant", "content": f"You said: {text}"}]


def has_data(series: list[dict[str, Any]]) -> bool:
    return any(not math.isnan(float(each["value"][1])) for each in series)


def selectors(expression: str) -> set[str]:
    return {f"{name}{matchers}" for name, matchers in _SELECTOR.findall(expression)}


def without_data(prometheus: PrometheusServer, asked: Iterable[str], seconds: float, wrapped: str = "{}") -> list[str]:
    """Which of these expressions have no data within some time, those aside that may be empty."""
    missing = {each for each in asked if not any(series in each for series in MAY_BE_EMPTY)}

    def all_there() -> bool:
        missing.difference_update([each for each in missing if has_data(prometheus.query(wrapped.format(each)))])
        return not missing

    with suppress(AssertionError):
        wait_until(all_there, seconds)
    return sorted(missing)


def test_whatever_is_asked_for_is_there(
    deployment: Deployment, prometheus: PrometheusServer, gateway: GatewayServer
) -> None:
    began = datetime.now(UTC)
    deployment.settings |= {
        "AFTERWORD_MAX_ATTEMPTS": "1",
        "AFTERWORD_BREAKER_AFTER": "0.5",
        "AFTERWORD_REDACT": "email",
    }
    deployment.redis.stop()
    deployment.redis.extra_arguments = ("--maxmemory", "1gb")
    deployment.redis.start()
    deployment.run("agents", "set", "quiet", "--no-memory")
    deployment.start("ingest", "commands")
    with deployment.client() as client:
        client.publish(user_id="ann", agent_id="a", session_id="s", messages=said("I keep bees."))
        # The scheduler counts memories at its start, and then every minute only.
        wait_until(lambda: client.memories.list(user_id="ann", timeout=20).memories, 120, "the first memory")
    deployment.start("extraction", "context", "telemetry", "scheduler")
    # A rate is of two samples: the first count is there before the first look.
    ask_over_http(gateway)
    prometheus.start(deployment.workers, gateway)
    publish_load(deployment, prometheus)
    with deployment.client() as client:
        use_it(deployment, client)
    ask_over_http(gateway)
    drop_one(deployment)

    rules = prometheus.rules()
    assert {rule["health"] for rule in rules} <= {"ok", "unknown"}, [rule for rule in rules if rule.get("lastError")]
    looked_for = {each for rule in rules for each in selectors(rule["query"])}
    assert without_data(prometheus, looked_for, 25, "last_over_time({}[10m])") == []
    assert without_data(prometheus, {rule["name"] for rule in rules if rule["type"] == "recording"}, 10) == []

    whole = Range(began, datetime.now(UTC), timedelta(seconds=60))
    panels = {whole.promql(each.expression) for each in promql_expressions()}
    assert without_data(prometheus, panels, 15) == []
    assert all(any(series in text for text in (*looked_for, *panels)) for series in MAY_BE_EMPTY)

    chosen = {"tenant": "default", "user": "ann", "agent": "a"}
    with psycopg.connect(deployment.postgres_url, autocommit=True) as connection:
        for query in sql_queries():
            connection.execute(Range(began, datetime.now(UTC), chosen=chosen).sql(query.expression).encode()).fetchall()
