"""TokenCheck: a JSON Web Token is checked, and its claims say who calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jwt
from jwt.exceptions import ExpiredSignatureError, InvalidAudienceError, InvalidIssuerError, PyJWTError
from pydantic import TypeAdapter, ValidationError

from afterword.gateway.callers import Caller, NotKnown, Refusal
from afterword.gateway.keysets import KeySource, SigningKey
from afterword.gateway.settings import GatewaySettings
from afterword.schemas.keys import CallerRole
from afterword.schemas.values import Id

MOST_CHARACTERS = 16 * 1024
"""Servers refuse headers of about this size; nothing longer is decoded."""

_ID: TypeAdapter[str] = TypeAdapter(Id)
_KNOWN_ROLES = frozenset(CallerRole)


class TokenCheck:
    """Checks tokens: signed with the configured key by its own algorithm, not expired, made by the issuer, for us."""

    def __init__(self, settings: GatewaySettings, keys: KeySource) -> None:
        self._settings = settings
        self._keys = keys

    async def caller(self, token: str) -> Caller:
        """Who calls.

        Raises:
            NotKnown: the token does not hold, or does not say who calls.
            MemoryUnavailable: the keys cannot be read.
        """
        if len(token) > MOST_CHARACTERS:
            raise NotKnown(Refusal.MALFORMED, "this is no token that is taken here")
        try:
            header = jwt.get_unverified_header(token)
        except PyJWTError:
            raise NotKnown(Refusal.MALFORMED, "this is no token that is taken here") from None
        key = await self._keys.key_of(header)
        if key is None:
            raise NotKnown(Refusal.UNSIGNED, "the token is signed with a key that is not known")
        return caller_of(self._claims(token, key), self._settings)

    def _claims(self, token: str, key: SigningKey) -> Mapping[str, Any]:
        settings = self._settings
        try:
            return jwt.decode(
                token,
                key.key,
                # The key's own: a token cannot choose how it is checked.
                algorithms=list(key.algorithms),
                audience=settings.jwt_audience,
                issuer=settings.jwt_issuer,
                leeway=settings.jwt_leeway,
                options={"require": ["exp", "aud", *(["iss"] if settings.jwt_issuer else [])]},
            )
        except ExpiredSignatureError:
            raise NotKnown(Refusal.EXPIRED, "the token has expired") from None
        except (InvalidAudienceError, InvalidIssuerError):
            raise NotKnown(Refusal.FOREIGN, "the token is made by another issuer, or for another audience") from None
        except PyJWTError:
            raise NotKnown(Refusal.UNSIGNED, "the token does not hold") from None


def caller_of(claims: Mapping[str, Any], settings: GatewaySettings) -> Caller:
    """Who calls, by the claims of a token that holds. Raises: NotKnown, naming the claim."""
    tenant = claim(claims, settings.claim_tenant)
    if tenant is None and settings.tenant_required:
        raise NotKnown(Refusal.CLAIMS, f"the token has no claim {settings.claim_tenant}")
    account = _id(claim(claims, settings.claim_account), settings.claim_account)
    user = claim(claims, settings.claim_user)
    return Caller(
        tenant_id=settings.default_tenant if tenant is None else _id(tenant, settings.claim_tenant),
        account=account,
        roles=roles_in(claim(claims, settings.claim_roles)),
        user_id=None if user is None else _id(user, settings.claim_user),
    )


def claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, or by its path where it lies within others.

    >>> claim({"realm_access": {"roles": ["agent"]}}, "realm_access.roles")
    ['agent']
    """
    # As a whole first: names of claims are often URLs, which hold dots.
    if name in claims:
        return claims[name]
    found: Any = claims
    for step in name.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def roles_in(told: Any) -> frozenset[CallerRole]:
    """The roles in a claim, those of others left out. Without the claim, the least: a user.

    >>> sorted(roles_in("agent offline_access"))
    [<CallerRole.AGENT: 'agent'>]
    """
    if told is None:
        return frozenset({CallerRole.USER})
    words = told.split() if isinstance(told, str) else told if isinstance(told, list) else []
    return frozenset(CallerRole(word) for word in words if isinstance(word, str) and word in _KNOWN_ROLES)


def _id(told: Any, name: str) -> str:
    try:
        return _ID.validate_python(told)
    except ValidationError:
        raise NotKnown(Refusal.CLAIMS, f"the claim {name} must be an id") from None
