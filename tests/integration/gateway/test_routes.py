"""The canonical API over real workers."""

from __future__ import annotations

import json

from afterword.workers.services.policy.registry import AgentAdmin
from afterword.workers.stores.ledger import audit
from afterword.workers.stores.ledger.agents import Agent
from tests.support.gateway_stack import GatewayStack, new_user, token
from tests.support.waiting import wait_until


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
        event_id = published.json()["event_id"]
        assert asked.json()["memories"][0]["source"]["event_id"] == event_id
        # Its words are in the vector store a moment before the ledger says so.
        wait_until(lambda: http.get(f"/api/v1/conversations/{event_id}").json()["searchable"], 10, "its words")
        assert http.get("/api/v1/conversations/no-such-event").status_code == 404
        assert http.get("/api/v1/memories/deletions/1000000").json()["detail"] == "there is no such deletion"
        with door.http(token("bob")) as other:
            assert other.get(f"/api/v1/conversations/{event_id}").status_code == 404
            assert other.get(f"/api/v1/conversations/{event_id}?user_id={ann}").status_code == 403


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

        path = f"/api/v1/memories/{memory['id']}"
        key = {"Idempotency-Key": f"{ann}-2"}
        corrected = [http.patch(path, json={"text": "Prefers aisle seats"}, headers=key).json() for _ in range(2)]
        assert corrected[0] == corrected[1]
        assert (corrected[0]["text"], corrected[0]["id"]) == ("Prefers aisle seats", memory["id"])
        told = http.get(f"{path}/history").json()["versions"]
        assert [(each["text"], each["by"]) for each in told] == [
            ("Prefers aisle seats", ann),
            ("Prefers window seats", None),
        ]
        assert http.patch(path, json={}).status_code == 422

        removed = {"removed": 1, "pending": False, "deletion_id": None}
        assert http.delete(path).json() == removed
        gone = http.get(f"/api/v1/memories/{memory['id']}")
        assert (gone.status_code, gone.json()["code"]) == (404, "not_found")
        assert http.delete("/api/v1/memories").json()["removed"] == 0


def test_a_person_takes_a_copy_of_everything_and_objects(door: GatewayStack) -> None:
    ann = new_user("ann")
    with door.http(token(ann)) as http:
        http.post("/api/v1/memories", json={"text": "Drinks green tea"})
        exported = http.get(f"/api/v1/users/{ann}/export")
        assert exported.headers["content-type"].startswith("application/x-ndjson")
        lines = [json.loads(line) for line in exported.text.splitlines()]
        assert (lines[0]["header"]["user_id"], lines[-1]) == (ann, {"type": "end"})
        assert [each["memory"]["memory"]["text"] for each in lines if each["type"] == "memory"] == ["Drinks green tea"]

        assert http.put(f"/api/v1/users/{ann}", json={"memory_enabled": False}).json()["by"] == ann
        assert http.get(f"/api/v1/users/{ann}").json()["memory_enabled"] is False
        assert http.post("/api/v1/memories", json={"text": "Drinks black tea"}).status_code == 403
    with door.http(token("bob")) as http:
        for answer in (
            http.get(f"/api/v1/users/{ann}"),
            http.get(f"/api/v1/users/{ann}/export"),
            http.put(f"/api/v1/users/{ann}", json={"memory_enabled": True}),
        ):
            assert answer.status_code == 403


def test_an_agent_speaks_for_the_users_of_its_tenant_and_of_no_other(door: GatewayStack) -> None:
    ann = new_user("ann")
    with door.agent() as http:
        assert http.post("/api/v1/memories", json={"text": "tea"}).json()["field"] == "user_id"
        added = http.post("/api/v1/memories", json={"text": "Drinks green tea", "user_id": ann})
        assert added.status_code == 201
        listed = http.get("/api/v1/users", params={"limit": 1000}).json()["users"]
        assert {"user_id": ann, "memories": 1} in listed
        assert http.get("/api/v1/memories", params={"user_id": ann}).json()["memories"]
    with door.http(token("an-agent", "agent", tenant="another")) as http:
        assert http.get("/api/v1/memories", params={"user_id": ann}).json()["memories"] == []
        gone = http.get(f"/api/v1/memories/{added.json()['id']}", params={"user_id": ann})
        assert gone.status_code == 404
    with door.http(token(ann, tenant="another")) as http:
        assert http.get("/api/v1/memories").json()["memories"] == []


def test_an_agents_memories_are_its_registered_owners(door: GatewayStack) -> None:
    agent, owner = new_user("coach"), new_user("owner")
    AgentAdmin(door.house.stores.database).register(Agent("default", agent, owner_id=owner))
    for account, roles, status in ((owner, ("user",), 200), (owner, ("agent",), 200), ("root", ("admin",), 403)):
        with door.http(token(account, *roles)) as http:
            assert http.get("/api/v1/memories", params={"agent_id": agent}).status_code == status
    with door.http(token("root", "admin")) as http:
        unknown = http.get("/api/v1/memories", params={"agent_id": new_user("nobody")})
        assert (unknown.status_code, unknown.json()["code"]) == (403, "denied")


