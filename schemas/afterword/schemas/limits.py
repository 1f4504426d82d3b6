"""Limits: how many publishes, contexts and commands a minute or a day a user, an agent or a tenant may have.

A limit has a name of three parts, such as `publishes.user.minute`: what is counted, whose are counted together, and in
how long.
"""

from __future__ import annotations

from enum import StrEnum
from itertools import product
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from afterword.schemas.values import MAX_COUNT


class LimitedKind(StrEnum):
    """A kind of request that is counted against limits."""

    PUBLISHES = "publishes"
    CONTEXTS = "contexts"
    COMMANDS = "commands"


class LimitedOwner(StrEnum):
    """Whose requests are counted together, behind the door; the narrowest first."""

    USER = "user"
    AGENT = "agent"
    TENANT = "tenant"


class LimitPeriod(StrEnum):
    """The time in which they are counted."""

    MINUTE = "minute"
    DAY = "day"

    @property
    def milliseconds(self) -> int:
        """How long it is."""
        return 60_000 if self is LimitPeriod.MINUTE else 86_400_000


LIMITS: Final = tuple(".".join(parts) for parts in product(LimitedKind, LimitedOwner, LimitPeriod))
"""The names of all limits."""


def _check_name(name: str) -> str:
    if name not in LIMITS:
        raise ValueError(
            "must be named such as publishes.user.minute: publishes, contexts or commands; user, agent or tenant; "
            "minute or day"
        )
    return name


LimitsByName = dict[Annotated[str, AfterValidator(_check_name)], Annotated[int, Field(ge=0, le=MAX_COUNT)]]
"""So many at most, by the name of the limit; 0 is no limit."""
