"""The clients of the tenants, each made when it is first needed."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from afterword.producers import AsyncMemoryClient, ClientSettings

CLIENT_SETTINGS = ClientSettings(on_unavailable="raise", on_invalid="raise")
"""A door says that there is no answer, and its callers decide whether to go on without. An empty context would tell
them that nothing is known."""


class TenantClients:
    """A client for each tenant, those least used given up past `most`. On one event loop.

    >>> clients = TenantClients("redis://localhost:6379/0", most=10)
    >>> clients.of("acme") is clients.of("acme")
    True
    """

    def __init__(self, redis_url: str, *, most: int) -> None:
        self._redis_url = redis_url
        self._most = most
        self._clients: OrderedDict[str, AsyncMemoryClient] = OrderedDict()
        # Kept, since an event loop holds its tasks weakly.
        self._closing: set[asyncio.Task[None]] = set()

    def of(self, tenant_id: str) -> AsyncMemoryClient:
        """The client of this tenant."""
        client = self._clients.get(tenant_id)
        if client is None:
            client = AsyncMemoryClient(self._redis_url, tenant_id=tenant_id, settings=CLIENT_SETTINGS)
            self._clients[tenant_id] = client
            self._give_up_oldest()
        self._clients.move_to_end(tenant_id)
        return client

    async def close(self) -> None:
        """Send what waits, and hang up."""
        clients, self._clients = list(self._clients.values()), OrderedDict()
        await asyncio.gather(*(client.close() for client in clients), *self._closing)

    def _give_up_oldest(self) -> None:
        while len(self._clients) > self._most:
            _, oldest = self._clients.popitem(last=False)
            task = asyncio.get_running_loop().create_task(oldest.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
