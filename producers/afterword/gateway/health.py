"""How the service is, as the gateway finds it: looked at once for everybody who asks within two seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, Literal

from pydantic import BaseModel, Field

from afterword.producers import AsyncMemoryClient
from afterword.producers.service_check import ServiceCheck

KEPT_SECONDS: Final = 2.0
"""Orchestrators ask every few seconds. Many who ask at once cost one look."""
LOOK_SECONDS: Final = 2.5
"""Workers look at their components for up to two seconds."""


class ComponentStatus(BaseModel):
    """One component, without details: nobody is asked who they are. `needed`: without it the gateway is not ready."""

    status: Literal["ok", "warning", "failed", "unknown"]
    needed: bool = False


class Readiness(BaseModel):
    """Answers /readyz."""

    ready: bool
    components: dict[str, ComponentStatus] = Field(default_factory=dict)


class HealthLook:
    """Looks at Redis, and asks the workers how they and their components are."""

    def __init__(self, client: AsyncMemoryClient, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._looking: asyncio.Task[ServiceCheck] | None = None
        self._found: ServiceCheck | None = None
        self._found_at = float("-inf")

    async def look(self) -> ServiceCheck:
        """How it was at most two seconds ago."""
        if self._found is not None and self._clock() - self._found_at < KEPT_SECONDS:
            return self._found
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look())
        # Shielded: others wait for the same look when one of them hangs up.
        return await asyncio.shield(self._looking)

    async def _look(self) -> ServiceCheck:
        self._found = await self._client.check(timeout=LOOK_SECONDS)
        self._found_at = self._clock()
        return self._found


def readiness(found: ServiceCheck) -> Readiness:
    """Whether requests should come here. Redis is needed alone: without workers what is published waits there.

    >>> readiness(ServiceCheck(redis=True, workers=False)).ready
    True
    """
    components = {
        "redis": ComponentStatus(status="ok" if found.redis else "failed", needed=True),
        "workers": ComponentStatus(status="ok" if found.workers else "failed"),
    }
    for each in found.health.components:
        # Redis stands there already, as this process finds it.
        components.setdefault(each.component, ComponentStatus(status=each.status))
    for queue in found.health.queues:
        components[f"queue_{queue.queue}"] = ComponentStatus(status="ok" if queue.has_worker else "warning")
    return Readiness(ready=found.redis, components=components)
