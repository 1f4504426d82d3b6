"""API keys: who a key belongs to is asked for, and believed for some seconds."""

from __future__ import annotations

from typing import Protocol

from afterword.gateway.callers import Caller
from afterword.schemas.keys import KEY_PREFIX


class KeyCheck(Protocol):
    """Knows whose an API key is."""

    async def caller(self, key: str) -> Caller | None:
        """Whose key it is; None for one that is not known or was revoked. Raises: MemoryUnavailable."""


def is_api_key(credential: str) -> bool:
    """Whether this is a key, and not a token."""
    return credential.startswith(KEY_PREFIX)
