"""Calls to the workers: a request is checked before it is sent, and its reply is read as what was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypedDict, TypeVar, cast
from uuid import uuid4

from pydantic import BaseModel, ValidationError

from afterword.producers.transactions import RedisCommand, transaction
from afterword.schemas.command import Command
from afterword.schemas.commands import refuse_lost_session
from afterword.schemas.context import Request
from afterword.schemas.errors import CommandFailed, InvalidInput, MemoryUnavailable
from afterword.schemas.reply import Reply
from afterword.schemas.values import Scope
from afterword.schemas.wire import Queue, encode_message, enqueue_commands, new_reply_key

A = TypeVar("A", bound=BaseModel)
A_co = TypeVar("A_co", bound=BaseModel, covariant=True)

GRACE_SECONDS = 0.005
"""How much longer than Redis we wait for its word that no reply came."""


@dataclass(frozen=True)
class Call(Generic[A]):
    """A valid request, the queue that it goes to, and the shape of its answer."""

    queue: Queue
    request: Request
    answer: type[A]

    def due(self, deadline_ms: int) -> Call[A]:
        """The same call with a deadline, in milliseconds of the Redis server's clock. Workers drop it after that."""
        return replace(self, request=self.request.model_copy(update={"deadline_ms": deadline_ms}))

    def enqueue(self, now_ms: int) -> list[RedisCommand]:
        """The Redis commands that send it."""
        message_id = str(uuid4())
        encoded = encode_message(self.queue, self.request, now_ms=now_ms, message_id=message_id)
        return enqueue_commands(self.queue, message_id, encoded)

    def await_reply(self, seconds: float) -> RedisCommand:
        """The Redis command that waits for the reply; 0 would wait for ever."""
        return ("BLPOP", self.request.reply_to, f"{max(seconds, 0.001):.3f}")

    def read(self, payload: bytes | str) -> A:
        """The answer in a reply. Raises: CommandFailed, when it is an error or cannot be read."""
        try:
            return self.answer.model_validate(Reply.model_validate_json(payload).unwrap())
        except ValidationError as error:
            # Without the input, which holds memories.
            reason = error.errors(include_url=False, include_input=False)[0]
            raise CommandFailed(
                "internal", f"the reply cannot be read ({reason['msg']}): do client and workers match?"
            ) from None


def round_trip(enqueue: list[RedisCommand], await_reply: RedisCommand) -> list[RedisCommand]:
    """All that one call writes: enqueue, learn the server's time, wait for the reply."""
    # TIME before BLPOP: Redis answers nothing behind a command that blocks until it ends.
    return [*transaction(enqueue), ("TIME",), await_reply]


def no_answer() -> MemoryUnavailable:
    """The error for a call that nobody replied to."""
    return MemoryUnavailable("no worker answered in time: do any run, and keep up?")


ScopeShares = Mapping[Scope, float] | Mapping[str, float]


class ContextOptions(TypedDict, total=False):
    """How to choose memories: at most `limit`, their text within `token_budget`, of these scopes, in this language.

    `shares`, `always`, `explain` and `time_zone` as in `MemoryClient.context`.
    """

    limit: int
    token_budget: int
    scopes: Sequence[Scope | str] | None
    language: str | None
    shares: ScopeShares | None
    always: bool | int
    explain: bool
    time_zone: str | None


class OwnerFields(TypedDict, total=False):
    """Whose memories: a user's (with `session_id`, that thread's only) or an agent's; `by` is the account that asks.

    `asked_by` is told by the audit and opens nothing: who acts for the user, such as an admin. None counts as not
    given, except for the session of a `clear`: there it is refused.
    """

    user_id: str | None
    agent_id: str | None
    session_id: str | None
    by: str | None
    asked_by: str | None


class CommandSchema(Protocol[A_co]):
    """The class of a command: its fields, and the shape of its answer."""

    @property
    def answer(self) -> type[A_co]: ...


def checked_call(queue: Queue, model: type[Request], answer: type[A], fields: Mapping[str, Any]) -> Call[A]:
    """A call made of `fields`; those that are None count as not given.

    Raises:
        TypeError: the request has no such field. A misspelt `session_id` must not widen a `clear`.
        InvalidInput: a field breaks the contract.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    unknown = given.keys() - model.model_fields.keys()
    if unknown:
        raise TypeError(f"unexpected keyword argument: {', '.join(sorted(unknown))}")
    try:
        # A list for this call alone: a late reply to an earlier call reaches nobody.
        return Call(queue, model.model_validate({**given, "reply_to": new_reply_key()}), answer)
    except ValidationError as error:
        raise _refusal(error) from None
    except Exception as error:
        raise InvalidInput.unreadable("request", error) from error


def _refusal(error: ValidationError) -> InvalidInput:
    try:
        return InvalidInput.from_validation(error)
    except Exception as second:  # noqa: BLE001 - a value that raises even when its length is asked for
        return InvalidInput.unreadable("request", second)


def command_call(tenant_id: str, command: CommandSchema[A], fields: Mapping[str, Any]) -> Call[A]:
    """A call of a command, in the name of a tenant.

    Raises: TypeError and InvalidInput, as `checked_call` does; InvalidInput, for a clear whose session is None.
    """
    # The protocol carries the type of the answer, which a class attribute of `Command` cannot.
    model = cast("type[Command]", command)
    # Before `checked_call`, which leaves out whatever is None.
    refuse_lost_session(model, fields)
    return checked_call(Queue.COMMANDS, model, command.answer, {"tenant_id": tenant_id, **fields})
