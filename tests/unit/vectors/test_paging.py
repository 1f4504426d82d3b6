from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from afterword.workers.stores.vectors.collection import METADATA, OCCURRED_AT, TEXT
from afterword.workers.stores.vectors.paging import PAGE_BYTES, newest_page
from afterword.workers.stores.vectors.queries import Filter, Hit, TimeRange

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Shelf:
    """Points in memory, some seconds apart; counts the reads, what they gave, and what they passed over:
    a store walks from the newest point, or from where it is told to start."""

    def __init__(self, count: int, text: str = "tea", *, apart: int = 1, **metadata: str) -> None:
        self._hits = [
            Hit(
                f"{number:06}",
                0.0,
                {OCCURRED_AT: (NOON + timedelta(seconds=apart * number)).isoformat(), TEXT: text, METADATA: metadata},
            )
            for number in range(count)
        ]
        self.reads = self.given = self.passed = 0

    def newest(self, where: Filter, limit: int, start: datetime | None = None) -> list[Hit]:
        until = min((each.until for each in where.must if isinstance(each, TimeRange) and each.until), default=None)
        walked = [_time(hit) for hit in self._hits if start is None or _time(hit) <= start]
        self.passed += sum(until is not None and time > until for time in walked)
        return self._read(sorted(self._matching(where), key=lambda hit: str(hit.payload[OCCURRED_AT]))[::-1], limit)

    def by_id(self, where: Filter, limit: int, after: str | None) -> list[Hit]:
        return self._read([hit for hit in self._matching(where) if after is None or hit.id > after], limit)

    def _read(self, hits: list[Hit], limit: int) -> list[Hit]:
        self.reads += 1
        self.given += len(hits[:limit])
        return hits[:limit]

    def _matching(self, where: Filter) -> list[Hit]:
        ranges = [each for each in where.must if isinstance(each, TimeRange)]
        return [hit for hit in self._hits if all(_within(hit, each) for each in ranges)]


def _time(hit: Hit) -> datetime:
    return datetime.fromisoformat(hit.payload[OCCURRED_AT])


def _within(hit: Hit, wanted: TimeRange) -> bool:
    time = _time(hit)
    return (wanted.since is None or wanted.since <= time) and (wanted.until is None or time < wanted.until)


def walked(shelf: Shelf, limit: int) -> list[list[str]]:
    pages, cursor = list[list[str]](), None
    while not pages or cursor:
        page = newest_page(shelf, Filter(), limit, cursor)
        pages.append([hit.id for hit in page.hits])
        cursor = page.next_cursor
    return pages


@pytest.mark.parametrize("count", [50, 5_000])
def test_a_page_costs_the_same_however_many_there_are(count: int) -> None:
    shelf = Shelf(count)
    cursor = newest_page(shelf, Filter(), 10, None).next_cursor
    shelf.reads = shelf.given = 0
    newest_page(shelf, Filter(), 10, cursor)
    assert shelf.reads <= 3
    assert shelf.given <= 2 * 11


def test_a_page_passes_over_none_of_those_before_it() -> None:
    shelf = Shelf(500)
    assert len(walked(shelf, 50)) == 10
    assert shelf.passed == 0


def test_a_page_ends_when_it_is_full_and_the_next_goes_on() -> None:
    shelf = Shelf(30, "x" * 40_000, label="y" * 10_000)
    pages = walked(shelf, 100)
    assert {len(page) for page in pages} == {PAGE_BYTES // 50_700}
    assert [each for page in pages for each in page] == [f"{number:06}" for number in reversed(range(30))]


def test_a_page_reads_little_more_than_it_gives() -> None:
    shelf = Shelf(1_000, "x" * 64 * 1024)
    page = newest_page(shelf, Filter(), 1_000, None)
    assert len(page.hits) == 3
    assert shelf.given <= 128


@pytest.mark.parametrize("apart", [1, 0])
def test_a_page_of_several_reads_gives_each_point_once(apart: int) -> None:
    found = walked(Shelf(500, apart=apart), 200)
    assert [len(page) for page in found] == [200, 200, 100]
    assert sorted(each for page in found for each in page) == [f"{number:06}" for number in range(500)]


def test_one_that_is_larger_than_a_page_stands_alone() -> None:
    assert walked(Shelf(3, "x" * 2 * PAGE_BYTES), 100) == [["000002"], ["000001"], ["000000"]]


def test_the_limit_holds_as_well() -> None:
    assert [len(page) for page in walked(Shelf(25), 10)] == [10, 10, 5]
    assert walked(Shelf(0), 10) == [[]]
