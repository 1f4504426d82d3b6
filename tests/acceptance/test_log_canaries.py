"""Nothing that a person said, and no secret, is logged: through every role, with faults, at DEBUG level."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import redis

from afterword.producers import AfterwordError, ClientSettings, MemoryClient
from afterword.schemas import wire
from afterword.schemas.wire import Queue
from tests.support import openai_faults as faults
from tests.support.canaries import Watch, canary, shown
from tests.support.deployment import Deployment
from tests.support.fake_openai import Fact, given
from tests.support.waiting import wait_until

USER = canary("user-id")
FACT = canary("fact")


def said(number: int) -> list[dict[str, Any]]:
    return [
        {"role": "system", "content": canary("system")},
        {"role": "user", "content": f"{canary('message')} {number}", "name": canary("name")},
        {"role": "assistant", "content": f"{canary('answer')} {number}"},
    ]


def guarded(deployment: Deployment) -> None:
    """Passwords and keys in everything that a worker is told."""
    password = canary("redis-password")
    with redis.Redis.from_url(deployment.redis.url) as admin:
        admin.execute_command("ACL", "SETUSER", "worker", "on", f">{password}", "~*", "&*", "+@all")
    deployment.redis_url = deployment.redis.url.replace("redis://", f"redis://worker:{password}@")
    user = deployment.postgres_url.partition("://")[2].partition("@")[0]
    deployment.settings |= {
        "AFTERWORD_POSTGRES_URL": deployment.postgres_url.replace(f"{user}@", f"{user}:{canary('pg-password')}@", 1),
        "AFTERWORD_QDRANT_API_KEY": canary("qdrant-key"),
        "AFTERWORD_LLM_API_KEY": canary("llm-key"),
        "AFTERWORD_EMBEDDER": "openai",
        "AFTERWORD_EMBEDDER_MODEL": "fake-embedding",
        "AFTERWORD_EMBEDDER_BASE_URL": deployment.openai.url,
        "AFTERWORD_EMBEDDER_API_KEY": canary("embedder-key"),
        "AFTERWORD_LOG_FORMAT": "json",
        "AFTERWORD_LOG_LEVEL": "DEBUG",
        "AFTERWORD_MAX_ATTEMPTS": "1",
        "AFTERWORD_BREAKER_AFTER": "0.2",
    }


def broken_bodies() -> list[Any]:
    """Bodies that a publisher might send who knows nothing of the contract. None is acceptable."""
    message = {"role": "user", "content": canary("broken-message")}
    return [
        canary("broken-body"),
        {"user_id": USER, "messages": canary("broken-messages")},
        {"user_id": USER, "messages": [{**message, "role": canary("broken-role")}]},
        {"user_id": USER, "messages": [{**message, "content": {"text": canary("broken-content")}}]},
        {"user_id": [canary("broken-user")], "messages": [message]},
        {"user_id": USER, "messages": [message], "metadata": canary("broken-metadata")},
        {"user_id": USER, "messages": [message], "occurred_at": canary("broken-time")},
        {"user_id": USER, "messages": [message], "version": canary("broken-version")},
        {"user_id": USER, "messages": [message], canary("broken-key"): 1},
        {"user_id": USER, "messages": [{**message, "content": f"\ud800 {canary('broken-surrogate')}"}]},
        {"user_id": USER, "messages": [{**message, "content": f"\x00 {canary('broken-nul')}"}]},
    ]


def send_broken(client: redis.Redis, queue: Queue) -> None:
    for body in broken_bodies():
        _send(client, queue, {"args": [body]})
    _send(client, queue, {"args": canary("broken-args"), "kwargs": {canary("broken-kwarg"): 1}})
    _send_raw(client, queue, uuid4().hex, ('{"' + canary("broken-json")).encode())


def _send(client: redis.Redis, queue: Queue, message: dict[str, Any]) -> None:
    message_id = uuid4().hex
    whole = {
        "queue_name": queue.value,
        "actor_name": wire.ACTORS[queue],
        "kwargs": {},
        "options": {"redis_message_id": message_id},
        "message_id": message_id,
        "message_timestamp": 0,
        **message,
    }
    _send_raw(client, queue, message_id, json.dumps(whole).encode())


def _send_raw(client: redis.Redis, queue: Queue, message_id: str, data: bytes) -> None:
    with client.pipeline() as pipe:
        for command in wire.enqueue_commands(queue, message_id, data):
            pipe.execute_command(*command)
        pipe.execute()


def use_everything(client: MemoryClient) -> list[str]:
    """Every call of the SDK, some of which fail; the errors that were raised."""
    errors: list[str] = []
    calls: list[Callable[[], object]] = [
        lambda: client.context(USER, query=canary("query"), timeout=10),
        lambda: client.context(USER, query=canary("query"), agent_id="agent", session_id="s", always=True, timeout=10),
        lambda: client.memories.add(canary("note"), user_id=USER, metadata={"label": canary("metadata")}),
        lambda: list(client.memories.iterate(user_id=USER)),
        lambda: client.memories.get(str(uuid4()), user_id=USER),
        lambda: client.memories.get(canary("memory-id"), user_id=USER),
        lambda: client.memories.users(),
        lambda: client.memories.clear(user_id=USER),
    ]
    for call in calls:
        try:
            call()
        except AfterwordError as error:
            errors.append(str(error))
    return errors


def kept_errors(deployment: Deployment) -> str:
    """The errors that the ledger keeps."""
    with psycopg.connect(deployment.postgres_url) as connection:
        letters = connection.execute("SELECT error FROM dead_letters").fetchall()
        reasons = connection.execute("SELECT reason FROM breakers").fetchall()
        subjects = connection.execute("SELECT last_error FROM subjects").fetchall()
    return "\n".join(str(value) for (value,) in [*letters, *reasons, *subjects])


def test_no_log_line_and_no_error_tells_what_was_said_or_a_secret(deployment: Deployment) -> None:
    guarded(deployment)
    openai = deployment.openai
    openai.answer_with(given(Fact(FACT)))
    deployment.start()
    openai.fail(
        faults.unauthorised(canary("llm-key")),
        faults.server_error(),
        faults.says(canary("prose")),
        faults.bad_request(canary("provider-message")),
        faults.refusal(),
        faults.wrong_shape(),
    )
    errors: list[str] = []
    with deployment.client() as client, redis.Redis.from_url(deployment.redis.url) as raw:
        for number in range(8):
            client.publish(user_id=f"{USER}-{number}", agent_id="agent", session_id="s", messages=said(number))
        for queue in Queue:
            send_broken(raw, queue)
        errors += use_everything(client)
        openai.fail(faults.server_error(), faults.unauthorised(canary("embedder-key")), at="embeddings", times=3)
        errors += use_everything(client)
        deployment.qdrant.pause()
        errors += use_everything(client)
        client.publish(user_id=USER, session_id="s2", messages=said(9))
        deployment.qdrant.resume()
        wait_until(lambda: "InvalidInput" in kept_errors(deployment), 120, "dead letters")
        wait_until(lambda: client.memories.users(timeout=10).users, 120, "somebody with memories")
        deployment.redis.stop()
        deployment.redis.start()
        with redis.Redis.from_url(deployment.redis.url) as admin:
            password = canary("redis-password")
            admin.execute_command("ACL", "SETUSER", "worker", "on", f">{password}", "~*", "&*", "+@all")
        wait_until(
            lambda: client.context(USER, query=canary("query"), timeout=5).degraded == (), 120, "an answer again"
        )
    for worker in deployment.workers:
        worker.stop()

    assert not shown(deployment.logs())
    assert not shown("\n".join(errors))
    assert not shown(kept_errors(deployment))
    lines = [json.loads(line) for line in deployment.logs().splitlines() if line]
    assert all({"event", "level", "logger", "timestamp"} <= set(line) for line in lines)
    assert {"warning", "debug"} <= {line["level"] for line in lines}
    for actor in ("ingest_conversation", "extract_subject", "answer_context", "run_command"):
        bound = [line for line in lines if line.get("actor") == actor]
        assert any({"tenant", "subject", "attempt", "message_id"} <= set(line) for line in bound), actor
    assert any(line.get("event_id") for line in lines if line.get("actor") == "ingest_conversation")


def test_nor_does_a_client(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch()
    logger = logging.getLogger("afterword")
    monkeypatch.setattr(logger, "level", logging.DEBUG)
    logger.addHandler(watch)
    url = deployment.redis.url.replace("redis://", f"redis://nobody:{canary('client-password')}@")
    settings = ClientSettings(on_invalid="log", outbox_messages=1)
    with MemoryClient(url, settings=settings) as client:
        for body in broken_bodies()[1:]:
            client.publish(body)
        for number in range(3):
            client.publish(user_id=USER, messages=said(number))
        client.context(USER, query=canary("query"))
        deployment.redis.stop()
        client.context(USER, query=canary("query"))
        client.publish(user_id=USER, messages=said(4))
        client.close(timeout=0.1)
    logger.removeHandler(watch)
    assert watch.lines == []


@pytest.mark.parametrize(
    ("setting", "url"),
    [
        ("REDIS_URL", "redis://u:{}@127.0.0.1:1/0"),
        ("REDIS_URL", "redis://u:{}@127.0.0.1:port/0"),
        ("POSTGRES_URL", "postgresql://u:{}@127.0.0.1:1/x"),
        ("POSTGRES_URL", "{}"),
        ("QDRANT_URL", "http://u:{}@127.0.0.1:1"),
        ("QDRANT_URL", "http://u:{}@[bad"),
        ("LLM_BASE_URL", "http://u:{}@127.0.0.1:1/v1"),
    ],
)
def test_nor_does_the_command_line(deployment: Deployment, setting: str, url: str) -> None:
    deployment.settings[f"AFTERWORD_{setting}"] = url.format(canary("password"))
    told = deployment.run("doctor", check=False)
    assert told.returncode == 1
    assert not shown(told.stdout + told.stderr)
    assert "Traceback" not in told.stderr
