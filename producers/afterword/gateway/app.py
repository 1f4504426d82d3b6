"""The application: its routes, its guards, and what they share."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import APIRouter, FastAPI

from afterword.gateway.authentication import Authentication
from afterword.gateway.clients import TenantClients
from afterword.gateway.compat import compat_routers
from afterword.gateway.keys import KeyCheck
from afterword.gateway.keysets import key_source
from afterword.gateway.problems import Problem, tell_problems
from afterword.gateway.routes import analytics, context, conversations, me, memories, users
from afterword.gateway.settings import GatewaySettings
from afterword.gateway.tokens import TokenCheck
from afterword.gateway.visits import Door
from afterword.producers import __version__
from afterword.producers.settings import Environment

API: Final = "/api/v1"
_ROUTERS: Final = (
    conversations.router,
    context.router,
    memories.router,
    users.router,
    analytics.router,
    me.router,
)


def create_app(settings: GatewaySettings, *, keys: KeyCheck | None = None) -> FastAPI:
    """The gateway as an ASGI application.

    `keys` knows the API keys; without it none is taken. Raises: InvalidInput, for a setting of no use.

    >>> create_app(GatewaySettings(insecure_dev=True)).title
    'Afterword'
    """
    door = _door(settings, keys)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await door.clients.close()

    app = FastAPI(
        title="Afterword",
        version=__version__,
        description="Long-term memory for AI agents: publish a finished conversation, ask for context.",
        lifespan=lifespan,
        redirect_slashes=False,
        # Pages of others' scripts: the description itself is at /openapi.json.
        docs_url=None,
        redoc_url=None,
        responses={500: {"model": Problem, "description": "A fault of the gateway."}},
    )
    app.state.door = door
    tell_problems(app)
    for compat in compat_routers():
        app.include_router(compat)
    api = APIRouter(prefix=API)
    for router in _ROUTERS:
        api.include_router(router)
    app.include_router(api)
    return app


def _door(settings: GatewaySettings, keys: KeyCheck | None) -> Door:
    source = key_source(settings)
    authentication = Authentication(
        tokens=None if source is None else TokenCheck(settings, source),
        keys=keys if settings.api_keys else None,
        nobody_is_asked=settings.default_tenant if settings.insecure_dev else None,
    )
    # As every other client finds Redis, unless the gateway has an address of its own.
    url = settings.redis_url.get_secret_value() if settings.redis_url else Environment.read(os.environ).redis_url
    return Door(settings=settings, authentication=authentication, clients=TenantClients(url, most=settings.tenants))
