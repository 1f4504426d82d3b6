"""Limits at the door, over a real Redis: who is over one is told, and nobody else is."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import redis
from fastapi.testclient import TestClient

from afterword.gateway.app import create_app
from afterword.gateway.settings import GatewaySettings
from afterword.schemas.errors import InvalidInput
from tests.support.gateway_stack import SECRET, token
from tests.support.ports import quiet_port

SAID = {"messages": [{"role": "user", "content": "I like tea."}]}


class OpenDoor:
    """Gateways with these limits, without workers behind them: what is let in waits, or is 503."""

    def __init__(self, opened: ExitStack, redis_url: str) -> None:
        self._opened = opened
        self._redis_url = redis_url

    def __call__(self, limits: dict[str, int], **settings: Any) -> TestClient:
        given = {
            "redis_url": self._redis_url,
            "jwt_secret": SECRET,
            "context_seconds": 0.01,
            "command_seconds": 0.01,
            "limits_seconds": 5.0,
        }
        app = create_app(GatewaySettings(**{**given, **settings}, limits=limits, shutdown_grace=1))
        return self._opened.enter_context(TestClient(app))


@pytest.fixture
def open_door(redis_url: str) -> Iterator[OpenDoor]:
    with ExitStack() as opened:
        yield OpenDoor(opened, redis_url)


def by(account: str, *roles: str, tenant: str = "default") -> dict[str, str]:
    return {"Authorization": f"Bearer {token(account, *roles, tenant=tenant)}"}


def publish(http: TestClient, headers: dict[str, str], **fields: Any) -> int:
    return http.post("/api/v1/conversations", json={**SAID, **fields}, headers=headers).status_code


def test_who_is_over_a_limit_is_told_when_to_come_again(open_door: OpenDoor) -> None:
    http = open_door({"publishes.user": 2})
    assert [publish(http, by("ann")) for _ in range(3)] == [202, 202, 429]
    refused = http.post("/api/v1/conversations", json=SAID, headers=by("ann"))
    assert (refused.json()["code"], refused.json()["detail"]) == (
        "too_many",
        "too many publishes: 2 a minute are allowed for this user",
    )
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    # Others, other tenants' users of the same name, and other kinds of requests are not.
    assert publish(http, by("bob")) == publish(http, by("ann", tenant="acme")) == 202
    assert http.get("/api/v1/me", headers=by("ann")).status_code == 200
    told = http.get("/metrics").text
    assert 'afterword_gateway_limited_total{kind="publishes",outcome="refused"} 2.0' in told


def test_users_and_agents_are_those_that_are_named(open_door: OpenDoor) -> None:
    http, service = open_door({"publishes.user": 1, "contexts.agent": 1, "commands.user": 1}), by("svc", "agent")
    assert [publish(http, service, user_id=user) for user in ("ann", "ann", "bob")] == [202, 429, 202]
    asked = [
        http.post("/api/v1/context", json={"query": "tea", "user_id": user, "agent_id": "coach"}, headers=service)
        for user in ("ann", "bob")
    ]
    assert [each.status_code for each in asked] == [503, 429]
    listed = [http.get("/api/v1/memories", params={"user_id": user}, headers=service) for user in ("ann", "ann", "bob")]
    assert [each.status_code for each in listed] == [503, 429, 503]


def test_nobody_uses_up_the_limit_of_somebody_else(open_door: OpenDoor) -> None:
    http = open_door({"commands.user": 2, "publishes.user": 1})
    of_ann = {"user_id": "ann"}
    asked = [http.get("/api/v1/memories", params=of_ann, headers=by("bob")).status_code for _ in range(3)]
    added = [http.post("/v3/memories/add/", json={**SAID, **of_ann}, headers=by("bob")).status_code for _ in range(2)]
    assert (asked, added) == ([403, 403, 429], [403, 429]), "bob's own limits"
    assert http.get("/api/v1/memories", headers=by("ann")).status_code == 503
    assert publish(http, by("ann")) == 202


def test_an_account_and_a_tenant_have_limits_of_their_own(open_door: OpenDoor) -> None:
    http = open_door(
        {
            "publishes.account": 1,
            "publishes.account@role:agent": 3,
            "publishes.tenant": 4,
            "publishes.tenant@tenant:acme": 0,
        }
    )
    assert [publish(http, by("ann")) for _ in range(2)] == [202, 429]
    service = by("svc", "agent")
    assert [publish(http, service, user_id=f"u{n}") for n in range(4)] == [202, 202, 202, 429]
    # Four of the tenant are through; what was refused by a narrower limit did not count.
    assert publish(http, by("cat")) == 429
    assert [publish(http, by(f"u{n}", tenant="acme")) for n in range(6)] == [202] * 6


def test_each_line_of_a_batch_counts(open_door: OpenDoor) -> None:
    http = open_door({"publishes.user": 2})
    lines = "\n".join(json.dumps({**SAID, "user_id": user}) for user in ("ann", "ann", "ann", "bob"))
    answer = http.post("/api/v1/conversations/batch", content=lines, headers=by("svc", "agent"))
    assert [json.loads(line)["status"] for line in answer.text.splitlines()] == [202, 202, 429, 202]


def test_mem0s_client_is_told_in_its_own_words(open_door: OpenDoor) -> None:
    http = open_door({"publishes.user": 1})
    body = {**SAID, "filters": {"user_id": "ann"}, "user_id": "ann"}
    answers = [http.post("/v3/memories/add/", json=body, headers=by("svc", "agent")) for _ in range(2)]
    assert [each.status_code for each in answers] == [200, 429]
    assert int(answers[1].headers["Retry-After"]) >= 1


def test_a_limit_does_not_become_an_outage(open_door: OpenDoor, caplog: pytest.LogCaptureFixture) -> None:
    http = open_door({"publishes.user": 1}, limits_redis_url=f"redis://127.0.0.1:{quiet_port()}/0")
    with caplog.at_level(logging.WARNING, "afterword.gateway.limits"):
        assert [publish(http, by("ann")) for _ in range(3)] == [202] * 3
    assert [record.message for record in caplog.records] == [
        "limits are not checked while Redis does not answer: ConnectionError"
    ]
    told = http.get("/metrics").text
    assert "afterword_gateway_limits_checked 0.0" in told
    assert 'afterword_gateway_limited_total{kind="publishes",outcome="unchecked"} 3.0' in told


def test_no_id_stands_in_redis_and_nothing_stays(open_door: OpenDoor, redis_url: str) -> None:
    http = open_door({"publishes.user": 5, "publishes.tenant": 5})
    publish(http, by("ann-of-the-garden", tenant="acme-garden"))
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        keys = [key for key in client.scan_iter() if "limits" in key]
        assert len(keys) == 2
        assert not any("garden" in key for key in keys)
        assert all(0 < client.ttl(key) <= 60 for key in keys)


@pytest.mark.parametrize(
    "name", ["contexts", "contexts.world", "contexts.user@role:king", "tokens.user", "contexts.user@"]
)
def test_a_limit_of_another_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"LIMITS.*contexts\.user"):
        GatewaySettings.load(limits={name: 1}, insecure_dev=True)


def test_limits_that_are_no_json_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERWORD_GATEWAY_LIMITS", "60")
    with pytest.raises(InvalidInput, match="LIMITS"):
        GatewaySettings.load(insecure_dev=True)
    monkeypatch.setenv("AFTERWORD_GATEWAY_LIMITS", "sixty")
    with pytest.raises(InvalidInput, match="must be JSON"):
        GatewaySettings.load(insecure_dev=True)
