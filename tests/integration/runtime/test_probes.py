"""What the probes of a role tell: of each component, of what the role cannot do without, and of one that hangs."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest

from afterword.workers.core.errors import EmbeddingFailed
from afterword.workers.runtime.checks import EmbedderLately
from afterword.workers.runtime.probes import ProbeServer
from afterword.workers.runtime.roles import Role, health_of, shown_by, start_role
from afterword.workers.runtime.running import RunningRole
from tests.fixtures.workshops import OpenWorkshop
from tests.support.waiting import wait_until
from tests.support.workshop import Workshop, store_down

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"
GRACE = 10.0

Probed = Callable[[Role, Workshop], ProbeServer]


@pytest.fixture
def probed() -> Iterator[Probed]:
    """The probes of a role at work."""
    with ExitStack() as opened:

        def start(role: Role, workshop: Workshop) -> ProbeServer:
            running = start_role(role, workshop.house)
            opened.callback(running.stop, GRACE)
            return opened.enter_context(probes_of(role, workshop, running))

        yield start


@contextmanager
def probes_of(role: Role, workshop: Workshop, running: RunningRole) -> Iterator[ProbeServer]:
    house = workshop.house
    house.metrics.up.labels(role).set_function(running.is_alive)
    health = health_of(role, house, running)
    probes = ProbeServer("127.0.0.1", 0, registry=shown_by(role, house))
    probes.start(is_alive=running.is_alive, health=health)
    yield probes
    probes.stop()


def get(probes: ProbeServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{probes.port}{path}", timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def told(probes: ProbeServer, path: str = "/readyz") -> tuple[int, dict[str, Any]]:
    status, body = get(probes, path)
    return status, json.loads(body)


def statuses(probes: ProbeServer) -> dict[str, str]:
    return {name: each["status"] for name, each in told(probes)[1]["components"].items()}


def test_they_tell_metrics_health_and_readiness(workshop: Workshop) -> None:
    role = start_role(Role.CONTEXT, workshop.house)
    with probes_of(Role.CONTEXT, workshop, role) as probes:
        status, metrics = get(probes, "/metrics")
        assert status == 200
        assert 'afterword_worker_up{role="context"} 1.0' in metrics
        assert told(probes, "/healthz")[0] == 200
        assert told(probes)[0] == 200
        used = ("worker", "redis", "vector_store", "postgres", "embedder", "context_queue")
        assert statuses(probes) == dict.fromkeys(used, "ok")
        assert get(probes, "/other")[0] == 404
        role.stop(GRACE)
        assert 'afterword_worker_up{role="context"} 0.0' in get(probes, "/metrics")[1]
        assert told(probes, "/healthz")[0] == 503
        assert told(probes)[0] == 503
        assert statuses(probes)["worker"] == "failed"


def test_every_role_tells_what_it_uses(workshop: Workshop, probed: Probed) -> None:
    used = {role: set(statuses(probed(role, workshop))) - {"worker"} for role in Role}
    assert used == {
        Role.INGEST: {"redis", "postgres", "vector_store", "embedder", "conversations_queue"},
        Role.EXTRACTION: {"redis", "postgres", "vector_store", "mem0", "embedder", "llm", "extraction_queue"},
        Role.CONTEXT: {"redis", "postgres", "vector_store", "embedder", "context_queue"},
        Role.COMMANDS: {"redis", "postgres", "vector_store", "embedder", "commands_queue"},
        Role.TELEMETRY: {"redis", "postgres", "telemetry_queue"},
        Role.SCHEDULER: {"redis", "postgres", "vector_store", "embedder", "llm"},
    }


@pytest.mark.parametrize(("role", "ready"), [(Role.CONTEXT, 200), (Role.INGEST, 503)])
def test_without_postgres_context_is_ready_and_ingest_is_not(
    open_workshop: OpenWorkshop, probed: Probed, role: Role, ready: int
) -> None:
    probes = probed(role, open_workshop(postgres_url=NOWHERE))
    status, found = told(probes)
    assert status == ready
    assert found["components"]["postgres"]["status"] == "failed"
    assert found["components"]["postgres"]["needed"] is (role is Role.INGEST)
    assert told(probes, "/healthz")[0] == 200


def test_without_the_vector_store_ingest_is_ready_and_commands_are_not(workshop: Workshop, probed: Probed) -> None:
    roles = {role: probed(role, workshop) for role in (Role.INGEST, Role.COMMANDS)}
    workshop.store.before["version"] = store_down
    assert {role: told(probes)[0] for role, probes in roles.items()} == {Role.INGEST: 200, Role.COMMANDS: 503}
    assert statuses(roles[Role.INGEST])["vector_store"] == "failed"


def test_a_component_that_hangs_holds_no_probe_up_and_is_named(
    workshop: Workshop, probed: Probed, emptied_ledger: str
) -> None:
    probes = probed(Role.INGEST, workshop)
    assert told(probes)[0] == 200
    with psycopg.connect(emptied_ledger) as hanging:
        hanging.execute("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE")

        def hangs() -> bool:
            postgres: dict[str, str] = told(probes)[1]["components"]["postgres"]
            return postgres["status"] == "failed" and postgres["detail"].startswith("no answer for")

        wait_until(hangs, 15, "the hanging component")
        assert statuses(probes)["redis"] == "ok"
        assert told(probes)[0] == 503
        alive, found = told(probes, "/healthz")
        assert alive == 200
        assert found["components"]["postgres"]["status"] == "failed"
        hanging.rollback()
        wait_until(lambda: told(probes)[0] == 200, 15, "it to answer again")


def test_an_open_breaker_is_told_and_keeps_nobody_from_being_ready(workshop: Workshop, probed: Probed) -> None:
    workshop.rows("INSERT INTO breakers (name, failures, open_until) VALUES ('llm', 9, now() + interval '1 h')")
    status, found = told(probed(Role.EXTRACTION, workshop))
    assert status == 200
    assert found["components"]["llm"] == {"status": "warning", "detail": "the breaker is open", "needed": False}


def test_the_embedder_is_judged_by_its_last_requests(workshop: Workshop) -> None:
    house, lately = workshop.house, EmbedderLately()
    assert lately(house).detail == "no request yet"
    house.models.embedder.embed(["a"])
    assert lately(house).status == "ok"
    workshop.embedder.fails = lambda _: True
    with pytest.raises(EmbeddingFailed):
        house.models.embedder.embed(["b"])
    assert [lately(house).status for _ in range(2)] == ["failed", "failed"]
    workshop.embedder.fails = lambda _: False
    house.models.embedder.embed(["c"])
    assert lately(house).status == "ok"
