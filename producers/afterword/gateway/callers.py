"""Who calls, and what they may ask for. All of it is pure: a caller is bound before anything reaches Redis.

| role | may |
|---|---|
| `user` | publish, ask and manage what is their own |
| `agent` | publish, and ask for and manage the memories of every user of the tenant |
| `admin` | all that an agent may, the tenant's figures, its agents and policies |
| `operator` | dead letters, health, keys, the tenant's figures; nobody's memories |

An agent's memories are open to the accounts that have a role in the agent, whatever their roles here: the workers check
that, and are told the account in `by`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from afterword.schemas.errors import AfterwordError, InvalidInput
from afterword.schemas.keys import CallerRole

Fields = dict[str, Any]
"""The fields of a request, by name, as they were given."""


class NotAllowed(AfterwordError):
    """The caller may not do this. The words are the same whether or not what they asked for exists."""


class Refusal(StrEnum):
    """Why a credential is refused, as it is counted."""

    MISSING = "missing"
    MALFORMED = "malformed"
    EXPIRED = "expired"
    FOREIGN = "foreign"
    UNSIGNED = "unsigned"
    CLAIMS = "claims"
    API_KEY = "api_key"


class NotKnown(AfterwordError):
    """The caller has not shown who they are. The words are for them, and hold nothing of what they sent."""

    def __init__(self, refusal: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.refusal = refusal


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who calls: an account of a tenant with its roles, and the user whose memories are the account's own.

    >>> ann = Caller(tenant_id="default", account="ann", roles=frozenset({CallerRole.USER}), user_id="ann")
    >>> ann.of_user({"query": "tea"})
    {'query': 'tea', 'user_id': 'ann'}
    >>> ann.of_user({"user_id": "bob"})
    Traceback (most recent call last):
    afterword.gateway.callers.NotAllowed: these are another user's
    """

    tenant_id: str
    account: str
    roles: frozenset[CallerRole]
    user_id: str | None = None

    @property
    def speaks_for_users(self) -> bool:
        """Whether every user of the tenant may be named."""
        return not self.roles.isdisjoint({CallerRole.AGENT, CallerRole.ADMIN})

    @property
    def implied_user_id(self) -> str | None:
        """The user who is meant where none is named: the caller, who has to be one."""
        return self.user_id if CallerRole.USER in self.roles else None

    def require(self, *roles: CallerRole) -> None:
        """Raises: NotAllowed, without any of these roles."""
        if self.roles.isdisjoint(roles):
            raise NotAllowed(f"this needs the role {' or '.join(roles)}")

    def of_user(self, fields: Mapping[str, Any]) -> Fields:
        """The fields, with the user whom they are about: the caller, unless another one is named.

        Raises:
            NotAllowed: another user is named, or the caller is none.
            InvalidInput: nobody is named, and the caller speaks for many.
        """
        named = fields.get("user_id")
        if self.speaks_for_users and named is not None:
            return dict(fields)
        if self.speaks_for_users and CallerRole.USER not in self.roles:
            raise InvalidInput("user_id", "nothing", "is required: you speak for more than one user")
        own = self._own_user()
        # An id may come as a number or as text, and both name the same user.
        if named is not None and str(named) != own:
            raise NotAllowed("these are another user's")
        return {**fields, "user_id": own}

    def of_owner(self, fields: Mapping[str, Any]) -> Fields:
        """The fields, with the owner whose memories they are about, and for an agent's with the account that asks.

        Without `user_id` they are the agent's where one is named, else the caller's own.

        Raises: NotAllowed, InvalidInput, as `of_user` does.
        """
        if fields.get("user_id") is None and fields.get("agent_id") is not None:
            self.require(CallerRole.USER, CallerRole.AGENT, CallerRole.ADMIN)
            return {**fields, "by": self.account}
        return self.of_user(fields)

    def _own_user(self) -> str:
        self.require(CallerRole.USER, CallerRole.AGENT, CallerRole.ADMIN)
        if self.user_id is None:
            raise NotAllowed("this token names no user")
        return self.user_id
