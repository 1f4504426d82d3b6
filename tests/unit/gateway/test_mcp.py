"""The Model Context Protocol at the gateway, without a Redis behind it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from afterword.gateway.app import create_app
from afterword.gateway.settings import GatewaySettings
from afterword.integrations.mcp.server import AWAY
from tests.support.gateway_stack import SECRET, token
from tests.support.ports import quiet_port

HEADERS = {"Authorization": f"Bearer {token('ann')}", "Accept": "application/json"}


def settings(**changes: Any) -> GatewaySettings:
    away = f"redis://127.0.0.1:{quiet_port()}/0"
    bounds = {"context_seconds": 0.2, "command_seconds": 0.2, "shutdown_grace": 1, "body_bytes": 4096}
    return GatewaySettings(**{"redis_url": away, "jwt_secret": SECRET, **bounds, **changes})


@pytest.fixture(scope="module")
def http() -> Iterator[TestClient]:
    with TestClient(create_app(settings()), headers=HEADERS) as client:
        yield client


def asking(tool: str, **arguments: Any) -> dict[str, Any]:
    params = {"name": tool, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}


def test_memory_away_is_the_error_of_a_tool(http: TestClient) -> None:
    for tool, arguments in (
        ("get_context", {"query": "tea"}),
        ("list_memories", {}),
        ("delete_memory", {"memory_id": "m1"}),
    ):
        answered = http.post("/mcp", json=asking(tool, **arguments))
        assert answered.status_code == 200
        result = answered.json()["result"]
        assert (result["isError"], result["content"][0]["text"]) == (True, AWAY), tool
    said = [{"role": "user", "content": "I drink tea"}]
    taken = http.post("/mcp", json=asking("remember_conversation", messages=said)).json()["result"]
    assert taken["structuredContent"]["waits"] is True
    assert "as soon as the memory service is back" in taken["content"][0]["text"]
    counted = http.get("/metrics").text
    assert 'afterword_gateway_tool_calls_total{outcome="unavailable",tool="get_context"} 1.0' in counted
    assert 'afterword_gateway_tool_calls_total{outcome="fault",tool="get_context"} 0.0' in counted


@pytest.mark.parametrize(
    ("tool", "arguments", "field"),
    [
        ("search_memories", {}, "query"),
        ("search_memories", {"qurey": "tea"}, "qurey"),
        ("search_memories", {"query": "tea", "since": "yesterday"}, "since"),
        ("search_memories", {"query": "tea", "scope": "world"}, "scope"),
        ("list_memories", {"limit": 0}, "limit"),
        ("add_memory", {"text": ""}, "text"),
        ("add_memory", {"text": "tea", "tenant_id": "x"}, "tenant_id"),
        ("add_memory", {"text": "tea", "by": "bob"}, "by"),
        ("remember_conversation", {"messages": [{"role": "root", "content": "x"}]}, "messages.0.role"),
        ("delete_memory", {"memory_id": "m1", "session_id": ""}, "session_id"),
    ],
)
def test_an_argument_that_breaks_the_contract_is_named(
    http: TestClient, tool: str, arguments: dict[str, Any], field: str
) -> None:
    result = http.post("/mcp", json=asking(tool, **arguments)).json()["result"]
    assert result["isError"]
    assert result["content"][0]["text"].startswith(f"{field}: ")


def test_what_is_no_protocol_is_refused(http: TestClient) -> None:
    assert http.post("/mcp", content=b"{").status_code in (400, 415)
    json = {"Content-Type": "application/json"}
    for body in (b"{", b"[" * 1000, b"\xff", b'{"a": 1}', b"[]"):
        assert http.post("/mcp", content=body, headers=json).status_code == 400, body
    unknown = http.post("/mcp", json=asking("drop_everything")).json()
    assert "no such tool" in unknown["error"]["message"]
    large = http.post("/mcp", json=asking("add_memory", text="x" * 8192))
    assert (large.status_code, large.json()["code"]) == (413, "too_large")


def test_the_logs_hold_no_words(http: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    http.post("/mcp", json=asking("add_memory", text="a secret of mine"))
    http.post("/mcp", content=b"a secret of mine", headers={"Content-Type": "application/json"})
    http.post("/mcp", json={"secret of mine": 1})
    assert any(each.name == "afterword.gateway.access_log" for each in caplog.records)
    assert "secret of mine" not in caplog.text


def test_it_can_be_turned_off() -> None:
    with TestClient(create_app(settings(mcp=False)), headers=HEADERS) as client:
        assert client.post("/mcp", json=asking("list_memories")).status_code == 404
