"""API keys of the gateway, for operators: `client.keys`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from afterword.producers.tenant_calls import COMMAND_SECONDS, TenantCalls
from afterword.schemas.keys import (
    ApiKey,
    CallerRole,
    CheckKey,
    CreateKey,
    KeyEntry,
    KeyHolder,
    KeyPage,
    ListKeys,
    RevokeKey,
)


@dataclass(frozen=True)
class NewKey:
    """A key that was made. `key` is shown here once: only its hash is kept anywhere."""

    key: str = field(repr=False)
    entry: KeyEntry


class Keys(TenantCalls):
    """The API keys of the client's tenant. `asked_by` is the account that asks, for the audit.

    Secrets stay here: what is sent, and kept, is a key's id and the hash of its secret. Every call waits up to
    `timeout` seconds.

    Raises:
        InvalidInput: an argument breaks the contract.
        MemoryUnavailable: no answer. Whether the command had its effect is not known.
        CommandFailed: the answer is an error, such as `not_found`.
    """

    def create(
        self,
        account: str,
        *,
        roles: Sequence[CallerRole | str],
        user_id: str | None = None,
        name: str | None = None,
        expires_at: datetime | str | None = None,
        asked_by: str | None = None,
        timeout: float = COMMAND_SECONDS,
    ) -> NewKey:
        """A new key with which an account calls: `user`, `agent`, `admin` or `operator`, or several of them.

        With `user_id` it is bound to that user, which a key with the role `user` must be.

        >>> client.keys.create("ci", roles=["agent"]).key  # doctest: +SKIP
        'awk_5f0c2a8f6a1a4a2f_…'
        """
        key = ApiKey.draw()
        whose = {"account": account, "roles": roles, "user_id": user_id, "name": name, "expires_at": expires_at}
        return NewKey(key.text, self._run(CreateKey, timeout, {**drawn(key), **whose, "asked_by": asked_by}))

    def list(self, *, limit: int = 100, cursor: str | None = None, timeout: float = COMMAND_SECONDS) -> KeyPage:
        """A page of the keys, newest first. Ask for the next one with `cursor=page.next_cursor`."""
        return self._run(ListKeys, timeout, {"limit": limit, "cursor": cursor})

    def revoke(self, key_id: str, *, asked_by: str | None = None, timeout: float = COMMAND_SECONDS) -> KeyEntry:
        """The key opens nothing any more. Doors that know it may let it in for some seconds yet."""
        return self._run(RevokeKey, timeout, {"key_id": key_id, "asked_by": asked_by})

    def check(self, key: str, *, timeout: float = COMMAND_SECONDS) -> KeyHolder:
        """Whose key it is, of whatever tenant. `CommandFailed` with `not_found` for one that is not valid."""
        return self._run(CheckKey, timeout, drawn(ApiKey.parse(key)))


def drawn(key: ApiKey) -> dict[str, str]:
    """The fields that tell workers of a key: its id, and the hash of its secret."""
    return {"key_id": key.id, "secret_hash": key.hash}
