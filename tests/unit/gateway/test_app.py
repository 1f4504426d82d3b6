"""The application as a whole, without a Redis behind it."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from afterword.gateway.app import create_app
from afterword.gateway.bodies import FILLED_IN
from afterword.gateway.settings import GatewaySettings
from tests.support.gateway_stack import SECRET, token
from tests.support.ports import quiet_port

OPEN = {"/healthz", "/readyz", "/metrics", "/openapi.json"}


@pytest.fixture(scope="module")
def redis_away() -> str:
    return f"redis://127.0.0.1:{quiet_port()}/0"


@pytest.fixture
def http(redis_away: str) -> Iterator[TestClient]:
    settings = GatewaySettings(
        redis_url=redis_away, jwt_secret=SECRET, context_seconds=0.2, command_seconds=0.2, shutdown_grace=1
    )
    with TestClient(create_app(settings)) as client:
        yield client


def as_user(account: str = "ann", *roles: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(account, *roles)}"}


def test_nobody_gets_in_without_a_credential(http: TestClient) -> None:
    paths = http.get("/openapi.json").json()["paths"]
    assert len(paths) > 10
    for path, methods in paths.items():
        for method in methods:
            for headers in ({}, {"Authorization": "Bearer x.y.z"}, {"Authorization": "Basic YTpi"}):
                refused = http.request(method, path, headers=headers)
                assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer"), path
    assert 'afterword_gateway_callers_refused_total{reason="missing"}' in http.get("/metrics").text


def test_a_second_credential_is_refused(http: TestClient) -> None:
    # A proxy that checks one of them must not have us believe the other.
    two = [("Authorization", as_user(name)["Authorization"]) for name in ("ann", "bob")]
    for method, path in (("GET", "/api/v1/me"), ("POST", "/api/v1/context"), ("POST", "/mcp")):
        refused = http.request(method, path, headers=two, content=b"{}" if method == "POST" else None)
        assert (refused.status_code, refused.json()["detail"]) == (401, "send one Authorization header, not several")


def test_a_field_that_the_gateway_fills_in_cannot_be_given(http: TestClient) -> None:
    for name in FILLED_IN | {"misspelt"}:
        for path in ("/api/v1/context", "/api/v1/memories", "/api/v1/memories/search"):
            refused = http.post(path, json={name: "x", "text": "tea"}, headers=as_user())
            assert (refused.status_code, refused.json()["field"]) in ((422, name), (422, "text")), path
        refused = http.delete("/api/v1/memories", params={name: "x"}, headers=as_user())
        assert (refused.status_code, refused.json()["field"]) == (422, name)
    refused = http.post("/api/v1/conversations", json={"tenant_id": "x", "messages": []}, headers=as_user())
    assert refused.json()["field"] == "tenant_id"


def test_a_session_that_was_lost_does_not_clear_the_user(http: TestClient) -> None:
    refused = http.delete("/api/v1/memories?session_id=", headers=as_user())
    assert (refused.status_code, refused.json()["field"]) == (422, "session_id")


@pytest.mark.parametrize("user", ["bob", "nobody"])
def test_another_users_memories_are_refused_before_anybody_is_asked(http: TestClient, user: str) -> None:
    asked = [
        http.get("/api/v1/memories", params={"user_id": user}, headers=as_user()),
        http.get("/api/v1/memories/m1", params={"user_id": user}, headers=as_user()),
        http.delete("/api/v1/memories", params={"user_id": user}, headers=as_user()),
        http.post("/api/v1/memories/search", json={"user_id": user, "agent_id": "a"}, headers=as_user()),
        http.post("/api/v1/memories", json={"user_id": user, "text": "tea"}, headers=as_user()),
        http.post("/api/v1/context", json={"user_id": user}, headers=as_user()),
        http.post("/api/v1/conversations", json={"user_id": user, "messages": []}, headers=as_user()),
        http.get(f"/api/v1/analytics/users/{user}", headers=as_user()),
    ]
    told = [(each.status_code, each.json()["detail"]) for each in asked]
    assert told == [(403, "these are another user's")] * len(asked)


@pytest.mark.parametrize(
    ("path", "roles"),
    [
        ("/api/v1/users", {"agent", "admin"}),
        ("/api/v1/analytics/overview", {"admin", "operator"}),
        ("/api/v1/health", {"operator"}),
    ],
)
def test_some_routes_need_a_role(http: TestClient, path: str, roles: set[str]) -> None:
    for role in ("user", "agent", "admin", "operator"):
        refused = http.get(path, headers=as_user("ann", role)).status_code == 403
        assert refused is (role not in roles), role


def test_without_redis_it_says_so_and_takes_what_is_published(http: TestClient) -> None:
    asked = http.post("/api/v1/context", json={"query": "tea"}, headers=as_user())
    assert (asked.status_code, asked.headers["Retry-After"]) == (503, "1")
    assert asked.json() == {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "the memory service does not answer now",
        "code": "unavailable",
    }
    said = {"messages": [{"role": "user", "content": "I drink tea"}]}
    published = http.post("/api/v1/conversations", json=said, headers={**as_user(), "Idempotency-Key": "e1"})
    assert (published.status_code, published.json()) == (202, {"event_id": "e1", "waits": True})
    assert http.get("/healthz").json() == {"alive": True}
    ready = http.get("/readyz")
    assert (ready.status_code, ready.json()["components"]["redis"]) == (503, {"status": "failed", "needed": True})
    assert "afterword_gateway_outbox_events 1.0" in http.get("/metrics").text


def test_a_body_that_cannot_be_read_is_a_problem_that_says_so(http: TestClient) -> None:
    for body in (b"{", b"[" * 100_000, b"\xff"):
        headers = {**as_user(), "Content-Type": "application/json"}
        refused = http.post("/api/v1/context", content=body, headers=headers)
        assert refused.status_code in (400, 422)
        assert refused.headers["Content-Type"] == "application/problem+json"


def test_two_ids_of_one_event_are_refused(http: TestClient) -> None:
    said = {"event_id": "e1", "messages": [{"role": "user", "content": "tea"}]}
    refused = http.post("/api/v1/conversations", json=said, headers={**as_user(), "Idempotency-Key": "e2"})
    assert (refused.status_code, refused.json()["field"]) == (422, "event_id")


def test_the_access_log_tells_routes_and_no_words(http: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "afterword.gateway.access_log")
    http.get("/api/v1/memories/a-secret-id", params={"user_id": "bob", "limit": "what I said"}, headers=as_user())
    http.get("/what/i/said?and=more")
    http.get("/healthz")
    first, second = (each for each in caplog.records if each.name == "afterword.gateway.access_log")
    assert first.__dict__ | {"route": "/api/v1/memories/{memory_id}", "status": 422, "account": "ann"} == first.__dict__
    assert second.__dict__ | {"route": "unmatched", "status": 404, "account": None} == second.__dict__
    said = f"{first.getMessage()} {second.getMessage()}"
    assert "said" not in said
    assert "secret" not in said
    assert '{method="GET",route="/api/v1/memories/{memory_id}",status="422"} 1.0' in http.get("/metrics").text


def test_pages_of_other_origins_may_call_only_where_that_is_set(redis_away: str) -> None:
    asking = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    for origins, allowed in (("", None), ("https://app.example", "https://app.example")):
        settings = GatewaySettings(redis_url=redis_away, jwt_secret=SECRET, cors_origins=origins)
        with TestClient(create_app(settings)) as client:
            answered = client.options("/api/v1/me", headers=asking)
            assert answered.headers.get("Access-Control-Allow-Origin") == allowed
            others = client.options("/api/v1/me", headers={**asking, "Origin": "https://evil.example"})
            assert "Access-Control-Allow-Origin" not in others.headers
            # A refusal is an answer, too: without the header the page would be told of a network that failed.
            refused = client.post("/api/v1/context", json={}, headers={"Origin": "https://app.example"})
            assert (refused.status_code, refused.headers.get("Access-Control-Allow-Origin")) == (401, allowed)


def test_where_nobody_is_asked_everything_is_open(redis_away: str) -> None:
    settings = GatewaySettings(redis_url=redis_away, insecure_dev=True)
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as client:
        told = client.get("/api/v1/me").json()
        assert told["roles"] == ["admin", "agent", "operator", "user"]
        assert client.get("/api/v1/me", headers={"Host": "evil.example"}).status_code == 403
