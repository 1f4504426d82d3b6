"""Origin: whose something is, and from what it came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class HasOrigin(Protocol):
    """Anything that names its owners and its event: a conversation, a memory, the event itself."""

    @property
    def tenant_id(self) -> str: ...
    @property
    def user_id(self) -> str | None: ...
    @property
    def agent_id(self) -> str | None: ...
    @property
    def session_id(self) -> str | None: ...
    @property
    def event_id(self) -> str | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Whose something is (tenant, user, agent, session), when it happened, and its event and batch. None: not known.

    `at` is when it happened; None means now, by PostgreSQL's clock.

    >>> Origin(tenant_id="acme", user_id="ann", session_id="chat-1").agent_id is None
    True
    """

    tenant_id: str
    user_id: str | None = None
    agent_id: str | None = None
    session_id: str | None = None
    event_id: str | None = None
    batch_id: str | None = None
    at: datetime | None = None

    @classmethod
    def of(cls, thing: HasOrigin, *, batch_id: str | None = None) -> Origin:
        """The origin of what names its own owners and event, as of now."""
        return cls(
            tenant_id=thing.tenant_id,
            user_id=thing.user_id,
            agent_id=thing.agent_id,
            session_id=thing.session_id,
            event_id=thing.event_id,
            batch_id=batch_id,
        )
