"""The door itself: a credential in, a caller out."""

from __future__ import annotations

from starlette.datastructures import Headers

from afterword.gateway.callers import Caller, NotKnown, Refusal
from afterword.gateway.keys import KeyCheck, is_api_key
from afterword.gateway.tokens import TokenCheck
from afterword.schemas.keys import CallerRole

SCHEMES = ("bearer", "token")
"""`Token` is how mem0's own client sends its key."""

ANYBODY = "dev"
"""The account and the user of everybody who calls where nobody is asked."""


class Authentication:
    """Tells who calls by the `Authorization` header of a request."""

    def __init__(self, *, tokens: TokenCheck | None, keys: KeyCheck | None, nobody_is_asked: str | None = None) -> None:
        """`nobody_is_asked` is the tenant of all callers, where everybody is let in."""
        self._tokens = tokens
        self._keys = keys
        self._tenant_of_all = nobody_is_asked

    async def caller(self, header: str | None) -> Caller:
        """Who calls.

        Raises:
            NotKnown: there is no credential, or it does not hold.
            MemoryUnavailable: whether it holds cannot be told now.
        """
        if self._tenant_of_all is not None:
            everything = frozenset(CallerRole)
            return Caller(tenant_id=self._tenant_of_all, account=ANYBODY, roles=everything, user_id=ANYBODY)
        credential = credential_in(header)
        if is_api_key(credential):
            return await self._by_key(credential)
        if self._tokens is None:
            raise NotKnown(Refusal.MALFORMED, "tokens are not taken here: give an API key")
        return await self._tokens.caller(credential)

    async def _by_key(self, key: str) -> Caller:
        caller = await self._keys.caller(key) if self._keys else None
        if caller is None:
            raise NotKnown(Refusal.API_KEY, "this API key is not known, or was revoked")
        return caller


def authorization_in(headers: Headers) -> str | None:
    """The `Authorization` header. Raises: NotKnown, for two: a proxy may have looked at the other one."""
    given = headers.getlist("authorization")
    if len(given) > 1:
        raise NotKnown(Refusal.MALFORMED, "send one Authorization header, not several")
    return given[0] if given else None


def credential_in(header: str | None) -> str:
    """The token or key in an `Authorization` header. Raises: NotKnown.

    >>> credential_in("Bearer abc")
    'abc'
    """
    if not header:
        raise NotKnown(Refusal.MISSING, "send a token or an API key: Authorization: Bearer …")
    scheme, _, credential = header.partition(" ")
    if scheme.lower() not in SCHEMES or not credential.strip():
        raise NotKnown(Refusal.MALFORMED, "must be Authorization: Bearer …, with a token or an API key")
    return credential.strip()
