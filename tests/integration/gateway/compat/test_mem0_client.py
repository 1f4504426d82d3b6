"""mem0's own clients, as they are installed, with the gateway as their host."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from mem0 import AsyncMemoryClient, MemoryClient
from mem0.client.types import DeleteAllMemoryOptions, GetAllMemoryOptions, SearchMemoryOptions
from mem0.exceptions import AuthenticationError, MemoryError, MemoryNotFoundError, ValidationError

from afterword.schemas.keys import CallerRole
from tests.support.fake_openai import Fact, given
from tests.support.gateway_stack import GatewayStack, new_user, token
from tests.support.waiting import wait_until

UNKNOWN = "5c1f7c3e-5f0a-4d43-9a34-3f4d1c2b7e61"


def client_of(door: GatewayStack, *roles: str, account: str = "an-agent", **claims: Any) -> MemoryClient:
    return MemoryClient(api_key=token(account, *(roles or (CallerRole.AGENT,)), **claims), host=door.url)


@pytest.fixture
def client(door: GatewayStack) -> Iterator[MemoryClient]:
    """One that speaks for every user of the tenant."""
    opened = client_of(door)
    yield opened
    opened.client.close()


def note(client: MemoryClient, text: str, user_id: str, **more: Any) -> str:
    """The id of a memory that is kept as it is."""
    added = client.add(text, user_id=user_id, infer=False, **more)
    assert added["status"] == "SUCCEEDED"
    return str(added["results"][0]["id"])


def texts(answer: dict[str, Any]) -> list[str]:
    return sorted(each["memory"] for each in answer["results"])


def test_a_key_is_checked_when_the_client_is_made(door: GatewayStack) -> None:
    client = client_of(door, tenant="acme")
    assert (client.org_id, client.project_id, client.user_email) == ("acme", "acme", None)
    with pytest.raises(ValueError, match="Error: "):
        MemoryClient(api_key="nonsense", host=door.url)


def test_a_key_of_ours_takes_the_place_of_one_of_mem0s(door: GatewayStack) -> None:
    ann = new_user("ann")
    with door.http(token("ops", CallerRole.OPERATOR)) as operator:
        wanted = {"account": ann, "roles": ["user"], "user_id": ann}
        made = operator.post("/api/v1/keys", json=wanted).raise_for_status().json()
    client = MemoryClient(api_key=made["key"], host=door.url)
    client.add("Likes tea", infer=False)
    assert [each["user_id"] for each in client.get_all()["results"]] == [ann]


def test_what_is_said_is_learned(door: GatewayStack, client: MemoryClient) -> None:
    ann = new_user("ann")
    door.openai.answer_with(given(Fact("Ann is allergic to peanuts")))
    queued = client.add([{"role": "user", "content": "Peanuts make me ill."}], user_id=ann, run_id="t1")
    assert queued["status"] == "PENDING"
    learned = door.until_remembered(ann, "allergic")
    found = client.search("Which allergy to peanuts?", filters={"user_id": ann}, threshold=0.0)["results"]
    assert {each["memory"] for each in found} == {"Ann is allergic to peanuts", "Peanuts make me ill."}
    assert client.get(learned.id)["memory"] == "Ann is allergic to peanuts"


def test_an_event_tells_how_far_a_conversation_has_come(door: GatewayStack) -> None:
    ann = new_user("ann")
    door.openai.answer_with(given(Fact("Ann is allergic to peanuts")))
    own = client_of(door, "user", account=ann)
    event_id = own.add("Peanuts make me ill.")["event_id"]

    def event() -> dict[str, Any]:
        # mem0's own client has no method for it.
        return dict(own.client.get(f"/v1/event/{event_id}/").raise_for_status().json())

    wait_until(lambda: event()["status"] == "SUCCEEDED", 30, "an event that has succeeded")
    told = event()
    assert [each["memory"] for each in told["results"]] == ["Ann is allergic to peanuts"]
    assert told["latency"] > 0
    assert own.get(told["results"][0]["id"])["user_id"] == ann
    with door.agent() as agent:
        assert agent.get("/v1/event/unheard-of/", params={"user_id": ann}).json()["status"] == "PENDING"
        unnamed = agent.get(f"/v1/event/{event_id}/")
        assert (unnamed.status_code, unnamed.json()["field"]) == (400, "user_id")


def test_a_memory_is_corrected_alone_and_in_a_batch(client: MemoryClient) -> None:
    ann = new_user("ann")
    tea, seat = note(client, "Likes tea", ann, metadata={"source": "form"}), note(client, "Prefers window seats", ann)
    corrected = client.update(tea, text="Likes coffee")
    assert (corrected["memory"], corrected["metadata"]) == ("Likes coffee", {"source": "form"})
    assert corrected["updated_at"] > corrected["created_at"]
    changes = [{"memory_id": tea, "metadata": {"source": "call"}}, {"memory_id": seat, "text": "Prefers aisle seats"}]
    assert client.batch_update(changes) == {"message": "Successfully updated 2 memories"}
    assert client.get(tea)["metadata"] == {"source": "call"}
    told = [(entry["event"], entry["old_memory"], entry["new_memory"]) for entry in client.history(seat)]
    assert told == [("ADD", None, "Prefers window seats"), ("UPDATE", "Prefers window seats", "Prefers aisle seats")]
    with pytest.raises(MemoryNotFoundError):
        client.batch_update([{"memory_id": seat, "text": "No"}, {"memory_id": str(uuid4()), "text": "No"}])
    with pytest.raises(ValidationError, match="expiration_date"):
        client.update(seat, text="No", expiration_date="2030-01-01")
    assert client.get(seat)["memory"] == "Prefers aisle seats"


def test_a_note_is_read_listed_found_and_removed(client: MemoryClient) -> None:
    ann = new_user("ann")
    memory_id = note(client, "Prefers window seats", ann, metadata={"source": "form"}, app_id="shop", run_id="t1")
    memory = client.get(memory_id)
    assert memory["memory"] == "Prefers window seats"
    assert (memory["user_id"], memory["run_id"], memory["app_id"]) == (ann, "t1", "shop")
    assert (memory["metadata"], memory["kind"]) == ({"source": "form"}, "note")
    [entry] = client.history(memory_id)
    assert (entry["event"], entry["new_memory"]) == ("ADD", "Prefers window seats")
    [found] = client.search("window seats", filters={"user_id": ann})["results"]
    assert found["score"] > 0.1
    assert {**memory, "score": found["score"]} == found

    assert client.delete(memory_id) == {"message": "Memory deleted successfully!"}
    with pytest.raises(MemoryNotFoundError, match="there is no such memory"):
        client.get(memory_id)
    assert client.get_all(filters={"user_id": ann})["results"] == []


def test_filters_find_what_they_mean(client: MemoryClient) -> None:
    ann, bob = new_user("ann"), new_user("bob")
    note(client, "Likes green tea", ann, metadata={"stars": 5, "place": "Lisbon"}, timestamp=1709283600)
    note(client, "Likes black coffee", ann, metadata={"stars": 2}, run_id="t1", app_id="shop")
    note(client, "Likes green apples", bob, metadata={"stars": 4})

    def found(filters: dict[str, Any], **more: Any) -> list[str]:
        asked = client.search("likes", filters=filters, threshold=0.0, **more)
        assert "incomplete" not in asked
        listed = texts(client.get_all(filters=filters, **more))
        assert texts(asked) == listed
        return listed

    assert found({"user_id": ann}) == ["Likes black coffee", "Likes green tea"]
    assert found({"user_id": {"in": [ann, bob]}, "keywords": {"icontains": "GREEN"}}) == [
        "Likes green apples",
        "Likes green tea",
    ]
    assert found({"OR": [{"user_id": bob}, {"AND": [{"user_id": ann}, {"run_id": "t1"}]}]}) == [
        "Likes black coffee",
        "Likes green apples",
    ]
    assert found({"AND": [{"user_id": ann}, {"run_id": "*"}]}) == ["Likes black coffee"]
    assert found({"AND": [{"user_id": ann}, {"NOT": [{"app_id": "shop"}]}]}) == ["Likes green tea"]
    assert found({"user_id": ann, "metadata": {"stars": {"gt": 2}}}) == ["Likes green tea"]
    assert found({"user_id": ann, "metadata": {"place": "Lisbon", "stars": 5}}) == ["Likes green tea"]
    assert found({"user_id": ann, "metadata": {"stars": {"ne": 5}}}) == ["Likes black coffee"]
    assert found({"user_id": ann, "created_at": {"gte": "2024-03-01", "lt": "2024-03-02"}}) == ["Likes green tea"]
    assert found({"user_id": ann}, metadata={"stars": 2}) == ["Likes black coffee"]
    assert found({"user_id": ann, "kind": "fact"}) == []
    assert found({"user_id": ann, "AND": [{"user_id": bob}]}) == []


def test_the_best_come_first_and_no_more_than_asked_for(client: MemoryClient) -> None:
    ann = new_user("ann")
    for number in range(6):
        note(client, f"Likes tea number {number}" if number else "Likes tea from Assam", ann)
    options = SearchMemoryOptions(filters={"user_id": ann}, top_k=3, threshold=0.0, fields=["memory"], rerank=True)
    found = client.search("tea from Assam", options)["results"]
    assert len(found) == 3
    assert found[0] == {"id": found[0]["id"], "memory": "Likes tea from Assam"}
    # Tested on each memory: as many are gone through as it takes.
    last = client.search("tea", filters={"user_id": ann, "keywords": {"contains": "5"}}, top_k=1, threshold=0.0)
    assert texts(last) == ["Likes tea number 5"]
    current = client.search("tea", filters={"user_id": ann}, latest_only=True, threshold=0.0)
    assert len(current["results"]) == 6


def test_a_listing_is_paged(client: MemoryClient) -> None:
    ann = new_user("ann")
    for number in range(5):
        note(client, f"number {number}", ann)
    seen: list[str] = []
    for page in (1, 2, 3):
        listed = client.get_all(GetAllMemoryOptions(filters={"user_id": ann}, page=page, page_size=2))
        assert listed["count"] == 5
        assert (listed["next"] is None) is (page == 3)
        assert (listed["previous"] is None) is (page == 1)
        seen += [each["memory"] for each in listed["results"]]
    assert seen == [f"number {number}" for number in (4, 3, 2, 1, 0)]
    following = client.client.post(
        client.get_all(filters={"user_id": ann}, page_size=4)["next"], json={"filters": {"user_id": ann}}
    )
    assert texts(following.json()) == ["number 0"]


def test_all_of_an_owner_is_removed_and_nothing_else(client: MemoryClient) -> None:
    ann = new_user("ann")
    note(client, "of the thread", ann, run_id="t1")
    note(client, "of the person", ann)
    with pytest.raises(ValidationError, match="metadata"):
        client.delete_all(user_id=ann, metadata={"draft": True})
    assert len(client.get_all(filters={"user_id": ann})["results"]) == 2
    # Its options are written into the query string as Python has them.
    client.delete_all(DeleteAllMemoryOptions(filters={"user_id": ann, "run_id": "t1"}))
    assert texts(client.get_all(filters={"user_id": ann})) == ["of the person"]
    client.delete_all(user_id=ann)
    assert client.get_all(filters={"user_id": ann})["count"] == 0


def test_many_are_removed_together_or_not_at_all(client: MemoryClient) -> None:
    ann = new_user("ann")
    ids = [note(client, f"number {number}", ann) for number in range(3)]
    with pytest.raises(MemoryNotFoundError):
        client.batch_delete([{"memory_id": ids[0]}, {"memory_id": UNKNOWN}])
    assert client.get_all(filters={"user_id": ann})["count"] == 3
    assert "2 memories" in str(client.batch_delete([{"memory_id": each} for each in ids[:2]]))
    assert texts(client.get_all(filters={"user_id": ann})) == ["number 2"]


def test_users_are_listed_and_removed(door: GatewayStack) -> None:
    # A tenant of its own: whoever names nobody removes everybody.
    client = client_of(door, tenant=new_user("tenant"))
    for user in ("ann", "bob"):
        note(client, "Likes tea", user)
    assert [(each["type"], each["name"], each["total_memories"]) for each in client.users()["results"]] == [
        ("user", "ann", 1),
        ("user", "bob", 1),
    ]
    assert client.delete_users(user_id="ann") == {"message": "Entity deleted successfully."}
    assert client.get_all(filters={"user_id": {"in": ["ann", "bob"]}})["count"] == 1
    assert [each["name"] for each in client.users()["results"]] == ["bob"]
    with pytest.raises(ValidationError, match="run_id"):
        client.delete_users(run_id="t1")
    client.reset()
    assert client.get_all(filters={"user_id": "bob"})["count"] == 0


def test_a_user_reaches_their_own_memories_only(door: GatewayStack, client: MemoryClient) -> None:
    ann, bob = new_user("ann"), new_user("bob")
    hers = note(client, "Likes tea", ann)
    own = client_of(door, "user", account=ann)
    assert texts(own.search("tea", threshold=0.0)) == ["Likes tea"]
    assert texts(own.get_all()) == ["Likes tea"]
    assert [each["name"] for each in own.users()["results"]] == [ann]
    # Whoever follows `next` must come to an end.
    assert own.client.get("/v1/entities/", params={"after": "x"}).json()["next"] is None
    assert own.get(hers)["id"] == hers

    other = client_of(door, "user", account=bob)
    refused: list[str] = []
    for memory_id in (hers, UNKNOWN, "no-uuid"):
        for call in (other.get, other.history, other.delete):
            with pytest.raises(MemoryNotFoundError) as missing:
                call(memory_id)
            refused.append(str(missing.value))
    assert set(refused) == {"there is no such memory"}
    for filters in ({"user_id": ann}, {"OR": [{"user_id": bob}, {"user_id": ann}]}):
        with pytest.raises(AuthenticationError, match="another user's"):
            other.search("tea", filters=filters)
    with pytest.raises(AuthenticationError):
        other.delete_all(user_id=ann)
    with pytest.raises(AuthenticationError):
        other.delete_users(user_id=ann)
    with pytest.raises(AuthenticationError):
        other.add("I am Ann", user_id=ann)
    with pytest.raises(AuthenticationError):
        client_of(door, "operator", account="ops").get(hers)
    # Of another tenant.
    with pytest.raises(MemoryNotFoundError):
        client_of(door, tenant="other").get(hers)
    assert own.get(hers)["memory"] == "Likes tea"


def test_an_agent_s_own_memories_are_its_owner_s(door: GatewayStack) -> None:
    agent, owner = new_user("chef"), new_user("acme")
    door.own_agent(agent, owner)
    client = client_of(door, account=owner)
    [added] = client.add("Speaks plainly", agent_id=agent, infer=False)["results"]
    assert texts(client.search("plainly", filters={"agent_id": agent}, threshold=0.0)) == ["Speaks plainly"]
    assert client.get(added["id"])["agent_id"] == agent
    assert ("agent", agent) in {(each["type"], each["name"]) for each in client.users()["results"]}
    stranger = client_of(door, account="somebody")
    assert "agent" not in {each["type"] for each in stranger.users()["results"]}
    with pytest.raises(MemoryNotFoundError):
        stranger.get(added["id"])
    with pytest.raises(AuthenticationError):
        stranger.delete_users(agent_id=agent)
    client.delete_users(agent_id=agent)
    assert client.get_all(filters={"agent_id": agent})["count"] == 0
    assert ("agent", agent) not in {(each["type"], each["name"]) for each in client.users()["results"]}


@pytest.mark.parametrize(
    ("filters", "named"),
    [
        ({"channel": "web"}, "filters.channel"),
        ({"user_id": {"nin": ["ann"]}}, "filters.user_id.nin"),
        ({"run_id": "t1"}, "filters.run_id"),
        ({"user_id": "*"}, "user_id or an agent_id"),
        ({"user_id": "ann", "categories": "no such topic"}, "topic: must be one of"),
    ],
)
def test_what_does_not_map_is_named(client: MemoryClient, filters: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named) as refused:
        client.search("tea", filters=filters)
    assert refused.value.details["status"] == 400


def test_calls_without_a_counterpart_say_so(client: MemoryClient) -> None:
    memory_id = note(client, "Likes tea", new_user("ann"))
    calls: dict[str, Callable[[], Any]] = {
        "feedback": lambda: client.feedback(memory_id, "POSITIVE"),
        "get_summary": lambda: client.get_summary(),
        "generate_profile": lambda: client.generate_profile("ann"),
        "create_memory_export": lambda: client.create_memory_export("{}"),
        "a project": lambda: client.project.get(),
        "webhooks": lambda: client.get_webhooks("p"),
    }
    for name, call in calls.items():
        with pytest.raises(MemoryError, match=f"{name} is not offered") as refused:
            call()
        assert refused.value.error_code == "HTTP_501"
    assert client.get(memory_id)["memory"] == "Likes tea"
    assert client.get_profile("ann")["status"] == "not_enabled"
    assert client.get_profile_settings()["enabled"] is False


def test_the_same_awaited(door: GatewayStack) -> None:
    ann = new_user("ann")

    async def run() -> None:
        key = token("an-agent", CallerRole.AGENT)
        async with AsyncMemoryClient(api_key=key, host=door.url) as client:
            added = await client.add("Likes tea", user_id=ann, infer=False)
            memory_id = added["results"][0]["id"]
            assert (await client.get(memory_id))["memory"] == "Likes tea"
            assert len(await client.history(memory_id)) == 1
            assert texts(await client.search("tea", filters={"user_id": ann})) == ["Likes tea"]
            assert (await client.get_all(filters={"user_id": ann}, page=1, page_size=1))["count"] == 1
            assert (await client.update(memory_id, text="Likes coffee"))["memory"] == "Likes coffee"
            assert len(await client.history(memory_id)) == 2
            assert await client.delete(memory_id) == {"message": "Memory deleted successfully!"}
            with pytest.raises(MemoryNotFoundError):
                await client.get(memory_id)
            assert (await client.add("Hello.", user_id=ann))["status"] == "PENDING"
            assert (await client.users())["results"]
            await client.delete_users(user_id=ann)

    asyncio.run(run())