def test_who_removed_a_users_memory_is_in_the_audit(door: GatewayStack) -> None:
    ann = new_user("ann")
    with door.agent() as http:
        added = http.post("/api/v1/memories", json={"text": "Drinks tea", "user_id": ann}).json()
        assert http.delete(f"/api/v1/memories/{added['id']}", params={"user_id": ann}).status_code == 200
    with door.house.stores.database.transaction() as connection:
        rows = audit.read(connection, "default", ann)
    assert [row.metadata["by"] for row in rows if row.type == "memory_delete"] == ["an-agent"]


def test_pages_follow_each_other_by_their_cursors(door: GatewayStack) -> None:
    with door.http(token(new_user("ann"))) as http:
        for number in range(3):
            http.post("/api/v1/memories", json={"text": f"Fact {number}"})
        first = http.get("/api/v1/memories", params={"limit": 2}).json()
        second = http.get("/api/v1/memories", params={"limit": 2, "cursor": first["next_cursor"]}).json()
        assert len(first["memories"]) == 2
        assert (len(second["memories"]), second["next_cursor"]) == (1, None)
        wrong = http.get("/api/v1/memories", params={"cursor": "made up"})
        assert (wrong.status_code, wrong.json()["field"]) == (422, "cursor")


def test_all_memories_come_as_lines_where_lines_are_asked_for(door: GatewayStack) -> None:
    with door.http(token(new_user("ann"))) as http:
        for number in range(5):
            http.post("/api/v1/memories", json={"text": f"Fact {number}"})
        as_lines = {"Accept": "application/x-ndjson"}
        told = http.get("/api/v1/memories", params={"limit": 2}, headers=as_lines)
        assert told.headers["Content-Type"] == "application/x-ndjson"
        assert [json.loads(line)["text"] for line in told.text.splitlines()] == [f"Fact {n}" for n in (4, 3, 2, 1, 0)]
        assert http.get("/api/v1/memories", params={"cursor": "made up"}, headers=as_lines).status_code == 422


def test_a_batch_tells_each_line_and_one_that_is_refused_costs_itself(door: GatewayStack) -> None:
    ann = new_user("ann")
    said = '{"messages": [{"role": "user", "content": "%s"}]%s}'
    lines = [
        said % ("I like fennel", f', "event_id": "{ann}-1"'),
        "no JSON",
        "",
        said % ("somebody else's", ', "user_id": "bob"'),
        said % ("misspelt", ', "sesion_id": "s"'),
        said % ("another tenant's", ', "tenant_id": "another"'),
        '{"messages": []}',
        "[" * 5_000,
        said % ("I like dill", f', "event_id": "{ann}-2"'),
    ]
    with door.http(token(ann)) as http:
        told = http.post("/api/v1/conversations/batch", content="\n".join(lines).encode())
        assert (told.status_code, told.headers["Content-Type"]) == (202, "application/x-ndjson")
        results = [json.loads(line) for line in told.text.splitlines()]
    assert [(each["line"], each["status"], each.get("field")) for each in results] == [
        (1, 202, None),
        (2, 400, None),
        (4, 403, None),
        (5, 422, "sesion_id"),
        (6, 422, "tenant_id"),
        (7, 422, "messages"),
        (8, 400, None),
        (9, 202, None),
    ]
    door.until_remembered(ann, "fennel")
    door.until_remembered(ann, "dill")


def test_a_batch_that_is_too_large_tells_what_came_before(door: GatewayStack) -> None:
    ann = new_user("ann")
    line = f'{{"event_id": "{ann}", "messages": [{{"role": "user", "content": "I like fennel"}}]}}\n'.encode()
    with door.serving(body_bytes=1024) as url, door.http(token(ann), url=url) as http:
        told = http.post("/api/v1/conversations/batch", content=iter([line, b"x" * 2_000]))
        results = [json.loads(each) for each in told.text.splitlines()]
        assert [(each["line"], each["status"]) for each in results] == [(1, 202), (2, 413)]
        refused = http.post("/api/v1/context", json={"query": "x" * 2_000})
        assert (refused.status_code, refused.json()["code"]) == (413, "too_large")
        chunked = http.post(
            "/api/v1/context", content=iter([b"{" + b" " * 2_000]), headers={"Content-Type": "application/json"}
        )
        assert chunked.status_code == 413


def test_the_probes_tell_how_everything_is_and_details_are_for_operators(door: GatewayStack) -> None:
    with door.http() as anybody, door.http(token("ops", "operator")) as operator:
        ready = anybody.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (200, True)
        assert ready.json()["components"]["postgres"] == {"status": "ok", "needed": False}
        assert ready.json()["components"]["queue_context"]["status"] == "ok"
        told = operator.get("/api/v1/health").json()
        assert told["workers"] is True
        assert {each["component"] for each in told["components"]} >= {"redis", "postgres", "vector_store"}
