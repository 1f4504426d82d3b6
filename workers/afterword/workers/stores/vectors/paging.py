"""Lists points newest first, page by page. Each comes exactly once, even where many share one time.

Qdrant pages by id or orders by a field, not both. So each step of a page takes up to three reads. The first gives the
rest of the time at which the step before stopped, by id. The second gives older points, by time. If the step ends
within one time, the third reads that time again, by id.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate, takewhile
from typing import Final, NamedTuple, Protocol

from afterword.workers.stores.vectors.collection import METADATA, OCCURRED_AT, TEXT
from afterword.workers.stores.vectors.queries import Filter, Hit, Page, TimeRange

PAGE_BYTES: Final = 256 * 1024
"""A page ends here, whatever its limit: 300 unread replies with large pages once filled 128 MB of Redis."""

_STEP: Final = 64
"""Points read at a time: 64 of the longest notes are 4 MiB of text, where a thousand at once were 80 MB. A read costs
as much as a few points, so steps of ordinary memories cost next to nothing (`python -m ops.bench large_user`).
"""

_BESIDE_TEXT: Final = 600
"""Bytes of a memory's ids, times and names as JSON."""

_RESOLUTION = timedelta(microseconds=1)  # of Qdrant's datetime index


class Ordered(Protocol):
    """The two reads a listing is made of."""

    def newest(self, where: Filter, limit: int, start: datetime | None = None) -> list[Hit]:
        """Newest first by `occurred_at`, from `start` on; those of one time in any order."""

    def by_id(self, where: Filter, limit: int, after: str | None) -> list[Hit]:
        """By id, those after this one."""


class Position(NamedTuple):
    """Where a page stopped: the time and the id of its last point."""

    time: datetime
    id: str

    @classmethod
    def of(cls, hit: Hit) -> Position:
        return cls(_time(hit), hit.id)

    @classmethod
    def parse(cls, cursor: str) -> Position:
        """Raises: ValueError, for a cursor that is not ours."""
        try:
            time, point_id = json.loads(base64.urlsafe_b64decode(cursor))
            return cls(datetime.fromisoformat(time), str(point_id))
        # RecursionError: nested more deeply than the decoder goes.
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(f"cursor: not one that a page gave ({cursor[:40]!r})") from error

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(json.dumps([self.time.isoformat(), self.id]).encode()).decode()


def newest_page(source: Ordered, where: Filter, limit: int, cursor: str | None) -> Page:
    """The page after `cursor`: at most `limit` points, and about 256 KiB of them, but for one that is larger by itself.

    It takes three reads for each 64 points, however many points there are.
    """
    position = Position.parse(cursor) if cursor else None
    wanted = limit + 1  # one more tells whether there is another page
    hits: list[Hit] = []
    while len(hits) < wanted and _fitting(hits) == len(hits):
        step = min(wanted - len(hits), _STEP)
        found = _step(source, where, step, position)
        hits += found
        if len(found) < step:
            break
        position = Position.of(found[-1])
    given = hits[: min(limit, _fitting(hits))]
    return Page(tuple(given), str(Position.of(given[-1])) if len(hits) > len(given) else None)


def _fitting(hits: Sequence[Hit]) -> int:
    """How many of these fit into a page; one at least, where there are any."""
    sizes = accumulate(_bytes(hit) for hit in hits)
    return max(sum(1 for _ in takewhile(lambda size: size <= PAGE_BYTES, sizes)), min(len(hits), 1))


def _bytes(hit: Hit) -> int:
    metadata = hit.payload.get(METADATA)
    text = len(str(hit.payload.get(TEXT, "")).encode("utf-8", "replace"))
    told = len(json.dumps(metadata, ensure_ascii=False).encode("utf-8", "replace")) if metadata else 0
    return _BESIDE_TEXT + text + told


def _step(source: Ordered, where: Filter, wanted: int, position: Position | None) -> list[Hit]:
    """The next points after this one; fewer than are wanted only where there are no more."""
    hits = _rest_of_time(source, where, wanted, position) if position else []
    if len(hits) < wanted:
        older = where.narrowed(TimeRange(OCCURRED_AT, until=position.time)) if position else where
        hits += _by_time_then_id(source, older, wanted - len(hits), position.time if position else None)
    return hits


def _rest_of_time(source: Ordered, where: Filter, limit: int, position: Position) -> list[Hit]:
    return source.by_id(_at(where, position.time), limit, position.id)


def _by_time_then_id(source: Ordered, where: Filter, limit: int, start: datetime | None) -> list[Hit]:
    hits = source.newest(where, limit, start)
    if not hits:
        return []
    last = _time(hits[-1])
    whole = sorted((hit for hit in hits if _time(hit) != last), key=lambda hit: (-_micros(_time(hit)), hit.id))
    # The last time may be cut here at random: its lowest ids come first, as the next page expects.
    return whole + source.by_id(_at(where, last), limit - len(whole), None)


def _at(where: Filter, time: datetime) -> Filter:
    return where.narrowed(TimeRange(OCCURRED_AT, since=time, until=time + _RESOLUTION))


def _time(hit: Hit) -> datetime:
    return datetime.fromisoformat(hit.payload[OCCURRED_AT])


def _micros(time: datetime) -> int:
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // _RESOLUTION
