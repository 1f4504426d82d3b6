"""Whether the memory service works, as a client finds it: `client.check`."""

from __future__ import annotations

from dataclasses import dataclass, field

from redis import RedisError

from afterword.producers.calls import Call, command_call
from afterword.schemas.errors import AfterwordError, CommandFailed
from afterword.schemas.health import GetHealth, SystemHealth


@dataclass(frozen=True)
class ServiceCheck:
    """How the service is. True when Redis and the workers answer, and no component has failed.

    `redis`: Redis takes calls. `workers`: one of those that answer commands did, in time. `health` is how it sees every
    component and every queue, empty without an answer. `error` says in words what is wrong; None when nothing is.

    >>> check = client.check()  # doctest: +SKIP
    >>> bool(check), check.health.queues[0].has_worker  # doctest: +SKIP
    (True, True)
    """

    redis: bool
    workers: bool
    health: SystemHealth = field(default_factory=SystemHealth)
    error: str | None = None

    @classmethod
    def of(cls, health: SystemHealth) -> ServiceCheck:
        """The workers' answer."""
        failed = [f"{each.component}: {each.detail}" for each in health.components if each.status == "failed"]
        return cls(redis=True, workers=True, health=health, error="; ".join(failed) or None)

    @classmethod
    def failed(cls, error: AfterwordError) -> ServiceCheck:
        """No answer, or one that is an error."""
        if isinstance(error.__cause__, RedisError):
            return cls(redis=False, workers=False, error=str(error))
        # An error is an answer, too: workers of an older version know no such command.
        return cls(redis=True, workers=isinstance(error, CommandFailed), error=str(error))

    def __bool__(self) -> bool:
        return self.error is None


def health_call(tenant_id: str) -> Call[SystemHealth]:
    """The call that asks the workers."""
    return command_call(tenant_id, GetHealth, {})
