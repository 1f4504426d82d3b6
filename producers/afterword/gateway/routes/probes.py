"""Probes for orchestrators and Prometheus: /healthz, /readyz, /metrics. Nobody is asked who they are, and no names are
told.
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from afterword.gateway.answers import json_answer
from afterword.gateway.health import readiness
from afterword.gateway.visits import door_of

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def healthz() -> dict[str, bool]:
    """Whether the process answers; it never waits for anything."""
    return {"alive": True}


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """Whether requests should come here, and how each component is."""
    found = readiness(await door_of(request.app).health.look())
    return json_answer(found, 200 if found.ready else 503)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """The metrics of this process, in Prometheus' format."""
    return Response(generate_latest(door_of(request.app).metrics.registry), media_type=CONTENT_TYPE_LATEST)
