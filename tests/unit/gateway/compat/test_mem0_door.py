"""mem0's paths without a Redis behind them: who gets in, and what bodies of any shape do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

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
        for method in route.methods or ():
            refused = http.request(method, route.path, headers={"Authorization": "Token nonsense"})
            assert refused.status_code == 401, (method, route.path)
            assert refused.headers["Content-Type"].startswith("application/json")
            assert isinstance(refused.json()["detail"], str)


def test_an_outage_is_one_that_mem0s_client_knows(http: TestClient) -> None:
    asked = http.post("/v3/memories/search/", json={"query": "tea"})
    assert (asked.status_code, asked.headers["Retry-After"]) == (503, "1")
    assert asked.json()["detail"] == "the memory service does not answer now"


@pytest.mark.parametrize(
    "body",
    [
        rb'{"query": "\ud800", "filters": {"user_id": "\ud800", "\ud800": 1}}',
        rb'{"\ud800": "tea", "query": "tea", "user_id": "ann", "messages": "tea"}',
        rb'{"query": "tea", "filters": {"metadata": {"\ud800": "\u0000"}}, "messages": ["\ud800"], "infer": false}',
        rb'{"query": "tea", "messages": "\u0000", "infer": false, "metadata": {"\ud800": NaN}}',
        rb'{"query": "tea", "threshold": NaN, "timestamp": Infinity, "messages": "tea", "filters": {}}',
        rb'{"query": "tea", "filters": {"created_at": {"gt": "9999-12-31T23:59:59.999999Z", "gte": -1e300}}}',
        rb'{"query": "tea", "filters": {"created_at": {"gt": "9999-12-31T23:59:59.999999Z"}}, "start_date": 0}',
        b'{"query": "tea", "filters": ' + b'{"AND": [' * 400 + b"{}" + b"]}" * 400 + b"}",
        b"[" * 100_000,
        b"\xff",
        b"",
    ],
)
@pytest.mark.parametrize("path", ["add/", "search/", ""])
def test_no_odd_text_is_a_fault_of_the_gateway(http: TestClient, path: str, body: bytes) -> None:
    answered = http.post(f"/v3/memories/{path}", content=body, headers={"Content-Type": "application/json"})
    assert answered.status_code in (200, 400, 503), answered.text


@pytest.mark.parametrize("text", ["{", "[" * 5_000, "{'user_id': {}}", "None", "()", "9" * 5000])
def test_no_query_string_is_a_fault_of_the_gateway(http: TestClient, text: str) -> None:
    assert http.delete("/v1/memories/", params={"filters": text}).status_code in (400, 503)


def test_the_page_names_the_paths_of_every_platform() -> None:
    page = re.sub(r"{\w+}", "{}", Path("docs/mem0-client.md").read_text("utf-8"))
    paths = [
        route.path
        for router in compat_routers()
        for route in router.routes
        if isinstance(route, APIRoute) and not isinstance(route, Mem0Route)
    ]
    assert len(paths) > 10
    assert {path for path in paths if re.sub(r"{\w+}", "{}", path) not in page} == set()
