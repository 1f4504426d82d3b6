"""mem0's paths without a Redis behind them: who gets in, and what bodies of any shape do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afterword.gateway.app import create_app
from afterword.gateway.compat import compat_routers
from afterword.gateway.compat.mem0.errors import Mem0Route
from afterword.gateway.settings import GatewaySettings
from tests.support.gateway_stack import SECRET, token
from tests.support.ports import quiet_port

ROUTES = [
    route
    for router in compat_routers()
    for route in router.routes
    if isinstance(route, APIRoute) and isinstance(route, Mem0Route)
]


@pytest.fixture(scope="module")
def http() -> Iterator[TestClient]:
    """A door whose Redis is away: whatever gets past it is answered with 503."""
    given_settings = GatewaySettings(
        redis_url=f"redis://127.0.0.1:{quiet_port()}/0", jwt_secret=SECRET, command_seconds=0.05, shutdown_grace=1
    )
    with TestClient(create_app(given_settings), headers={"Authorization": f"Token {token('ann')}"}) as client:
        yield client


def test_nobody_gets_in_without_a_credential(http: TestClient) -> None:
    assert len(ROUTES) > 30
    for route in ROUTES:
        for method in route.methods:
            refused = http.request(method, route.path, headers={"Authorization": "Token nonsense"})
            assert refused.status_code == 401, (method, route.path)
            assert refused.headers["Content-Type"].startswith("application/json")
            assert isinstance(refused.json()["detail"], str)


def test_an_outage_is_one_that_mem0s_client_knows(http: TestClient) -> None:
    asked = http.post("/v3/memories/search/", json={"query": "tea"})
    assert (asked.status_code, asked.headers["Retry-After"]) == (503, "1")
    assert asked.json()["detail"] == "the memory service does not answer now"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(
    [
        "AND",
        "OR",
        "NOT",
        "user_id",
        "agent_id",
        "run_id",
        "created_at",
        "categories",
        "keywords",
        "memory_ids",
        "metadata",
    ]
)
OPERATORS = st.sampled_from(["eq", "ne", "in", "gt", "lte", "contains", "icontains", "*"])
FILTERS = st.recursive(
    JSON,
    lambda inner: st.dictionaries(NAMES | OPERATORS, inner | st.lists(inner, max_size=3), max_size=3),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    [
        "messages",
        "filters",
        "metadata",
        "infer",
        "timestamp",
        "query",
        "top_k",
        "threshold",
        "categories",
        "user_id",
        "fields",
    ]
)
BODIES = st.dictionaries(FIELDS, FILTERS, max_size=5) | JSON


@pytest.mark.parametrize("path", ["/v3/memories/add/", "/v3/memories/search/", "/v3/memories/"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES)
def test_no_body_is_a_fault_of_the_gateway(http: TestClient, path: str, body: Any) -> None:
    # NaN and half a surrogate pair are no JSON, and clients send them all the same.
    content = json.dumps(body).encode()
    answered = http.post(path, content=content, headers={"Content-Type": "application/json"})
    # Published while Redis is away, it waits in the outbox; anything else has no answer.
    assert answered.status_code in (200, 400, 403, 503), answered.text


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "{'user_id': {}}", "None", "()", "9" * 5000])
def test_no_query_string_is_a_fault_of_the_gateway(http: TestClient, text: str) -> None:
    assert http.delete("/v1/memories/", params={"filters": text}).status_code in (400, 503)
