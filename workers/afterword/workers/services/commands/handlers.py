"""The registry of handlers: which part runs which command, once it is clear that the caller may give it.

The way of a command, such as `client.memories.delete(id, user_id="ada")`: the actor decodes it into a `DeleteMemory`;
`Commands.run` has `Access` check that Ada's memories are open to the caller, and finds the handler of `DeleteMemory`;
that one removes the memory and answers `Removed`, which the actor sends back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from afterword.schemas.catalogue import COMMANDS
from afterword.schemas.command import Command, OfUser, Owned
from afterword.schemas.limits import LimitedKind
from afterword.schemas.values import Model
from afterword.workers.core.errors import LimitReached
from afterword.workers.services.commands.redacting import redacted
from afterword.workers.services.policy.access import Access
from afterword.workers.services.policy.limits import Requester, RequestLimits
from afterword.workers.services.policy.redaction import Redaction

C = TypeVar("C", bound=Command)


@dataclass(frozen=True, slots=True)
class CommandHandler:
    """A line of the registry: a command, and what runs it.

    `run` is given the command, and for how many seconds its asker still waits (None: as long as it takes).
    """

    command: type[Command]
    run: Callable[[Any, float | None], Model]

    @classmethod
    def of(cls, command: type[C], run: Callable[[C, float | None], Model]) -> CommandHandler:
        """A line whose two sides are checked against each other by the type checker."""
        return cls(command, run)


class Commands:
    """Runs commands for those who may give them."""

    def __init__(
        self, access: Access, handlers: Iterable[CommandHandler], *, limits: RequestLimits, redaction: Redaction
    ) -> None:
        """Raises: ValueError, unless each command of the contract has a handler."""
        self._access = access
        self._limits = limits
        self._redaction = redaction
        self._handlers = {handler.command: handler for handler in handlers}
        missing = [command.wire_name() for command in COMMANDS if command not in self._handlers]
        # At the start: else the first command of that kind would find out.
        if missing:
            raise ValueError(f"commands without a handler: {', '.join(missing)}")
        for command in self._handlers:
            # Now, and not while the first one who gives it waits.
            command.model_rebuild()
            command.answer.model_rebuild()

    @property
    def handlers(self) -> list[CommandHandler]:
        """The registry."""
        return list(self._handlers.values())

    def run(self, command: Command, within: float | None = None) -> Model:
        """The answer of a command. One that needs a search gives up parts of it to be there `within` seconds.

        Raises: Denied, LimitReached, NotFound, InvalidInput; LedgerUnavailable, VectorStoreUnavailable,
            MemoryUnavailable, EmbeddingFailed.
        """
        self._access.check(command)
        self._count(command)
        return self._handlers[type(command)].run(redacted(self._redaction, command), within)

    def _count(self, command: Command) -> None:
        """Count a command about somebody. Those about the tenant and the deployment are not: nobody must be locked out
        from lifting a limit, and the door itself asks whose keys are.
        """
        match command:
            case Owned():
                requester = Requester(command.tenant_id, command.user_id, command.agent_id)
            case OfUser():
                requester = Requester(command.tenant_id, command.user_id)
            case _:
                return
        over = self._limits.over(LimitedKind.COMMANDS, requester)
        if over is not None:
            raise LimitReached(str(over), retry_after=over.retry_after)
