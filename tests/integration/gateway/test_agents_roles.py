"""Roles in agents at the door: the account of a token is who asks, and admins manage all agents of their tenant."""

from __future__ import annotations

from typing import Any

from tests.support.gateway_stack import GatewayStack, new_user, token

EVERYBODY = ("boss", "owner", "editor", "reader", "stranger")


class Gate:
    """An agent of `owner` with an editor and a reader, and everybody who may come for it."""

    def __init__(self, door: GatewayStack) -> None:
        self.door = door
        self.agent = new_user("coach")
        self.path = f"/api/v1/agents/{self.agent}"
        assert self.asks("boss", "PUT", json={"owner_id": "owner"}) == 200
        for account in ("editor", "reader"):
            assert self.asks("owner", "PUT", f"/members/{account}", json={"role": account}) == 200

    def asks(self, account: str, method: str, path: str = "", *, tenant: str = "default", **how: Any) -> int:
        role = "admin" if account == "boss" else "user"
        with self.door.http(token(account, role, tenant=tenant)) as http:
            # The agent's memories are elsewhere.
            url = path if path.startswith("/api/") else f"{self.path}{path}"
            return http.request(method, url, **how).status_code

    def those_who_may(self, method: str, path: str = "", **how: Any) -> set[str]:
        answers = {account: self.asks(account, method, path, **how) for account in EVERYBODY}
        assert set(answers.values()) <= {200, 201, 403}, answers
        return {account for account, status in answers.items() if status != 403}


def test_every_role_and_every_route(gateway_stack: GatewayStack) -> None:
    gate = Gate(gateway_stack)
    of_agent = {"params": {"agent_id": gate.agent}}
    assert gate.those_who_may("GET") == {"boss", "owner", "editor", "reader"}
    assert gate.those_who_may("GET", "/members") == {"boss", "owner", "editor", "reader"}
    assert gate.those_who_may("PUT", "/members/kim", json={"role": "reader"}) == {"boss", "owner"}
    assert gate.those_who_may("DELETE", "/members/kim") == {"boss", "owner"}
    # An admin manages agents, and reads nothing of what they have learned.
    assert gate.those_who_may("GET", "/api/v1/memories", **of_agent) == {"owner", "editor", "reader"}
    noted = {"json": {"text": "Warm up.", "agent_id": gate.agent}}
    assert gate.those_who_may("POST", "/api/v1/memories", **noted) == {"owner", "editor"}
    assert gate.those_who_may("DELETE", "/api/v1/memories", **of_agent) == {"owner"}
    assert gate.those_who_may("PUT", json={"owner_id": "owner"}) == {"boss", "owner", "editor"}


def test_an_editor_changes_settings_and_keeps_the_owner(gateway_stack: GatewayStack) -> None:
    gate = Gate(gateway_stack)
    assert gate.asks("editor", "PUT", json={"owner_id": "editor"}) == 403
    with gateway_stack.http(token("editor")) as http:
        changed = http.put(gate.path, json={"instructions": "Remember injuries.", "scopes": ["agent"]}).json()
        listed = http.get("/api/v1/agents").json()["agents"]
    assert (changed["owner_id"], changed["instructions"], changed["scopes"]) == (
        "owner",
        "Remember injuries.",
        ["agent"],
    )
    assert gate.agent in {each["agent_id"] for each in listed}
    with gateway_stack.http(token("stranger")) as http:
        assert http.get("/api/v1/agents").json()["agents"] == []


def test_the_same_account_of_another_tenant_is_a_stranger(gateway_stack: GatewayStack) -> None:
    gate = Gate(gateway_stack)
    for account in ("owner", "editor"):
        assert gate.asks(account, "GET", tenant="elsewhere") == 403
        assert gate.asks(account, "PUT", json={"memory_enabled": False}, tenant="elsewhere") == 403
    # Whether or not there is such an agent.
    assert gate.asks("owner", "GET", f"/api/v1/agents/{new_user('ghost')}") == 403
    assert gate.asks("boss", "GET", tenant="elsewhere") == 404


def test_agents_are_shared_by_whom_both_concern(gateway_stack: GatewayStack) -> None:
    gate, other = Gate(gateway_stack), Gate(gateway_stack)
    with gateway_stack.http(token("boss", "admin")) as http:
        http.put(other.path, json={"owner_id": "another"})
    assert gate.asks("owner", "PUT", f"/shares/{other.agent}") == 403
    assert gate.asks("editor", "PUT", f"/shares/{other.agent}") == 403
    assert other.asks("another", "PUT", "/members/owner", json={"role": "editor"}) == 200
    with gateway_stack.http(token("owner")) as http:
        assert http.put(f"{gate.path}/shares/{other.agent}").json()["shares_with"] == [other.agent]
        assert http.get(other.path).json()["shared_by"] == [gate.agent]
    assert gate.asks("another", "DELETE", f"/shares/{other.agent}") == 200
