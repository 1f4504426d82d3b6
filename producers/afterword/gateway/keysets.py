"""The keys that tokens are signed with: one that is configured, or a set behind a URL, which rotates."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Final, Protocol

import jwt
from jwt.exceptions import PyJWTError

from afterword.gateway.settings import PREFIX, GatewaySettings
from afterword.schemas.errors import InvalidInput, MemoryUnavailable

logger = logging.getLogger(__name__)

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Those of public keys. A set that holds a shared secret, or a token that asks for `none`, is refused."""

FETCH_SECONDS = 3.0
MOST_BYTES = 1024 * 1024
LEAST_WAIT_SECONDS = 10.0
"""Between two looks at a set for a key that it did not hold: a token that names a random key costs no fetch each."""


@dataclass(frozen=True)
class SigningKey:
    """A key, and the only algorithms that a token may be signed with."""

    key: Any
    algorithms: tuple[str, ...]


class KeySource(Protocol):
    """Knows the key of a token."""

    async def key_of(self, header: Mapping[str, Any], /) -> SigningKey | None:
        """The key that a token of this header must be signed with; None for one that is not known.

        Raises: MemoryUnavailable, when no keys are to be had.
        """


class ConfiguredKey:
    """One key for all tokens."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key

    async def key_of(self, _: Mapping[str, Any]) -> SigningKey | None:
        """The key."""
        return self._key


class KeySet:
    """The keys behind a URL, read again after some seconds, and when a token names a key that is not among them.

    While the URL cannot be read the last known keys hold.
    """

    def __init__(
        self,
        url: str,
        *,
        kept: float,
        clock: Callable[[], float] = time.monotonic,
        fetch: Callable[[str], bytes] | None = None,
    ) -> None:
        self._url = url
        self._kept = kept
        self._clock = clock
        self._fetch = fetch or fetched
        self._keys: Mapping[str | None, SigningKey] = {}
        self._read_at = self._tried_at = float("-inf")
        self._reading = asyncio.Lock()

    async def key_of(self, header: Mapping[str, Any]) -> SigningKey | None:
        """The key that the token names by `kid`; the only one of the set, where it names none."""
        name = header.get("kid")
        if self._clock() - self._read_at > self._kept or self._find(name) is None:
            await self._read_again()
        if not self._keys:
            raise MemoryUnavailable("the keys of tokens cannot be read")
        return self._find(name)

    def _find(self, name: Any) -> SigningKey | None:
        if name is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(name) if isinstance(name, str) else None

    async def _read_again(self) -> None:
        async with self._reading:
            # Those who waited for the lock find what the first one read.
            if self._clock() - self._tried_at < LEAST_WAIT_SECONDS:
                return
            self._tried_at = self._clock()
            try:
                # In a thread: a server that is slow must not hold the event loop up.
                self._keys = keys_in(await asyncio.to_thread(self._fetch, self._url))
                self._read_at = self._clock()
            except (OSError, ValueError) as error:
                logger.warning("the keys of tokens cannot be read: %s", type(error).__name__)


def fetched(url: str) -> bytes:
    """The key set behind a URL. Raises: OSError, ValueError."""
    try:
        with urllib.request.urlopen(url, timeout=FETCH_SECONDS) as response:
            body: bytes = response.read(MOST_BYTES + 1)
    except HTTPException as error:
        raise OSError("no answer that is HTTP") from error
    if len(body) > MOST_BYTES:
        raise ValueError("larger than a key set may be")
    return body


def keys_in(body: bytes) -> dict[str | None, SigningKey]:
    """The public keys of a set, by name. Others are left out. Raises: ValueError, for what is no set or holds none."""
    try:
        told = json.loads(body)
    except RecursionError:
        raise ValueError("no key set: nested too deeply") from None
    listed = told.get("keys") if isinstance(told, dict) else None
    if not isinstance(listed, list):
        raise ValueError("no key set")
    keys = {}
    for each in listed:
        key = _public_key(each)
        if key is not None and isinstance(name := each.get("kid"), str | None):
            keys[name] = key
    if not keys:
        raise ValueError("no key that tokens could be signed with")
    return keys


def _public_key(told: Any) -> SigningKey | None:
    if not isinstance(told, dict) or told.get("use", "sig") != "sig" or told.get("kty") == "oct":
        return None
    try:
        key = jwt.PyJWK.from_dict(told)
    except (PyJWTError, ValueError, TypeError, KeyError):
        return None
    return SigningKey(key.key, (key.algorithm_name,)) if key.algorithm_name in ALGORITHMS else None


def key_source(settings: GatewaySettings) -> KeySource | None:
    """Where the keys of tokens are; None when tokens are not taken. Raises: InvalidInput, for a key of no use."""
    if settings.jwt_secret is not None:
        return ConfiguredKey(SigningKey(settings.jwt_secret.get_secret_value(), ("HS256",)))
    if settings.jwt_public_key is not None:
        return ConfiguredKey(_pem_key(settings.jwt_public_key))
    if settings.jwt_jwks_url is not None:
        return KeySet(settings.jwt_jwks_url, kept=settings.jwt_jwks_seconds)
    return None


def _pem_key(pem: str) -> SigningKey:
    # The kind of the key says which algorithm it is for: the token is not asked.
    for algorithm in ("RS256", "ES256", "EdDSA"):
        try:
            return SigningKey(jwt.get_algorithm_by_name(algorithm).prepare_key(pem), (algorithm,))
        except (PyJWTError, ValueError, TypeError):
            continue
    raise InvalidInput(f"{PREFIX}JWT_PUBLIC_KEY", "a key", "must be a public key in PEM: RSA, P-256 or Ed25519")
