"""Answers of the routes: models of the contract as JSON, and the problems that each route may answer with."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from fastapi import Response
from pydantic import BaseModel

from afterword.gateway.problems import MEDIA_TYPE, Problem

_TOLD: Final = {
    400: "The body is no JSON.",
    401: "No credential, or one that does not hold.",
    403: "The caller may not; the same whether or not it exists.",
    404: "There is no such thing of this owner.",
    408: "The body did not come in time.",
    413: "The body is too large.",
    422: "A field breaks the contract; `field` names it.",
    429: "Too many requests; `Retry-After` says when to come again.",
    503: "No answer in time; `Retry-After` says when to come again.",
}
NDJSON: Final = "application/x-ndjson"
READING: Final = (401, 403, 422, 429, 503)
WRITING: Final = (400, 401, 403, 408, 413, 422, 429, 503)


def json_answer(model: BaseModel, status: int = 200) -> Response:
    """A model as JSON. It is valid already: FastAPI does not check it once more."""
    return Response(model.model_dump_json(), status, media_type="application/json")


def problems(statuses: Collection[int]) -> dict[int | str, dict[str, Any]]:
    """The documentation of the problems that a route answers with."""
    content = {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}}
    told: dict[int | str, dict[str, Any]] = {
        status: {"description": _TOLD[status], "content": content} for status in statuses
    }
    # Named as a model once in each route, so that the description holds its schema.
    return {**told, 500: {"description": "A fault of the gateway.", "model": Problem}}
