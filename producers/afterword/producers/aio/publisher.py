"""Sending events from an event loop: at once where Redis answers, later where it does not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import redis

from afterword.producers.aio.links import AsyncLink, AsyncLinks, until
from afterword.producers.outbox import Parcel
from afterword.producers.publish_state import LINGER_SECONDS, PUBLISH_SECONDS, PublishState, send_seconds
from afterword.producers.transactions import transaction


class AsyncPublisher:
    """The twin of `Publisher`, on one event loop: a task sends what waits."""

    def __init__(self, links: AsyncLinks, state: PublishState) -> None:
        self._links = links
        self._state = state
        self._changed = asyncio.Event()
        self._hurried = False
        self._task: asyncio.Task[None] | None = None

    async def send(self, parcels: Sequence[Parcel]) -> None:
        """Send these in one transaction; what cannot be sent now waits in the outbox, also when cancelled."""
        deadline = time.monotonic() + PUBLISH_SECONDS
        if not await self._sent_at_once(parcels, deadline):
            await self._send_later(parcels, deadline)

    def note_failure(self, error: redis.RedisError) -> None:
        """Redis failed somebody: from now on nobody waits for it, until it answers the background task."""
        self._state.note_failure(error)
        self._start()

    async def flush(self, timeout: float) -> bool:
        """Wait until nothing waits any more; False when something still does after `timeout` seconds."""
        if self._state.outbox:
            self._hurried = True
            self._start()
        return await self._wait_for(lambda: not self._state.outbox, timeout)

    async def close(self, timeout: float) -> None:
        """Flush, drop what could not be sent (counted and logged), and end the task."""
        await self.flush(timeout)
        self._state.abandon()
        task, self._task = self._task, None
        if task is not None:
            # Waited for as well: an event loop that ends warns of tasks that are pending.
            task.cancel()
            await asyncio.wait([task])
        await self._links.close()

    async def _sent_at_once(self, parcels: Sequence[Parcel], deadline: float) -> bool:
        link = await self._links.idle() if self._state.idle else None
        if link is None:
            return False
        try:
            await self._deliver(link, parcels, deadline)
        except redis.RedisError as error:
            self.note_failure(error)
            return False
        except asyncio.CancelledError:
            # They may have arrived. Sent again they have their effect once, since the event ids are the same.
            self._hold(parcels)
            raise
        self._state.note_sent(parcels)
        return True

    async def _send_later(self, parcels: Sequence[Parcel], deadline: float) -> None:
        self._hold(parcels)
        if not await self._wait_for(
            lambda: self._state.failing or not self._state.holds(parcels), deadline - time.monotonic()
        ):
            self._state.note_failure(redis.TimeoutError("Timeout sending to server"))

    def _hold(self, parcels: Sequence[Parcel]) -> None:
        self._state.hold(parcels)
        self._start()

    async def _deliver(self, link: AsyncLink, parcels: Sequence[Parcel], deadline: float) -> None:
        commands = [command for parcel in parcels for command in parcel.commands]
        async with self._links.borrow(link), until(deadline):
            if commands:
                await link.write(transaction(commands))
                await link.read_transaction(commands)
            else:  # only to see whether it answers
                await link.write([("TIME",)])
                await link.read("TIME")

    def _start(self) -> None:
        self._change()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="afterword-outbox")

    async def _run(self) -> None:
        while await self._wait_for(lambda: not self._state.idle, LINGER_SECONDS):
            await self._attempt(self._state.outbox.batch())

    async def _attempt(self, batch: Sequence[Parcel]) -> None:
        try:
            link = await self._links.idle() or await self._links.connect()
            await self._deliver(link, batch, time.monotonic() + send_seconds(batch))
        except redis.RedisError as error:
            await self._pause(error)
            return
        self._state.note_answer()
        self._state.note_sent_later(batch)
        self._change()

    async def _pause(self, error: redis.RedisError) -> None:
        self._state.note_failure(error)
        self._change()
        await self._wait_for(lambda: self._hurried, self._state.wait())
        if self._hurried:
            self._state.hurry()
        self._hurried = False

    def _change(self) -> None:
        # Those who wait have the old event; those who come later wait for the next change.
        self._changed.set()
        self._changed = asyncio.Event()

    async def _wait_for(self, predicate: Callable[[], bool], seconds: float) -> bool:
        try:
            async with asyncio.timeout(max(seconds, 0)):
                while not predicate():
                    await self._changed.wait()
        except TimeoutError:
            # It may have come true as the time ran out.
            return predicate()
        return True
