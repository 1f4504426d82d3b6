"""The SDK's own client of the Model Context Protocol, against the gateway's door or a process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent


@asynccontextmanager
async def calling(url: str, credential: str, *, mode: str = "auto") -> AsyncIterator[Client]:
    """A client of a gateway's `/mcp` with this token or key; "legacy" shakes hands first, as most clients do."""
    headers = {"Authorization": f"Bearer {credential}"}
    # Not the environment's proxies and certificates, which take a tenth of a second to read.
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30, trust_env=False, verify=False) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http), mode=mode) as client,
    ):
        yield client


async def told(client: Client, tool: str, **arguments: Any) -> tuple[bool, str, Any]:
    """A call's result: whether it went well, its text, and its data, which the client has checked by their schema."""
    result = await client.call_tool(tool, arguments)
    assert isinstance(result, CallToolResult)
    (content,) = result.content
    assert isinstance(content, TextContent)
    return not result.is_error, content.text, result.structured_content
