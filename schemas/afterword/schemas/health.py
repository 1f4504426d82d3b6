"""Health: how every component is, as a worker sees it, asked for with the command `health`."""

from __future__ import annotations

from typing import ClassVar, Literal

from afterword.schemas.command import Command
from afterword.schemas.values import LateModel


class ComponentHealth(LateModel):
    """One component: `redis`, `postgres`, `vector_store`, `embedder`, `llm` or `mem0`.

    `failed` must be mended before anything works, `warning` should be read, `unknown` was not looked at yet. `detail`
    is for people.
    """

    component: str
    status: Literal["ok", "warning", "failed", "unknown"]
    detail: str


class QueueHealth(LateModel):
    """The messages of one queue by state, and whether anybody works on it.

    `in_work` are with workers, `delayed` wait for a retry, `dead` were given up on. `oldest_seconds` is the age of the
    message that is next, None when none waits. `worker_seconds` is how long ago a worker looked after the queue, None
    where none ever did. `has_worker` says whether that is recent. Extraction has no worker where no LLM is set.
    """

    queue: str
    waiting: int
    in_work: int
    delayed: int
    dead: int
    oldest_seconds: float | None = None
    worker_seconds: float | None = None
    has_worker: bool = False


class SystemHealth(LateModel):
    """Answers `health`: every component as the worker that answers sees it, and every queue."""

    components: tuple[ComponentHealth, ...] = ()
    queues: tuple[QueueHealth, ...] = ()

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of the components that must be mended.

        >>> SystemHealth(components=(ComponentHealth(component="redis", status="failed", detail="away"),)).failed
        ('redis',)
        """
        return tuple(each.component for each in self.components if each.status == "failed")


class GetHealth(Command):
    """How every component and every queue is, within two seconds. It is of the deployment, not of a tenant."""

    answer: ClassVar[type[SystemHealth]] = SystemHealth

    command: Literal["health"] = "health"
