"""Every benchmark runs to its end, with few samples. A table, an event or a metric that it names and that is gone
fails here; the figures are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from afterword.workers.stores.ledger.database import Database
from ops.bench import processes
from ops.bench.runner import BENCHMARKS
from ops.bench.servers import Place, Servers
from tests.support import forked
from tests.support.ledgers import fresh_ledger

RATIOS = {"times", "of 1", "round trips"}
BESIDE_RATIOS = {"recovery": {"s"}, "gateway": {"ms"}}
"""Leases and heartbeats decide how long a recovery takes, not the machine. What the gateway may add was set in ms."""


class SharedPlace(Place):
    """A place whose servers are those of all tests: emptied Redis, a ledger of its own."""

    def __init__(self, folder: Path, redis_url: str, ledger_template: str) -> None:
        super().__init__(folder)
        self._redis_url = redis_url
        self._template = ledger_template

    @contextmanager
    def servers(self, name: str = "servers") -> Iterator[Servers]:
        folder = self.folder / name
        folder.mkdir()
        with redis.Redis.from_url(self._redis_url) as client:
            client.flushall()
        with fresh_ledger(self._template) as url:
            database = Database(url)
            try:
                yield Servers(folder, redis_url=self._redis_url, postgres_url=url, database=database)
            finally:
                database.close()


@pytest.fixture
def place(tmp_path: Path, redis_url: str, ledger_template: str, monkeypatch: pytest.MonkeyPatch) -> SharedPlace:
    monkeypatch.setattr(processes, "start", forked.start)
    return SharedPlace(tmp_path, redis_url, ledger_template)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_it_runs_to_its_end_and_aims_at_ratios(name: str, place: SharedPlace) -> None:
    findings = BENCHMARKS[name](place, True)

    assert findings.rows
    assert findings.comparisons
    assert all(row.figures and row.n > 0 for row in findings.rows)
    # Processor time is told in hundredths of a second, which a few calls may not take.
    timed = [row for row in findings.rows if row.unit in ("ms", "s") and "processor time" not in row.name]
    assert all(value > 0 for row in timed for value in row.figures.values())
    units = {comparison.unit for comparison in findings.comparisons if comparison.aim is not None}
    assert units <= RATIOS | BESIDE_RATIOS.get(name, set())
