"""mem0's calls that have no counterpart here. Each is answered with 501 and with what to do instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn

from fastapi import APIRouter

from afterword.gateway.compat.mem0.errors import Mem0Route, not_offered
from afterword.gateway.visits import Visiting

_PROJECT: Final = "/api/v1/orgs/organizations/{org_id}/projects/"
_PROFILES: Final = "a user's figures are at /api/v1/analytics/users/{user_id}"
_PROJECTS: Final = "a tenant has no settings of its own: afterword agents set AGENT"

_CALLS: Final = (
    # Method, path, name of the call, what to do instead.
    ("POST", "/v1/feedback/", "feedback", ""),
    ("POST", "/v1/summary/", "get_summary", _PROFILES),
    ("POST", "/v2/profiles/jobs/", "generate_profile", _PROFILES),
    ("GET", "/v2/profiles/jobs/{job_id}/", "get_profile_job", _PROFILES),
    ("POST", "/v2/profiles/settings/", "update_profile_settings", _PROFILES),
    ("POST", "/v1/exports/", "create_memory_export", "list all with get_all"),
    ("POST", "/v1/exports/get/", "get_memory_export", "list all with get_all"),
    ("GET", "/v1/events/", "the list of events", "ask for each at /v1/event/{event_id}/"),
    *((method, _PROJECT, "a project", _PROJECTS) for method in ("GET", "POST")),
    *((method, f"{_PROJECT}{{project_id}}/", "a project", _PROJECTS) for method in ("GET", "PATCH", "DELETE")),
    *(
        (method, f"{_PROJECT}{{project_id}}/members/", "members of a project", _PROJECTS)
        for method in ("GET", "POST", "PUT", "DELETE")
    ),
    *((method, "/api/v1/webhooks/projects/{project_id}/", "webhooks", "") for method in ("GET", "POST")),
    *((method, "/api/v1/webhooks/{webhook_id}/", "webhooks", "") for method in ("PUT", "DELETE")),
)


def refusals() -> APIRouter:
    """A route for each of them."""
    router = APIRouter(route_class=Mem0Route, include_in_schema=False)
    for method, path, what, instead in _CALLS:
        router.add_api_route(path, _refusal(what, instead), methods=[method], response_model=None)
    return router


def _refusal(what: str, instead: str) -> Callable[..., Any]:
    # Of known callers only, as everything else: strangers are told nothing.
    async def refuse(_: Visiting) -> NoReturn:
        raise not_offered(what, instead)

    return refuse
