from __future__ import annotations

from afterword.workers.stores.vectors import collection as c
from afterword.workers.stores.vectors.queries import Point
from afterword.workers.stores.vectors.server_requests import INSERT_BATCH, INSERT_BYTES, batches


def point(number: int, dimensions: int, text: str = "", **metadata: str) -> Point:
    return Point(f"id-{number}", [0.5] * dimensions, {c.TEXT: text, c.METADATA: metadata})


def test_upserts_are_bounded_in_number_and_in_bytes() -> None:
    small = [point(number, 8) for number in range(2 * INSERT_BATCH + 1)]
    assert [len(batch) for batch in batches(small)] == [INSERT_BATCH, INSERT_BATCH, 1]

    large = [point(number, 1_536) for number in range(200)]
    assert [each for batch in batches(large) for each in batch] == large
    assert max(len(batch) for batch in batches(large)) == INSERT_BYTES // (20 * 1_536)


def test_texts_and_metadata_count() -> None:
    points = [point(number, 0, "x" * 1_000, label="y" * 9_000) for number in range(10)]
    assert [len(batch) for batch in batches(points, max_bytes=20_000)] == [2] * 5


def test_one_alone_may_be_larger() -> None:
    assert [len(batch) for batch in batches([point(1, 10**5), point(2, 10**5)], max_bytes=1)] == [1, 1]
    assert list(batches([])) == []
