"""The paths of other memory services, served over the same memories and behind the same door: one module a platform."""

from __future__ import annotations

from fastapi import APIRouter

from afterword.gateway.compat import agent_platform, analytics_platform, cloud_bridge, product_platform
from afterword.gateway.compat.mem0 import entities, events, memories
from afterword.gateway.compat.mem0.refusals import refusals


def compat_routers() -> tuple[APIRouter, ...]:
    """The routes of every platform, with their whole paths. They come before those of the canonical API, whose
    `/memories/{memory_id}` would take their names for ids.
    """
    mem0 = (memories.router, entities.router, events.router, refusals())
    platforms = (agent_platform, analytics_platform, product_platform, cloud_bridge)
    return (*mem0, *(platform.router for platform in platforms))
