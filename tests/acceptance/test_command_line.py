"""The `afterword` command, as an operator types it."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from uuid import uuid4

import yaml
from qdrant_client import QdrantClient, models

from afterword.workers.models.embedders.hashing import HashingEmbedder
from tests.acceptance.test_pipeline import TURNS, ask, facts
from tests.support.deployment import Deployment
from tests.support.ledgers import with_database
from tests.support.waiting import wait_until


def test_every_worker_command_of_the_compose_file_starts_and_stops(deployment: Deployment) -> None:
    services = yaml.safe_load(Path("docker-compose.yml").read_text(encoding="utf-8"))["services"]
    commands = [service["command"] for service in services.values() if "--role" in service.get("command", [])]
    roles = [command[command.index("--role") + 1] for command in commands]
    assert 'ENTRYPOINT ["afterword"]' in Path("ops/Dockerfile").read_text(encoding="utf-8")
    assert all(command[0] == "worker" for command in commands)
    assert len(set(roles)) == 6
    deployment.as_installed = True

    workers = deployment.start(*roles)

    for worker in workers:
        status, told = worker.probe("/healthz")
        assert (status, json.loads(told)["alive"]) == (200, True)
        assert f'afterword_worker_up{{role="{worker.role}"}} 1.0' in worker.probe("/metrics")[1]
        deployment.settings["AFTERWORD_PROBE_PORT"] = str(worker.port)
        assert json.loads(deployment.run("health").stdout)["ready"] is True
        assert json.loads(deployment.run("health", "--alive").stdout)["alive"] is True
    # As a machine that was suspended does; the kernel then gives SIGTERM to any thread, and rarely to the main one.
    for worker in workers:
        worker.process.send_signal(signal.SIGSTOP)
    for worker in workers:
        os.waitid(os.P_PID, worker.process.pid, os.WSTOPPED | os.WNOWAIT)
        worker.process.send_signal(signal.SIGCONT)
        worker.process.send_signal(signal.SIGTERM)
    assert [worker.process.wait(30) for worker in workers] == [0] * 6
    assert deployment.run("health", check=False).returncode == 1


def test_a_role_starts_without_what_it_does_not_use(deployment: Deployment) -> None:
    deployment.qdrant.pause()
    [telemetry] = deployment.start("telemetry")
    assert "vector_store" not in telemetry.probe("/readyz")[1]


def test_doctor_says_what_is_well_and_what_to_do(deployment: Deployment) -> None:
    deployment.openai.answer_with(lambda _: '{"ok": true}')

    well = deployment.run("doctor")
    assert "ok       redis" in well.stdout
    assert "AFTERWORD_EMBEDDER" in well.stdout, "hashing is named as what it is"

    deployment.settings["AFTERWORD_POSTGRES_URL"] = with_database(deployment.postgres_url, "postgres")
    ill = deployment.run("doctor", check=False)
    assert ill.returncode == 1
    assert "afterword migrate" in ill.stdout


def test_memories_of_plain_mem0_are_adopted(deployment: Deployment) -> None:
    deployment.start("context")
    text = "Ann is allergic to peanuts"
    payload = {"data": text, "hash": "h", "created_at": "2025-01-02T23:00:00-08:00", "user_id": "ann"}
    vector = list(HashingEmbedder().embed([text])[0])
    client = QdrantClient(url=deployment.qdrant.url, check_compatibility=False)
    client.upsert("memories", [models.PointStruct(id=str(uuid4()), vector=vector, payload=payload)], wait=True)

    told = deployment.run("doctor", check=False).stdout
    assert "1 points carry no tenant" in told
    assert "afterword adopt --tenant default" in told
    with deployment.client() as asking:
        assert asking.context("ann", query="peanuts?", timeout=10).text == ""

        assert deployment.run("adopt").stdout == "1 memories adopted into tenant default\n"

        assert text in asking.context("ann", query="peanuts?", timeout=10).text
    assert "no tenant" not in deployment.run("doctor", check=False).stdout


def test_a_redis_that_evicts_is_refused(deployment: Deployment) -> None:
    deployment.redis.stop()
    deployment.redis.extra_arguments = ("--maxmemory-policy", "allkeys-lru")
    deployment.redis.start()

    told = deployment.run("doctor", check=False)

    assert told.returncode == 1
    assert "set it to noeviction" in told.stdout


def test_an_agent_is_registered_told_what_to_remember_and_switched_off(deployment: Deployment) -> None:
    east = ("--time-zone", "Asia/Tokyo")
    deployment.run("agents", "set", "travel", "--owner", "acme", "--instructions", "Remember every seat.", *east)
    told = "travel  owner=acme  memory=on  time_zone=Asia/Tokyo  Remember every seat.\n"
    assert deployment.run("agents", "list").stdout == told
    deployment.start("ingest", "extraction", "scheduler", "context", "commands")
    with deployment.client() as client:
        client.publish(user_id="ada", agent_id="travel", session_id="s1", messages=TURNS)
        wait_until(lambda: facts(client, "ada"), 120, "the facts")
        assert "Remember every seat." in json.dumps(deployment.openai.chats[0].body["messages"])

        deployment.run("agents", "set", "quiet", "--no-memory")

        assert ask(client, "peanuts", agent_id="quiet").degraded == ("memory_off",)


def test_a_collection_of_another_embedder_names_the_mend_which_works(deployment: Deployment) -> None:
    ingest, commands = deployment.start("ingest", "commands")
    with deployment.client() as client:
        client.publish(user_id="ada", session_id="s1", messages=TURNS)
        wait_until(lambda: len(list(client.memories.iterate(user_id="ada"))) == 2, 120, "the excerpts")
    ingest.stop()
    commands.stop()
    deployment.settings["AFTERWORD_EMBEDDER_DIMENSIONS"] = "64"
    assert "afterword reembed --into" in deployment.run("doctor", check=False).stdout

    told = deployment.run("reembed", "--into", "smaller").stdout

    assert told.startswith("2 memories embedded with")
    deployment.settings["AFTERWORD_COLLECTION"] = "smaller"
    deployment.start("context")
    with deployment.client() as client:
        assert len(ask(client, "I am allergic to peanuts in Lisbon").memories) == 2


def test_a_wrong_setting_and_a_wrong_role_are_one_line(deployment: Deployment) -> None:
    deployment.as_installed = True
    deployment.settings["AFTERWORD_LEASE"] = "soon"
    wrong = deployment.run("migrate", check=False)
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("afterword: AFTERWORD_LEASE:")
    assert len(wrong.stderr.splitlines()) == 1

    assert "is no role" in deployment.run("worker", "--role", "cook", check=False).stderr
