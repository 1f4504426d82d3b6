"""Publishing a file of conversations: one a line, an error a line, and again from where it stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from afterword.producers import MemoryClient
from afterword.schemas import AfterwordError, InvalidInput, MemoryUnavailable
from afterword.schemas.errors import shortened

# Never changed: a line that is published again must get the id that it got before.
_NAMESPACE = UUID("b0c0f6c2-6a57-4d6c-9a3e-5f7d3b1f9e44")
_LINES_AT_ONCE = 200
_FLUSH_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a file has come: the bytes that are done, and how many of their lines were published or refused."""

    offset: int = 0
    line: int = 0
    published: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    end: int
    text: str


class BulkFile:
    """A JSONL file and, beside it, how far it has come: `FILE.progress`, gone when it is done."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._marker = file.with_name(f"{file.name}.progress")

    @property
    def size(self) -> int:
        """Bytes."""
        return self._file.stat().st_size

    def progress(self) -> Progress:
        """Where the last run stopped. Raises: AfterwordError, when the marker cannot be read."""
        if not self._marker.exists():
            return Progress()
        try:
            return Progress(**json.loads(self._marker.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise AfterwordError(f"{self._marker} cannot be read ({error}): remove it to begin anew") from None

    def publish(
        self, client: MemoryClient, *, refused: Callable[[int, AfterwordError], None], told: Callable[[Progress], None]
    ) -> Progress:
        """Publish what is left of the file; `refused` hears of each line that is invalid, `told` of each step.

        A step is noted only when Redis has acknowledged it. Events without an id get one that follows from their
        line, so that a step that is done again changes nothing.

        Raises: MemoryUnavailable, when Redis is away; run again to go on.
        """
        progress = self.progress()
        lines = self._lines(progress)
        while step := list(islice(lines, _LINES_AT_ONCE)):
            published, errors = _publish(client, step)
            for line, error in errors:
                refused(line.number, error)
            progress = replace(
                progress,
                offset=step[-1].end,
                line=step[-1].number,
                published=progress.published + published,
                refused=progress.refused + len(errors),
            )
            self._note(progress)
            told(progress)
        self._marker.unlink(missing_ok=True)
        return progress

    def _lines(self, start: Progress) -> Iterator[_Line]:
        # Bytes, since the marker counts bytes: a position in decoded text cannot be computed.
        with self._file.open("rb") as source:
            source.seek(start.offset)
            end = start.offset
            for number, raw in enumerate(source, start=start.line + 1):
                end += len(raw)
                # A byte that is no UTF-8 costs its character, not the rest of the file.
                yield _Line(number, end, raw.decode("utf-8", "replace").strip())

    def _note(self, progress: Progress) -> None:
        # Written beside it and renamed: a stop in between leaves the old marker whole.
        written = self._marker.with_suffix(".new")
        written.write_text(json.dumps(asdict(progress)), encoding="utf-8")
        written.replace(self._marker)


def _publish(client: MemoryClient, step: list[_Line]) -> tuple[int, list[tuple[_Line, AfterwordError]]]:
    """Publish some lines, blank ones passed over: how many went, and those that were refused.

    Raises: MemoryUnavailable.
    """
    errors: list[tuple[_Line, AfterwordError]] = []
    events: list[tuple[_Line, dict[str, Any]]] = []
    for line in step:
        try:
            events += [(line, _event(line.text))] if line.text else []
        except InvalidInput as error:
            errors.append((line, error))
    results = client.publish_many(event for _, event in events)
    errors += [(line, result.error) for (line, _), result in zip(events, results, strict=True) if result.error]
    await_sent(client)
    return sum(result.error is None for result in results), errors


def await_sent(client: MemoryClient) -> None:
    """Wait until all that was published has left the outbox; where Redis stays away, drop what waits.

    Raises: MemoryUnavailable, when Redis is away; the next run of the command sends the same events.
    """
    if client.flush(_FLUSH_SECONDS):
        return
    # What waits is lost with this process, and must not be told as published. Redis was waited for long enough.
    client.close(timeout=0)
    raise MemoryUnavailable("Redis is away: run the same command again to go on from where it stopped")


def _event(text: str) -> dict[str, Any]:
    try:
        event = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("line", shortened(text), f"must be a JSON object: {error}") from None
    if not isinstance(event, dict):
        raise InvalidInput("line", shortened(text), "must be a JSON object")
    return {"event_id": str(uuid5(_NAMESPACE, text)), **event}
