"""What is asked of the workers, checked before it is sent, and how their replies are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypedDict, TypeVar
from uuid import uuid4

from pydantic import BaseModel, ValidationError

from afterword.producers.transactions import Command, transaction
from afterword.schemas.context import Request
from afterword.schemas.errors import CommandFailed, InvalidEvent, MemoryUnavailable
from afterword.schemas.reply import Reply
from afterword.schemas.values import Scope
from afterword.schemas.wire import Queue, encode_message, enqueue_commands, new_reply_key

A = TypeVar("A", bound=BaseModel)

GRACE_SECONDS = 0.005
"""How much longer than Redis we wait for its word that no reply came."""


@dataclass(frozen=True)
class Question(Generic[A]):
    """A valid request, the queue it goes to, and the shape of its answer."""

    queue: Queue
    request: Request
    answer: type[A]

    def due(self, deadline_ms: int) -> Question[A]:
        """The same question, void after a time of the Redis server's clock."""
        return replace(self, request=self.request.model_copy(update={"deadline_ms": deadline_ms}))

    def enqueue(self, now_ms: int) -> list[Command]:
        """The Redis commands that ask it."""
        message_id = str(uuid4())
        encoded = encode_message(self.queue, self.request, now_ms=now_ms, message_id=message_id)
        return enqueue_commands(self.queue, message_id, encoded)

    def await_reply(self, seconds: float) -> Command:
        """The Redis command that waits for the reply; 0 would wait for ever."""
        return ("BLPOP", self.request.reply_to, f"{max(seconds, 0.001):.3f}")

    def read(self, payload: bytes | str) -> A:
        """The answer in a reply. Raises: CommandFailed, when it is an error or cannot be read."""
        try:
            return self.answer.model_validate(Reply.model_validate_json(payload).unwrap())
        except ValidationError as error:
            reason = error.errors(include_url=False, include_input=False)[0]
            raise CommandFailed(
                "internal", f"the reply cannot be read ({reason['msg']}): do client and workers match?"
            ) from None


def asking(enqueue: list[Command], await_reply: Command) -> list[Command]:
    """All that one question writes: enqueue, learn the server's time, wait for the reply."""
    return [*transaction(enqueue), ("TIME",), await_reply]


def no_answer() -> MemoryUnavailable:
    """Nobody replied."""
    return MemoryUnavailable("no worker answered in time: do any run, and keep up?")


ScopeShares = Mapping[Scope, float] | Mapping[str, float]


class Recall(TypedDict, total=False):
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


class Owner(TypedDict, total=False):
    """Whose memories: a user's (with `session_id`, that thread's only) or an agent's; `by` is the account that asks."""

    user_id: str | None
    agent_id: str | None
    session_id: str | None
    by: str | None


def question(queue: Queue, model: type[Request], answer: type[A], fields: Mapping[str, Any]) -> Question[A]:
    """A question made of `fields`; those that are None count as not given.

    Raises:
        TypeError: the request has no such field. A misspelt `session_id` must not widen a `clear`.
        InvalidEvent: a field breaks the contract.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    unknown = given.keys() - model.model_fields.keys()
    if unknown:
        raise TypeError(f"unexpected keyword argument: {', '.join(sorted(unknown))}")
    try:
        return Question(queue, model.model_validate({**given, "reply_to": new_reply_key()}), answer)
    except ValidationError as error:
        raise InvalidEvent.from_validation(error) from None
