"""The application: its routes, its guards, and what they share."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from afterword.gateway.access_log import AccessLog
from afterword.gateway.authentication import Authentication
from afterword.gateway.compat import compat_routers
from afterword.gateway.doorman import Doorman
from afterword.gateway.guards import BodyBounds, Crowd, Departures, Faults
from afterword.gateway.headers import SecurityHeaders
from afterword.gateway.health import HealthLook
from afterword.gateway.keys import KeyCheck, WorkersKeyCheck
from afterword.gateway.keysets import key_source
from afterword.gateway.limits import DoorLimits
from afterword.gateway.loopback import OwnMachine
from afterword.gateway.metrics import GatewayMetrics
from afterword.gateway.pages import serve_viewer
from afterword.gateway.problems import tell_problems
from afterword.gateway.routes import (
    API,
    agents,
    analytics,
    api_keys,
    context,
    conversations,
    dead_letters,
    erasures,
    imports,
    me,
    memories,
    operations,
    policies,
    probes,
    users,
)
from afterword.gateway.settings import GatewaySettings
from afterword.gateway.tokens import TokenCheck
from afterword.gateway.visits import Door
from afterword.producers import AsyncMemoryClient, ClientSettings, __version__
from afterword.producers.settings import Environment

if TYPE_CHECKING:
    from afterword.gateway.mcp import McpDoor

CLIENT_SETTINGS: Final = ClientSettings(on_unavailable="raise", pause_seconds=0.5)
"""A door says that there is no answer: an empty context would tell its caller that nothing is known.

Everybody's questions pause together while no worker answers. In an agent a pause of 5 s spares workers that are too
slow; here one question probes for all the others, and they must not wait long for its answer."""
_PROMPT: Final = (context.router, conversations.router, probes.router)
_MCP_HEADERS: Final = ("MCP-Protocol-Version", "Mcp-Method", "Mcp-Name")
"""Headers of a page that speaks the Model Context Protocol."""
_ROUTERS: Final = (
    memories.router,
    users.router,
    erasures.router,
    imports.router,
    agents.router,
    policies.router,
    analytics.router,
    operations.router,
    dead_letters.router,
    api_keys.router,
    me.router,
)


def create_app(settings: GatewaySettings, *, keys: KeyCheck | None = None) -> FastAPI:
    """The gateway as an ASGI application.

    `keys` knows the API keys, in place of the workers. Raises: InvalidInput, for a setting of no use.

    >>> create_app(GatewaySettings(insecure_dev=True)).title
    'Afterword'
    """
    door = _door(settings, keys)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as opened:
            if mcp_door is not None:
                await opened.enter_async_context(mcp_door.open())
            yield
        await door.client.close(timeout=settings.shutdown_grace)
        await door.limits.close()

    app = FastAPI(
        title="Afterword",
        version=__version__,
        description="Long-term memory for AI agents: publish a finished conversation, ask for context.",
        lifespan=lifespan,
        redirect_slashes=False,
        # Their pages run scripts of other hosts; the description itself is at /openapi.json.
        docs_url=None,
        redoc_url=None,
    )
    app.state.door = door
    tell_problems(app)
    # Routes are tried in order: those that agents wait for stand first, and those of other platforms before
    # `/memories/{memory_id}`, which would take their names for ids.
    for router in (*_PROMPT, *compat_routers(), *_ROUTERS):
        # Not by `include_router`: each request would search every router by itself, half of the gateway's own time.
        app.router.routes.extend(router.routes)
    serve_viewer(app)
    mcp_door = _mcp_door(app, door)
    _guard(app, door)
    return app


def _mcp_door(app: FastAPI, door: Door) -> McpDoor | None:
    if not door.settings.mcp or find_spec("mcp_types") is None:
        # It comes with version 2 of the SDK, which is the one that we speak.
        return None
    # Imported where it is served: it takes as long as all the rest of the gateway.
    from afterword.gateway.mcp import serve_mcp

    return serve_mcp(app, door)


def _is_batch(path: str) -> bool:
    """Whether a request to this path brings many things, a line each."""
    return path == f"{API}/conversations/batch" or (path.startswith(f"{API}/users/") and path.endswith("/import"))


def _guard(app: FastAPI, door: Door) -> None:
    """Put the guards around the routes. The one that is added last stands outermost."""
    settings = door.settings
    app.add_middleware(
        BodyBounds,
        most_bytes=settings.body_bytes,
        seconds=settings.body_seconds,
        is_batch=_is_batch,
        batch_bytes=settings.batch_bytes,
    )
    app.add_middleware(Faults)
    app.add_middleware(Doorman, door=door)
    app.add_middleware(Departures)
    app.add_middleware(Crowd, most=settings.in_flight, seconds=settings.body_seconds)
    if settings.origins:
        # Around the guards as well: a page is shown their refusals, and so learns that its token has expired.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", *_MCP_HEADERS],
            expose_headers=["Retry-After"],
        )
    if settings.insecure_dev:
        app.add_middleware(OwnMachine)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(AccessLog, metrics=door.metrics, is_logged=settings.access_log)


def _door(settings: GatewaySettings, keys: KeyCheck | None) -> Door:
    # As every other client finds Redis, unless the gateway has an address of its own.
    url = settings.redis_url.get_secret_value() if settings.redis_url else Environment.read(os.environ).redis_url
    client = AsyncMemoryClient(url, settings=CLIENT_SETTINGS)
    source = key_source(settings)
    metrics = GatewayMetrics()
    metrics.watch_outbox(lambda: client.stats)
    authentication = Authentication(
        tokens=None if source is None else TokenCheck(settings, source),
        keys=(keys or WorkersKeyCheck(client, settings)) if settings.api_keys else None,
        nobody_is_asked=settings.default_tenant if settings.insecure_dev else None,
    )
    counted_in = settings.limits_redis_url.get_secret_value() if settings.limits_redis_url else url
    return Door(
        settings=settings,
        authentication=authentication,
        client=client,
        health=HealthLook(client),
        limits=DoorLimits(settings, counted_in, metrics),
        metrics=metrics,
    )
