"""The Model Context Protocol at the gateway's door: the SDK's own client, over real workers."""

from __future__ import annotations

import asyncio
import json

import pytest
from mcp import MCPError
from mcp_types import TextResourceContents

from afterword.schemas.keys import CallerRole
from tests.support.gateway_stack import GatewayStack, new_user, token
from tests.support.mcp_clients import calling, told


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_memory_is_written_found_listed_and_forgotten(door: GatewayStack, mode: str) -> None:
    async def session() -> None:
        async with calling(door.url, token(new_user("ann")), mode=mode) as ann:
            went_well, text, data = await told(ann, "add_memory", text="Prefers window seats")
            assert went_well
            memory_id = data["memory"]["id"]
            assert memory_id in text

            _, text, data = await told(ann, "search_memories", query="window seats", kind="note")
            assert [each["id"] for each in data["memories"]] == [memory_id]
            assert f"Prefers window seats [id {memory_id}, user, note, relevance " in text
            _, text, data = await told(ann, "list_memories", limit=1, cursor=None)
            assert [each["text"] for each in data["memories"]] == ["Prefers window seats"]
            _, text, data = await told(ann, "get_context", query="Which seats?")
            assert "Prefers window seats" in text
            assert text == data["text"]

            assert await told(ann, "delete_memory", memory_id=memory_id) == (
                True,
                "Forgotten.",
                {"removed": 1, "pending": False},
            )
            assert (await told(ann, "list_memories"))[1] == "Nothing is remembered that fits."
            went_well, text, _ = await told(ann, "delete_memory", memory_id=memory_id)
            assert (went_well, text) == (False, "not_found: there is no such memory")

    asyncio.run(session())


def test_a_conversation_is_learned_from_and_what_is_recalled_is_not_learned_again(door: GatewayStack) -> None:
    ann = new_user("ann")

    async def hand_over(*said: str) -> str:
        async with calling(door.url, token("an-agent", CallerRole.AGENT)) as agent:
            messages = [{"role": "user", "content": each} for each in said]
            went_well, _, data = await told(
                agent, "remember_conversation", messages=messages, user_id=ann, agent_id="guide", session_id="s1"
            )
            assert went_well
            assert data["waits"] is False
            return str(data["event_id"])

    async def recall() -> str:
        async with calling(door.url, token("an-agent", CallerRole.AGENT)) as agent:
            return (await told(agent, "get_context", query="Any allergy to peanuts?", user_id=ann))[1]

    event_id = asyncio.run(hand_over("I am allergic to peanuts."))
    memory = door.until_remembered(ann, "peanuts")
    assert memory.source is not None
    assert (memory.source.event_id, memory.session_id) == (event_id, "s1")
    asyncio.run(hand_over(f"{asyncio.run(recall())} And I sing."))
    assert "peanuts" not in door.until_remembered(ann, "And I sing.").text


def test_callers_are_bound_to_whom_they_may_speak_for(door: GatewayStack) -> None:
    ann, bob = new_user("ann"), new_user("bob")

    async def session() -> None:
        async with calling(door.url, token(ann)) as client:
            for named in (bob, "nobody"):
                for tool, rest in (
                    ("add_memory", {"text": "tea"}),
                    ("list_memories", {}),
                    ("search_memories", {"query": "tea"}),
                    ("get_context", {}),
                    ("delete_memory", {"memory_id": "m1"}),
                    ("remember_conversation", {"messages": [{"role": "user", "content": "tea"}]}),
                ):
                    result = await told(client, tool, user_id=named, **rest)
                    assert result == (False, "these are another user's", None), tool
                with pytest.raises(MCPError, match="these are another user's"):
                    await client.read_resource(f"afterword://users/{named}/profile")
            assert (await told(client, "list_memories", user_id=ann))[0]
            went_well, text, _ = await told(client, "list_memories", agent_id=new_user("agent"))
            assert (went_well, text[:6]) == (False, "denied")
        async with calling(door.url, token("an-agent", CallerRole.AGENT)) as client:
            went_well, text, _ = await told(client, "get_context")
            assert (went_well, text[:8]) == (False, "user_id:")
            assert (await told(client, "add_memory", text="tea", user_id=bob))[0]
            assert (await client.list_resources()).resources == []
        async with calling(door.url, token("op", CallerRole.OPERATOR)) as client:
            assert await told(client, "get_context", user_id=bob) == (
                False,
                "this needs the role user or agent or admin",
                None,
            )

    asyncio.run(session())


def test_a_profile_tells_figures_and_that_they_are_no_more_than_that(door: GatewayStack) -> None:
    ann = new_user("ann/b")

    async def session() -> None:
        async with calling(door.url, token(ann)) as client:
            await told(client, "add_memory", text="Drinks tea")
            (own,) = (await client.list_resources()).resources
            (content,) = (await client.read_resource(own.uri)).contents
            assert isinstance(content, TextResourceContents)
            profile = json.loads(content.text)
            assert (profile["user_id"], profile["covers"], profile["figures"]["memories"]) == (ann, ["figures"], 1)
            assert "Figures of use only" in profile["note"]
            for wrong in ("afterword://users//profile", "afterword://users/a/b/profile", "file:///etc/passwd"):
                with pytest.raises(MCPError, match="no such resource"):
                    await client.read_resource(wrong)

    asyncio.run(session())


def test_calls_are_counted_and_guarded_as_on_other_routes(door: GatewayStack) -> None:
    with door.http() as http:
        refused = http.post("/mcp", json={})
        assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert refused.headers["X-Content-Type-Options"] == "nosniff"
        for method in ("GET", "DELETE"):
            assert http.request(method, "/mcp").status_code == 405
        counted = http.get("/metrics").text
        assert 'afterword_gateway_requests_total{method="GET",route="/mcp",status="405"}' in counted
