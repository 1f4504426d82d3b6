"""`afterword deadletters` and `afterword stats`, as an operator uses them beside running workers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from redis import Redis

from afterword.schemas import wire
from afterword.schemas.wire import Queue
from afterword.workers.stores.ledger.database import Database
from tests.support import openai_faults as faults
from tests.support.deployment import Deployment
from tests.support.extractions import shown_new
from tests.support.waiting import wait_until


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def listed(deployment: Deployment, *filters: str) -> list[str]:
    return deployment.run("deadletters", "list", *filters).stdout.splitlines()


def status_counts(deployment: Deployment) -> dict[str, int]:
    database = Database(deployment.postgres_url, connections=1)
    with database.transaction() as connection:
        rows = connection.exec_driver_sql("SELECT status, count(*) FROM conversations GROUP BY status").all()
    database.close()
    return {row[0]: row[1] for row in rows}


def send_unreadable(deployment: Deployment) -> None:
    """A message that no SDK sends, put into the conversations queue."""
    with Redis.from_url(deployment.redis.url) as client:
        for command in wire.enqueue_commands(Queue.CONVERSATIONS, "broken", b"no JSON"):
            client.execute_command(*command)


SOUND = 5


def test_from_the_death_of_a_conversation_to_its_facts(deployment: Deployment, tmp_path: Path) -> None:
    deployment.settings = {
        "AFTERWORD_MAX_ATTEMPTS": "1",
        "AFTERWORD_LLM_MODEL": "fake-model",
        "AFTERWORD_PRICES": json.dumps(PRICES),
    }
    deployment.run("migrate")
    deployment.openai.fail_when(lambda request: faults.refusal() if "poison" in shown_new(request.messages) else None)
    deployment.start("ingest", "extraction", "scheduler")
    with deployment.client() as client:
        for each in range(SOUND):
            client.publish(user_id=f"user-{each}", messages=said(f"sound {each}"))
        client.publish(user_id="ann", event_id="bad", messages=said("poison"))
    with deployment.client("acme") as client:
        client.publish(user_id="bob", event_id="worse", messages=said("poison"))
    send_unreadable(deployment)
    wait_until(lambda: len(listed(deployment)) == 3, 120, "three dead letters")

    # Found, by what is known of them.
    assert [line.split()[5] for line in listed(deployment, "--user", "ann")] == ["bad"]
    assert "acme/bob" in listed(deployment, "--tenant", "acme")[0]
    assert len(listed(deployment, "--error", "BadAnswer", "--queue", "extraction")) == 2
    number = listed(deployment, "--queue", "conversations")[0].split()[0]
    assert "no JSON" in deployment.run("deadletters", "show", number).stdout

    # Nothing happens to letters that nobody has named, or that cannot be read.
    assert deployment.run("deadletters", "replay", check=False).returncode == 2
    refused = deployment.run("deadletters", "replay", number, check=False)
    assert (refused.returncode, "mended body" in refused.stdout) == (1, True)
    missing = deployment.run("deadletters", "show", "4711", check=False)
    assert (missing.returncode, missing.stderr.strip()) == (1, "afterword: there is no dead letter 4711")
    assert len(listed(deployment)) == 3

    # Mended and replayed; one is given up for good.
    body = tmp_path / "mended.json"
    body.write_text(json.dumps(MENDED))
    assert "1 replayed, 0 left" in deployment.run("deadletters", "replay", number, "--body", str(body)).stdout
    assert "1 discarded" in deployment.run("deadletters", "discard", "--tenant", "acme").stdout
    deployment.openai.fail_when(lambda _: None)
    assert "1 replayed, 0 left" in deployment.run("deadletters", "replay", "--user", "ann").stdout
    done = {"done": SOUND + 2, "dead": 1}
    wait_until(lambda: status_counts(deployment) == done, 120, "all to be done")
    assert listed(deployment) == []

    told = deployment.run("stats").stdout
    model, calls, failed, prompt, cached, completion, cost = told.splitlines()[1].split()
    # Two for the sound ones that came later, two that failed, and two about a harmless turn before anything died.
    assert (model, calls, failed, cached) == ("fake-model", str(SOUND + 6), "2", "0")
    assert float(cost.removeprefix("$")) == pytest.approx((int(prompt) * 1 + int(completion) * 2) / 1e6, abs=1e-4)
    assert f"{SOUND + 2} conversations extracted" in told
    assert f"per conversation: {(SOUND + 6) / (SOUND + 2):.2f} calls" in told
    deployment.settings = {}
    assert "cost unknown: set AFTERWORD_PRICES" in deployment.run("stats").stdout
    assert "0 conversations extracted" in deployment.run("stats", "--tenant", "nobody").stdout


PRICES = {"fake-model": {"prompt": 1.0, "cached": 0.1, "completion": 2.0}}
MENDED = {
    "queue_name": "conversations",
    "actor_name": "ingest_conversation",
    "args": [{"user_id": "eve", "event_id": "mended", "messages": said("sound and mended")}],
    "kwargs": {},
    "options": {},
    "message_id": "x",
    "message_timestamp": 1_780_000_000_000,
}
