"""Paths that existing platforms call, over real workers."""

from __future__ import annotations

import httpx
import pytest

from afterword.schemas.keys import CallerRole
from tests.support.gateway_stack import GatewayStack, new_user, token


def remember(http: httpx.Client, user_id: str, *texts: str) -> None:
    for text in texts:
        added = http.post("/add_memory", json={"user_id": user_id, "memory": text, "metadata": {"source": "form"}})
        assert added.status_code == 201
        assert added.json()["memory"]["memory"] == text


def test_an_agent_platform_reads_and_clears_a_user(door: GatewayStack) -> None:
    ann = new_user("ann")
    with door.agent() as http:
        remember(http, ann, "Likes tea", "Lives in Lisbon", "Works at night")
        newest = http.get(f"/memory/user/{ann}", params={"limit": 2}).json()
        assert [each["memory"] for each in newest["memories"]] == ["Works at night", "Lives in Lisbon"]
        found = http.get(f"/memory/user/{ann}", params={"query": "tea", "limit": 1}).json()
        assert (found["total"], found["memories"][0]["memory"]) == (1, "Likes tea")
        assert http.delete(f"/memory/user/{ann}").json() == {"deleted": 3, "pending": False}
        assert http.get(f"/memory/user/{ann}").json() == {"memories": [], "total": 0}


def test_an_agent_s_own_memories_are_its_owner_s(door: GatewayStack) -> None:
    agent, owner = new_user("chef"), new_user("acme")
    door.own_agent(agent, owner)
    with door.http(token(owner, CallerRole.AGENT)) as http:
        http.post("/api/v1/memories", json={"agent_id": agent, "text": "Speaks plainly"}).raise_for_status()
        assert http.get(f"/memory/agent/{agent}").json()["memories"][0]["memory"] == "Speaks plainly"
        with door.agent() as stranger:
            assert stranger.get(f"/memory/agent/{agent}").status_code == 403
            assert stranger.delete(f"/memory/agent/{agent}").status_code == 403
        assert http.delete(f"/memory/agent/{agent}").json()["deleted"] == 1


def test_a_product_asks_for_context_a_search_and_a_profile(door: GatewayStack) -> None:
    ann = new_user("ann")
    with door.http(token(ann)) as http:
        remember(http, ann, "Drinks green tea for breakfast")
        context = http.get(f"/api/v1/memories/context/{ann}", params={"message": "green tea for breakfast?"}).json()
        assert "green tea" in context["context"]
        assert [each["memory"] for each in context["memories"]] == ["Drinks green tea for breakfast"]
        # By POST the path is the canonical one.
        found = http.get("/api/v1/memories/search", params={"query": "tea"}).json()
        assert found["memories"][0]["score"] > 0
        assert http.post("/api/v1/memories/search", json={"query": "tea"}).json()["memories"][0]["user_id"] == ann

        profile = http.get(f"/api/v1/users/{ann}/profile").json()
        assert (profile["based_on"], profile["summary"], profile["counted_memories"]) == ("analytics", None, 1)
        assert profile["total_memories"] == 1
        patterns = profile["interaction_patterns"]
        assert patterns["average_length"] == len("Drinks green tea for breakfast")
        assert sum(patterns["topics"].values()) == len(profile["key_interests"])
        assert len(patterns["most_active_hours"]) == 1
    new = new_user("new")
    with door.http(token(new)) as http:
        profile = http.get(f"/api/v1/users/{new}/profile").json()
        assert (profile["total_memories"], profile["key_interests"]) == (0, [])
        assert profile["interaction_patterns"]["average_length"] is None


def test_figures_have_an_analytics_product_s_names(door: GatewayStack) -> None:
    tenant = new_user("tenant")
    with door.http(token("ops", CallerRole.ADMIN, tenant=tenant)) as http:
        remember(http, "ann", "Likes tea")
        overview = http.get("/api/analytics/overview", params={"days": 7}).json()
        assert (overview["total_memories"], overview["total_users"], overview["period"]["days"]) == (1, 1, 7)
        assert overview["active_users"] == {"daily": 1, "weekly": 1, "monthly": 1}
        user = http.get("/api/analytics/user/ann").json()
        assert (user["total_memories"], user["memories_by_kind"]["note"]) == (1, 1)
        assert user["period"]["memories_added"] == 1


def test_a_bridge_lists_users_and_searches(door: GatewayStack) -> None:
    tenant = new_user("tenant")
    with door.http(token("bridge", CallerRole.AGENT, tenant=tenant)) as http:
        remember(http, "ann", "Likes tea")
        remember(http, "bob", "Likes coffee")
        first = http.get("/list_users", params={"limit": 1}).json()
        assert first["users"] == [{"user_id": "ann", "memories": 1}]
        assert http.get("/list_users", params={"cursor": first["next_cursor"]}).json()["total"] == 1
        asked = {"user_id": "bob", "query": "coffee"}
        found = http.post("/search", json=asked).json()
        assert [each["memory"] for each in found["results"]] == ["Likes coffee"]
        assert http.get("/search", params=asked).json() == found
        refused = http.post("/search", json={**asked, "topic": "no such"})
        assert (refused.status_code, refused.json()["field"]) == (422, "topic")


def test_an_operator_sees_every_component(door: GatewayStack) -> None:
    with door.http(token("ops", CallerRole.OPERATOR)) as http:
        told = http.get("/health/detailed").json()
    assert told["status"] in ("healthy", "degraded")
    assert {"redis", "workers", "postgres", "vector_store"} <= told["components"].keys()
    assert told["components"]["postgres"]["status"] == "healthy"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/memory/user/{other}"),
        ("DELETE", "/memory/user/{other}"),
        ("GET", "/api/v1/memories/context/{other}"),
        ("GET", "/api/v1/memories/search?query=tea&user_id={other}"),
        ("GET", "/api/v1/users/{other}/profile"),
        ("GET", "/api/analytics/user/{other}"),
        ("GET", "/search?query=tea&user_id={other}"),
        ("GET", "/api/analytics/overview"),
        ("GET", "/list_users"),
        ("GET", "/health/detailed"),
    ],
)
def test_a_user_gets_in_nowhere_else(door: GatewayStack, method: str, path: str) -> None:
    with door.http(token(new_user("ann"))) as http:
        assert http.request(method, path.format(other="bob")).status_code == 403
