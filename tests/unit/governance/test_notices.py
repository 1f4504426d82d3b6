"""Notices: a process drops its caches once for each erasure, and not when it starts."""

from __future__ import annotations

from afterword.schemas.errors import MemoryUnavailable
from afterword.workers.services.governance.notices import ErasureNotices


class Numbers:
    def __init__(self, *numbers: int | None) -> None:
        self._numbers = list(numbers)

    def announced(self) -> int:
        number = self._numbers.pop(0)
        if number is None:
            raise MemoryUnavailable("Redis: ConnectionError")
        return number


def test_caches_are_dropped_once_an_erasure() -> None:
    dropped: list[str] = []
    notices = ErasureNotices(Numbers(7, 7, 8, None, 8, 0), [lambda: dropped.append("vectors")])
    seen = []
    for _ in range(6):
        notices.look()
        seen.append(len(dropped))
    assert seen == [0, 0, 1, 1, 1, 2]
