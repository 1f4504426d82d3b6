"""A publisher as a process of its own: `python -m tests.chaos.publisher FOLDER REDIS_URL RATE`.

It publishes FOLDER/events.jsonl in order, RATE events a second. Ids go to `attempted` before an event is published
and to `acknowledged` once Redis has it. Started again after a kill it goes on behind what was attempted; of what was
attempted and not acknowledged it publishes half again, under the same ids, and lets the other half be.
"""

from __future__ import annotations

import sys
import time
import zlib
from collections.abc import Sequence
from pathlib import Path

from afterword.producers import ConversationFinished, MemoryClient

_AT_ONCE = 3


class Progress:
    """The ids in a file, one a line; what was appended survives a kill of this process."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> set[str]:
        return set(self._path.read_text().split()) if self._path.exists() else set()

    def append(self, events: Sequence[ConversationFinished]) -> None:
        with self._path.open("a") as file:
            file.write("".join(f"{event.event_id}\n" for event in events))


def acknowledged(folder: Path) -> Progress:
    return Progress(folder / "acknowledged")


def attempted(folder: Path) -> Progress:
    return Progress(folder / "attempted")


def read_events(folder: Path) -> list[ConversationFinished]:
    """The events to publish, in order."""
    lines = (folder / "events.jsonl").read_text().splitlines()
    return [ConversationFinished.model_validate_json(line) for line in lines]


def left(folder: Path) -> list[ConversationFinished]:
    """The events that are still to be published."""
    tried, sure = attempted(folder).read(), acknowledged(folder).read()
    return [event for event in read_events(folder) if event.event_id not in tried or _again(event.event_id, sure)]


def _again(event_id: str, sure: set[str]) -> bool:
    return event_id not in sure and zlib.crc32(event_id.encode()) % 2 == 0


def publish(folder: Path, client: MemoryClient, rate: float) -> None:
    """Publish what is left, a few at a time; each few are acknowledged before the next."""
    events = left(folder)
    for start in range(0, len(events), _AT_ONCE):
        some = events[start : start + _AT_ONCE]
        attempted(folder).append(some)
        for event in some:
            client.publish(event)
        while not client.flush(1):
            pass
        if client.stats.dropped:
            raise RuntimeError("events were dropped although the outbox had room")
        acknowledged(folder).append(some)
        time.sleep(len(some) / rate)


def main() -> None:
    """Publish everything, then end."""
    folder, redis_url, rate = sys.argv[1:]
    with MemoryClient(redis_url) as client:
        publish(Path(folder), client, float(rate))


if __name__ == "__main__":
    main()
