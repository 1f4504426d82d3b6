"""Asking for context."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from afterword.gateway.answers import WRITING, json_answer, problems
from afterword.gateway.bodies import json_body
from afterword.gateway.callers import Fields
from afterword.gateway.routes import API
from afterword.gateway.visits import UncountedVisiting
from afterword.schemas.context import ContextReply, ContextRequest
from afterword.schemas.limits import LimitedKind

router = APIRouter(prefix=API, tags=["context"])

_Body = Annotated[Fields, Depends(json_body(ContextRequest, name="ContextQuestion"))]


@router.post("/context", response_model=ContextReply, responses=problems(WRITING))
async def ask(visit: UncountedVisiting, body: _Body) -> Response:
    """The memories that belong in the next prompt, best first, and the text to put there.

    Without an answer in time it is 503: an agent goes on without memories then.
    """
    fields = visit.caller.of_user(body)
    await visit.admit(LimitedKind.CONTEXTS, fields)
    found = await visit.client.context(**fields, timeout=visit.settings.context_seconds)
    reply = ContextReply(
        memories=found.memories,
        text=found.text,
        degraded=found.degraded,
        timings_ms=dict(found.timings_ms),
        explanations=found.explanations,
    )
    return json_answer(reply)
