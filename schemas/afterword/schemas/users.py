"""The wishes of users, and the commands by which they say so."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from afterword.schemas.command import OfUser
from afterword.schemas.values import LateModel


class UserWishes(LateModel):
    """The wishes of a user. With `memory_enabled` false nothing of them is kept or recalled from `since` on; what was
    kept before stays until it is cleared. `by` is the account that said so; both are None for who never did.
    """

    user_id: str
    memory_enabled: bool = True
    since: datetime | None = None
    by: str | None = None


class SetUser(OfUser):
    """Say whether anything of a user may be remembered. It holds until it is said otherwise, also after a clear."""

    answer: ClassVar[type[UserWishes]] = UserWishes

    command: Literal["users_set"] = "users_set"
    memory_enabled: bool


class GetUser(OfUser):
    """Ask what a user wishes."""

    answer: ClassVar[type[UserWishes]] = UserWishes

    command: Literal["users_get"] = "users_get"
