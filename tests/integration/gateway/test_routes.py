"""The canonical API over real workers."""

from __future__ import annotations

from tests.support.gateway_stack import GatewayStack, new_user, token


def test_a_conversation_comes_back_as_context(door: GatewayStack) -> None:
    ann = new_user("ann")
    with door.http(token(ann)) as http:
        said = [{"role": "user", "content": "I am allergic to peanuts."}]
        published = http.post("/api/v1/conversations", json={"messages": said})
        assert published.status_code == 202
        door.until_remembered(ann, "peanuts")

        asked = http.post("/api/v1/context", json={"query": "Which allergy to peanuts is known?"})

        assert asked.status_code == 200
        assert "peanuts" in asked.json()["text"]
        assert asked.json()["memories"][0]["source"]["event_id"] == published.json()["event_id"]


def test_a_memory_is_added_read_found_related_and_removed(door: GatewayStack) -> None:
    ann = new_user("ann")
    with door.http(token(ann)) as http:
        added = http.post("/api/v1/memories", json={"text": "Prefers window seats"}, headers={"Idempotency-Key": ann})
        assert added.status_code == 201
        again = http.post("/api/v1/memories", json={"text": "Prefers window seats"}, headers={"Idempotency-Key": ann})
        memory = added.json()
        assert again.json()["id"] == memory["id"]
        assert memory["user_id"] == ann

        assert [each["id"] for each in http.get("/api/v1/memories").json()["memories"]] == [memory["id"]]
        found = http.post("/api/v1/memories/search", json={"query": "window seats"}).json()
        assert [each["id"] for each in found["memories"]] == [memory["id"]]
        assert http.get(f"/api/v1/memories/{memory['id']}").json() == {**memory, "score": None}
        assert http.get(f"/api/v1/memories/{memory['id']}/related").json()["related"] == []

        assert http.delete(f"/api/v1/memories/{memory['id']}").json() == {
            "removed": 1,
            "pending": False,
            "deletion_id": None,
        }
        gone = http.get(f"/api/v1/memories/{memory['id']}")
        assert (gone.status_code, gone.json()["code"]) == (404, "not_found")
        assert http.delete("/api/v1/memories").json()["removed"] == 0
