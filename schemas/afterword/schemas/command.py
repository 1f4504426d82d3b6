"""Command: the base of every command, and the bases that say whose data a command is about.

- `OwnedByOne`: the memories of one user, thread or agent;
- `Owned`: the memories of an owner, who may be narrowed further;
- `OfUser`: one user, but none of their memories;
- `OfAgent`: the registry's entry of one agent;
- `Command` itself: the tenant as a whole.
"""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import model_validator

from afterword.schemas.context import Request
from afterword.schemas.values import Id, LateModel, Model

MAX_PAGE = 1000
"""The most items of one page."""


class Command(LateModel, Request):
    """A request to the commands queue. Its `command` field is its name on the wire, `answer` the shape of its answer.

    `asked_by` is the account that gave it, as the door knows that account. The audit tells it, and it opens nothing: an
    admin who acts for a user is named here, beside the user's own id.
    """

    answer: ClassVar[type[Model]]

    asked_by: Id | None = None

    @classmethod
    def wire_name(cls) -> str:
        """The value of `command` by which a message names it."""
        return str(cls.model_fields["command"].default)


class Owned(Command):
    """Names whose memories. `by` is the account that asks; an agent's memories are open to its owner, editors and
    readers, as the registry names them.
    """

    user_id: Id | None = None
    agent_id: Id | None = None
    session_id: Id | None = None
    by: Id | None = None

    @model_validator(mode="after")
    def _a_session_of_a_user(self) -> Self:
        if self.session_id is not None and self.user_id is None:
            raise ValueError("session_id belongs to a user: give user_id as well")
        return self


class OwnedByOne(Owned):
    """Names one owner: a user (with a session, that thread's memories only), or an agent."""

    @model_validator(mode="after")
    def _one_owner(self) -> Self:
        if (self.user_id is None) == (self.agent_id is None):
            raise ValueError("name one owner: user_id or agent_id")
        return self


class OfUser(Command):
    """About one user, though not about their memories. `by` is the account that asks."""

    user_id: Id
    by: Id | None = None


class OfAgent(Command):
    """About one agent of the registry. `by` is the account that asks, and has to have a role in the agent. Without it
    an admin of the tenant asks.
    """

    agent_id: Id
    by: Id | None = None
