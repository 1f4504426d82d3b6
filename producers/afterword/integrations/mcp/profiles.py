"""A user's profile as a resource: what can be told of them now, and that more is to come."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, unquote

from mcp import MCPError
from mcp_types import INVALID_PARAMS, Resource, ResourceTemplate
from mcp_types import TextResourceContents as Contents
from pydantic import BaseModel, ConfigDict

from afterword.integrations.mcp.callers import ToolCaller
from afterword.producers import UserAnalytics

_BEFORE: Final = "afterword://users/"
_AFTER: Final = "/profile"
_JSON: Final = "application/json"

TEMPLATE: Final = ResourceTemplate(
    name="user-profile",
    title="A user's profile",
    uri_template=f"{_BEFORE}{{user_id}}{_AFTER}",
    description="What is known of how a user uses memory: figures, no words.",
    mime_type=_JSON,
)
NOTE: Final = (
    "Figures of use only: how much is remembered of this user, and when they were active. For what is remembered, ask "
    "get_context or list_memories."
)


class ProfileDocument(BaseModel):
    """The resource. `covers` says what it is made of, so that a reader does not take it for all that is known."""

    model_config = ConfigDict(frozen=True)

    user_id: str
    covers: tuple[str, ...] = ("figures",)
    note: str = NOTE
    figures: UserAnalytics


def profile_uri(user_id: str) -> str:
    """The address of a user's profile.

    >>> profile_uri("ann/b")
    'afterword://users/ann%2Fb/profile'
    """
    return f"{_BEFORE}{quote(user_id, safe='')}{_AFTER}"


def user_in(uri: str) -> str:
    """The user whose profile is at an address. Raises: MCPError, where there is none.

    >>> user_in("afterword://users/ann%2Fb/profile")
    'ann/b'
    """
    name = uri.removeprefix(_BEFORE).removesuffix(_AFTER)
    if not name or "/" in name or profile_uri(unquote(name)) != uri:
        raise MCPError(code=INVALID_PARAMS, message=f"there is no such resource: use {TEMPLATE.uri_template}")
    return unquote(name)


def own_profile(caller: ToolCaller) -> list[Resource]:
    """The caller's own profile; none for one who is no user."""
    if caller.user_id is None:
        return []
    return [
        Resource(
            name="own-profile",
            title="The user's profile",
            uri=profile_uri(caller.user_id),
            description=TEMPLATE.description,
            mime_type=_JSON,
        )
    ]


async def read_profile(caller: ToolCaller, uri: str) -> Contents:
    """The profile at an address. Raises: MCPError, AfterwordError."""
    bound = caller.of_user({"user_id": user_in(uri)} if caller.names_owners else {})
    if bound["user_id"] != user_in(uri):
        raise MCPError(code=INVALID_PARAMS, message="this is another user's profile")
    figures = await caller.client.analytics.user(**bound, timeout=caller.command_seconds)
    document = ProfileDocument(user_id=figures.user_id, figures=figures)
    return Contents(uri=uri, text=document.model_dump_json(indent=2), mime_type=_JSON)
