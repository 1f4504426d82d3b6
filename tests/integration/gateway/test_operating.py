"""Keys, agents and dead letters over HTTP."""

from __future__ import annotations

from sqlalchemy import text

from tests.support.gateway_stack import GatewayStack, new_user, token


def test_a_key_is_made_used_and_revoked(door: GatewayStack) -> None:
    with door.http(token("ops", "operator")) as operator, door.serving(api_key_seconds=0.01) as url:
        wanted = {"account": "ci", "roles": ["agent"], "name": "the builds"}
        made = operator.post("/api/v1/keys", json=wanted)
        assert made.status_code == 201
        key, entry = made.json()["key"], made.json()["entry"]
        assert key.startswith("awk_")

        with door.http(key, url=url) as caller:
            told = {"tenant_id": "default", "account": "ci", "roles": ["agent"], "user_id": None}
            assert caller.get("/api/v1/me").json() == told
            assert caller.get("/api/v1/me", headers={"Authorization": f"Token {key}"}).status_code == 200
            assert caller.get("/api/v1/keys").status_code == 403
            listed = operator.get("/api/v1/keys")
            assert entry["id"] in [each["id"] for each in listed.json()["keys"]]
            assert key.rsplit("_", 1)[1] not in listed.text

            assert operator.delete(f"/api/v1/keys/{entry['id']}").json()["revoked_at"]
            refused = caller.get("/api/v1/me")
            assert (refused.status_code, refused.json()["detail"]) == (401, "this API key is not known, or was revoked")
        assert operator.delete("/api/v1/keys/0000000000000000").status_code == 404
        assert operator.post("/api/v1/keys", json={"account": "ann", "roles": ["user"]}).status_code == 422


def test_an_agent_is_registered_and_its_owner_may_look(door: GatewayStack) -> None:
    agent, owner = new_user("coach"), new_user("owner")
    with (
        door.http(token("root", "admin")) as admin,
        door.http(token(owner)) as of_owner,
        door.http(token(new_user("stranger"))) as of_stranger,
    ):
        assert admin.get(f"/api/v1/agents/{agent}").status_code == 404
        assert admin.put(f"/api/v1/agents/{agent}", json={"owner": owner}).json()["field"] == "owner"
        entry = admin.put(f"/api/v1/agents/{agent}", json={"owner_id": owner}).json()
        assert (entry["owner_id"], entry["memory_enabled"]) == (owner, True)
        assert admin.get(f"/api/v1/agents/{agent}").json() == entry
        assert entry in admin.get("/api/v1/agents", params={"limit": 1000}).json()["agents"]
        assert of_owner.get("/api/v1/memories", params={"agent_id": agent}).status_code == 200
        assert [each["agent_id"] for each in of_owner.get("/api/v1/agents").json()["agents"]] == [agent]
        assert of_stranger.get("/api/v1/agents").json()["agents"] == []


def test_policies_are_for_admins_and_a_clean_up_for_its_user(door: GatewayStack) -> None:
    user, tenant = new_user(), new_user("tenant")
    with (
        door.http(token("root", "admin", tenant=tenant)) as admin,
        door.http(token(user, tenant=tenant)) as of_user,
    ):
        rules = {"keep_days": {"excerpt": 30}, "max_memories": 100}
        assert admin.put("/api/v1/policies/tenant", json=rules).json()["rules"]["keep_days"] == {"excerpt": 30}
        set_ = admin.put(f"/api/v1/policies/users/{user}", json={"max_memories": 5})
        assert set_.json() == admin.get(f"/api/v1/policies/users/{user}").json()
        force = set_.json()["force"]
        assert (force["max_memories"], force["keep_days"]["user.excerpt"]) == (5, 30)
        assert admin.put("/api/v1/policies/agents/coach", json={"keep_day": {}}).json()["field"] == "keep_day"
        assert len(admin.get("/api/v1/policies").json()["policies"]) == 2
        assert admin.get("/api/v1/policies/tenant").json()["force"]["max_memories"] == 100
        assert admin.get("/api/v1/policies/agents/coach").json()["rules"]["keep_days"] == {}
        assert admin.post("/api/v1/policies/run", json={}).json() == {"dry_run": True, "counts": [], "more": False}
        storage = admin.get("/api/v1/analytics/storage", params={"top": 3, "order": "bytes"})
        assert storage.json()["whole"]["memories"] == 0
        for refused in (
            of_user.get("/api/v1/analytics/storage"),
            of_user.get("/api/v1/policies"),
            of_user.get("/api/v1/policies/tenant"),
            of_user.put(f"/api/v1/policies/users/{user}", json={}),
            of_user.post("/api/v1/policies/run", json={}),
            of_user.delete("/api/v1/users/another/memories/cleanup", params={"days": 3}),
        ):
            assert refused.status_code == 403
        note = of_user.post("/api/v1/memories", json={"text": "Prefers tea"}).json()
        door.house.stores.admin.archive([note["id"]])
        assert of_user.get("/api/v1/memories").json()["memories"] == []
        assert of_user.get("/api/v1/memories", params={"archived": True}).json()["memories"][0]["archived"]
        restored = of_user.post(f"/api/v1/memories/{note['id']}/restore")
        assert (restored.status_code, restored.json()) == (200, note)
        cleaned = of_user.delete(f"/api/v1/users/{user}/memories/cleanup", params={"days": 3})
        assert cleaned.json() == {"removed": 0, "dry_run": False, "more": False}


def test_dead_letters_are_treated_by_operators_of_their_tenant(door: GatewayStack) -> None:
    with door.house.stores.database.transaction() as connection:
        (letter,) = connection.execute(
            text(
                "INSERT INTO dead_letters (message_id, queue, body, error, tenant_id, user_id, died_at) "
                "VALUES ('m1', 'conversations', '{}', 'odd', 'default', 'ann', now()) RETURNING id"
            )
        ).one()
    with door.http(token("ops", "operator")) as operator, door.http(token("root", "admin")) as admin:
        listed = operator.get("/api/v1/dead-letters", params={"limit": 1000}).json()["letters"]
        assert letter in [each["id"] for each in listed]
        assert operator.get(f"/api/v1/dead-letters/{letter}").json()["entry"]["error"] == "odd"
        assert admin.get("/api/v1/dead-letters").status_code == 403
        assert admin.post("/api/v1/dead-letters/drop", json={"letter_ids": [letter]}).status_code == 403
        treated = operator.post("/api/v1/dead-letters/drop", json={"letter_ids": [letter]}).json()
        assert treated == {"done": [letter], "refused": []}
    with door.http(token("ops", "operator", tenant="another")) as other:
        assert other.get("/api/v1/dead-letters").json()["letters"] == []
        assert other.get("/api/v1/dead-letters", params={"all_tenants": True}).json()["field"] == "all_tenants"
