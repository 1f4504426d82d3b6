"""The Model Context Protocol at `/mcp`: the tools of `afterword.integrations.mcp` for every caller of the gateway.

Each request stands by itself (stateless, JSON in and out), so that any replica answers it. Its caller is known, and its
body is whole and within bounds, before the SDK of the protocol sees any of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from fastapi import FastAPI, Request
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from afterword.gateway.callers import Fields
from afterword.gateway.routes.conversations import refuse_when_full
from afterword.gateway.visits import Door, Visit, visit
from afterword.integrations.mcp.callers import ToolOutcome
from afterword.integrations.mcp.server import Exchange, create_server
from afterword.integrations.mcp.tools import TOOLS
from afterword.producers import AsyncMemoryClient

PATH: Final = "/mcp"
_VISIT: Final = "afterword.visit"


@dataclass(frozen=True)
class VisitingCaller:
    """The caller of the gateway who uses the tools, with the same rights and bounds as on its other routes."""

    visit: Visit

    names_owners = True

    @property
    def client(self) -> AsyncMemoryClient:
        """The client of the caller's tenant."""
        return self.visit.client

    @property
    def user_id(self) -> str | None:
        """The user whose memories are the caller's own; an agent is none."""
        return self.visit.caller.implied_user_id

    @property
    def context_seconds(self) -> float:
        """As on the route for context."""
        return self.visit.settings.context_seconds

    @property
    def command_seconds(self) -> float:
        """As on the other routes."""
        return self.visit.settings.command_seconds

    def of_user(self, given: Mapping[str, Any]) -> Fields:
        """The arguments, with the user. Raises: NotAllowed, InvalidInput."""
        return self.visit.caller.of_user(given)

    def of_run(self, given: Mapping[str, Any]) -> Fields:
        """The arguments, with the user; the agent is the one that they name."""
        return self.of_user(given)

    def of_owner(self, given: Mapping[str, Any]) -> Fields:
        """The arguments, with the owner, who asks, and for how long. Raises: NotAllowed, InvalidInput."""
        return self.visit.memories_of(dict(given))

    def of_conversation(self, given: Mapping[str, Any]) -> Fields:
        """The arguments, with the user. Raises: NotAllowed, InvalidInput, MemoryUnavailable."""
        refuse_when_full(self.visit)
        return self.of_user(given)

    def count(self, tool: str, outcome: ToolOutcome) -> None:
        """For the gateway's metrics: requests of all tools have the same route."""
        self.visit.door.metrics.tool_calls.labels(tool, outcome).inc()


class McpDoor:
    """The endpoint. It answers while it is open, which is as long as the application runs."""

    def __init__(self, door: Door) -> None:
        self.route = Route(PATH, self)
        self._most_bytes = door.settings.body_bytes
        self._server = create_server(_caller_of)
        self._manager: StreamableHTTPSessionManager | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Answer from here on, until the block ends."""
        # Made anew, since one of the SDK's is good for one run only.
        manager = StreamableHTTPSessionManager(
            self._server, json_response=True, stateless=True, max_request_body_size=self._most_bytes
        )
        async with manager.run():
            self._manager = manager
            try:
                yield
            finally:
                self._manager = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Starlette itself names only routes of functions, and the access log tells nothing but routes.
        scope["route"] = self.route
        request = Request(scope, receive)
        if request.method != "POST":
            # A stream that stays open would hold a place for ever, and we have nothing to send unasked.
            raise HTTPException(405, headers={"Allow": "POST"})
        scope[_VISIT] = await visit(request)
        # In here, since the SDK would take a body that is too large, or too slow, for a fault of its own.
        body = await request.body()
        assert self._manager is not None
        await self._manager.handle_request(scope, _again(body, receive), send)


def serve_mcp(app: FastAPI, door: Door) -> McpDoor:
    """Serve it at `/mcp`; it has to be opened while the application runs."""
    for tool, outcome in product(TOOLS, ToolOutcome):
        # `increase` does not see the first count of a series that was not there before.
        door.metrics.tool_calls.labels(tool.name, outcome)
    served = McpDoor(door)
    app.router.routes.append(served.route)
    return served


def _caller_of(exchange: Exchange) -> VisitingCaller:
    request = exchange.request
    assert isinstance(request, Request)
    return VisitingCaller(request.scope[_VISIT])


def _again(body: bytes, receive: Receive) -> Receive:
    """A channel that gives a body that was read already, then what comes after it."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return first.pop() if first else await receive()

    return next_message
