"""API keys: who a key of the gateway belongs to, and the commands that make, list, revoke and check keys.

No secret travels over the queues or lies in a store. Whoever makes a key draws its secret, sends the secret's hash, and
shows the key once. Whoever checks a key sends its id and that hash. So Redis, its append-only file, dead letters and
the ledger hold hashes alone, and a hash that leaks opens no door: the door asks for the secret.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from afterword.schemas.command import MAX_PAGE, Command
from afterword.schemas.errors import InvalidInput
from afterword.schemas.values import Id, LateModel, Moment

KEY_PREFIX: Final = "awk_"
"""Every key begins with it, so that a key that leaked can be found and told from a token."""

_ID_BYTES = 8
_SECRET_BYTES = 32
_KEY = re.compile(rf"{KEY_PREFIX}([0-9a-f]{{{2 * _ID_BYTES}}})_([0-9a-f]{{{2 * _SECRET_BYTES}}})")


class CallerRole(StrEnum):
    """Who calls: a user who sees their own, an agent for its users, an admin of the tenant, an operator."""

    USER = "user"
    AGENT = "agent"
    ADMIN = "admin"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key: its id, and the secret that is shown once.

    >>> key = ApiKey.draw()
    >>> ApiKey.parse(key.text) == key, len(key.hash)
    (True, 64)
    >>> key.secret in repr(key)
    False
    """

    id: str
    secret: str = field(repr=False)

    @classmethod
    def draw(cls) -> ApiKey:
        """A new key, from the system's randomness."""
        return cls(secrets.token_hex(_ID_BYTES), secrets.token_hex(_SECRET_BYTES))

    @classmethod
    def parse(cls, text: str) -> ApiKey:
        """The key in a text. Raises: InvalidInput, which does not repeat the text."""
        found = _KEY.fullmatch(text)
        if found is None:
            raise InvalidInput("key", "another form", f"must be {KEY_PREFIX}<id>_<secret>, as `keys create` shows it")
        return cls(found[1], found[2])

    @property
    def text(self) -> str:
        """The key as it is shown to whom it is for."""
        return f"{KEY_PREFIX}{self.id}_{self.secret}"

    @property
    def hash(self) -> str:
        """The hash that travels and is stored.

        One round of SHA-256 is right: nobody finds 256 random bits by guessing. The slow hashes for passwords make up
        for secrets that people choose, and would slow each request down.
        """
        return hashlib.sha256(self.secret.encode()).hexdigest()


class KeyHolder(LateModel):
    """Answers `keys_check`: who calls with the key. With `user_id` it is bound to that user."""

    tenant_id: str
    account: str
    roles: tuple[CallerRole, ...]
    user_id: str | None = None


class KeyEntry(KeyHolder):
    """A key as it is listed, without its secret. `last_used_at` is known to the minute."""

    id: str
    name: str = ""
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


class KeyPage(LateModel):
    """Answers `keys_list`; `next_cursor` is None on the last page."""

    keys: tuple[KeyEntry, ...]
    next_cursor: str | None = None


def _in_order(roles: tuple[CallerRole, ...]) -> tuple[CallerRole, ...]:
    return tuple(role for role in CallerRole if role in roles)


KeyId = Annotated[str, Field(pattern=rf"^[0-9a-f]{{{2 * _ID_BYTES}}}$")]
_Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Roles = Annotated[tuple[CallerRole, ...], Field(min_length=1), AfterValidator(_in_order)]


class CreateKey(Command):
    """A new key of the tenant for an account. `key_id` and `secret_hash` are those of a key that the asker drew.

    The role `user` needs the user whom the key is bound to. The same key sent again changes nothing.
    """

    answer: ClassVar[type[KeyEntry]] = KeyEntry

    command: Literal["keys_create"] = "keys_create"
    key_id: KeyId
    secret_hash: _Hash
    account: Id
    roles: _Roles
    user_id: Id | None = None
    name: Id | None = None
    expires_at: Moment | None = None

    @model_validator(mode="after")
    def _a_user_is_somebody(self) -> Self:
        if CallerRole.USER in self.roles and self.user_id is None:
            raise ValueError("the role user needs user_id: the user whose memories the key opens")
        return self


class ListKeys(Command):
    """A page of the tenant's keys, newest first, those that were revoked or have expired among them."""

    answer: ClassVar[type[KeyPage]] = KeyPage

    command: Literal["keys_list"] = "keys_list"
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 100
    cursor: str | None = None


class RevokeKey(Command):
    """A key of the tenant opens nothing any more. Revoking it again changes nothing."""

    answer: ClassVar[type[KeyEntry]] = KeyEntry

    command: Literal["keys_revoke"] = "keys_revoke"
    key_id: KeyId


class CheckKey(Command):
    """Whose key it is, of whatever tenant: the answer says which. Not found when it is unknown, wrong, revoked or has
    expired; which of these, nobody is told.
    """

    answer: ClassVar[type[KeyHolder]] = KeyHolder

    command: Literal["keys_check"] = "keys_check"
    key_id: KeyId
    secret_hash: _Hash
