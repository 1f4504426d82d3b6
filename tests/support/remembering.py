"""The memory service as an agent's framework meets it: questions are answered, and what is published is seen."""

from __future__ import annotations

import asyncio
import runpy
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from afterword.producers import AsyncMemoryClient
from afterword.schemas import ContextReply, ConversationFinished
from afterword.schemas.wire import Queue
from tests.support.fake_worker import FakeWorker, drain
from tests.support.workshop import Workshop

REMEMBERED = "is allergic to peanuts"


@dataclass
class Service:
    """A Redis behind which somebody answers."""

    url: str
    worker: FakeWorker

    @property
    def questions(self) -> list[Any]:
        """The requests that came, in order."""
        return list(self.worker.requests)

    def published(self) -> list[dict[str, Any]]:
        """The events in the queue, in order."""
        return drain(self.url)

    def said(self) -> list[list[tuple[str, str]]]:
        """Roles and words of each event."""
        return [words(event) for event in self.published()]


@contextmanager
def answering(url: str) -> Iterator[Service]:
    """A service that remembers one thing, whatever it is asked."""
    with FakeWorker(url, Queue.CONTEXT, lambda _: ContextReply(text=REMEMBERED)) as worker:
        yield Service(url, worker)


@contextmanager
def working(url: str, workshop: Workshop) -> Iterator[Service]:
    """A service whose answers are those of the workers' own services; see `take_in`."""
    with FakeWorker(url, Queue.CONTEXT, workshop.ask) as worker:
        yield Service(url, worker)


def take_in(service: Service, workshop: Workshop) -> None:
    """Let ingest take in everything in the queue."""
    workshop.take_in(*(ConversationFinished.parse(event) for event in service.published()))


def words(event: dict[str, Any]) -> list[tuple[str, str]]:
    """Roles and words of an event."""
    return [(message.role, message.text) for message in ConversationFinished.parse(event).messages]


def example(name: str) -> dict[str, Any]:
    """The names that a file of docs/examples/frameworks defines. A model is given to it, so that it needs no key."""
    return runpy.run_path(f"docs/examples/frameworks/{name}.py")


def with_client(url: str, use: Callable[[Any], Awaitable[Any]]) -> Any:
    """Run `use(client)` on a loop."""

    async def run() -> Any:
        async with AsyncMemoryClient(url) as client:
            return await use(client)

    return asyncio.run(run())
