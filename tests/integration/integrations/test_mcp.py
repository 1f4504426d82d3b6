"""`afterword mcp`: a process that serves one user, with the SDK's own client at its other end."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from tests.support.gateway_stack import GatewayStack, new_user
from tests.support.mcp_clients import told

_PROGRAM = "from afterword.cli import main; main()"


def test_one_user_writes_recalls_and_forgets_over_a_process(door: GatewayStack, tmp_path: Path) -> None:
    ann = new_user("ann")
    served = StdioServerParameters(
        command=sys.executable,
        args=["-c", _PROGRAM, "mcp"],
        env={
            **os.environ,
            "AFTERWORD_USER_ID": ann,
            "AFTERWORD_AGENT_ID": "desktop",
            "AFTERWORD_REDIS_URL": door.redis_url,
        },
    )
    log = (tmp_path / "stderr").open("w+", encoding="utf-8")

    async def session() -> None:
        async with Client(stdio_client(served, errlog=log)) as client:
            tools = (await client.list_tools()).tools
            hints = {each.name: each.annotations for each in tools}
            assert {name for name, hint in hints.items() if hint and hint.read_only_hint} == {
                "get_context",
                "list_memories",
                "search_memories",
            }
            assert {name for name, hint in hints.items() if hint and hint.destructive_hint} == {"delete_memory"}
            # There is one user: a model has nobody to name.
            assert all("user_id" not in each.input_schema["properties"] for each in tools)

            _, _, data = await told(client, "add_memory", text="Prefers window seats")
            assert data["memory"]["user_id"] == ann
            assert "window seats" in (await told(client, "get_context", query="Which seats?"))[1]
            messages = [{"role": "user", "content": "I am allergic to peanuts."}]
            assert (await told(client, "remember_conversation", messages=messages))[0]

            went_well, text, _ = await told(client, "list_memories", user_id="bob")
            assert (went_well, text.split(":")[0]) == (False, "user_id")
            went_well, text, _ = await told(client, "search_memories", query="tea", limit=1000)
            assert (went_well, text.split(":")[0]) == (False, "limit")
            (own,) = (await client.list_resources()).resources
            assert ann in own.uri
            assert (await client.list_resource_templates()).resource_templates == []

    asyncio.run(session())
    memory = door.until_remembered(ann, "peanuts")
    assert memory.agent_id in ("desktop", None)
    log.seek(0)
    assert log.read() == ""
