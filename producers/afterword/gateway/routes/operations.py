"""For operators: how the deployment is."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import BaseModel

from afterword.gateway.answers import json_answer, problems
from afterword.gateway.routes import API
from afterword.gateway.visits import Visiting
from afterword.schemas.health import ComponentHealth, QueueHealth
from afterword.schemas.keys import CallerRole

router = APIRouter(prefix=API, tags=["operations"])


class ServiceHealth(BaseModel):
    """Whether Redis and the workers answer, and how a worker sees every component and every queue. `error` says in
    words what is wrong.
    """

    redis: bool
    workers: bool
    components: tuple[ComponentHealth, ...] = ()
    queues: tuple[QueueHealth, ...] = ()
    error: str | None = None


@router.get("/health", response_model=ServiceHealth, responses=problems((401, 403, 429, 503)))
async def health(visit: Visiting) -> Response:
    """How every component and every queue is. For operators."""
    visit.caller.require(CallerRole.OPERATOR)
    found = await visit.door.health.look()
    told = ServiceHealth(
        redis=found.redis,
        workers=found.workers,
        components=found.health.components,
        queues=found.health.queues,
        error=found.error,
    )
    return json_answer(told)
