"""A user with 50,000 memories beside one with 500 in the same store: contexts, and listing all, over the queue.

Qdrant Edge compares a question's vector with each memory of its owner, so a part of a context grows with them. Beside
it stands that part alone: one dense search among all of the user's memories, in this process, after the workers have
closed the store. The processor time that 50,000 memories add to a context is held against what they add to that search.

Listing must cost each memory the same: a page passes over none of those before it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from afterword.producers import MemoryClient
from afterword.workers.models.embedders.hashing import HashingEmbedder
from afterword.workers.stores.vectors.edge import EdgeStore
from afterword.workers.stores.vectors.owners import UserOwner
from afterword.workers.stores.vectors.queries import Dense, Search
from ops.bench.asking import asked, contexts, timed
from ops.bench.filling import OF_AGENT, OURS, TENANT, Filling, user_with
from ops.bench.findings import Comparison, Findings, Row, latency
from ops.bench.servers import Place, Servers

AIM_ADDED = 3.0
AIM_LISTING = 1.5

_DEEP = 40
_ROUNDS = 4
_LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class Size:
    """The memories of the two users, the questions about each in a round, and how often the few are listed."""

    few: int
    many: int
    questions: int
    listings: int


FULL = Size(few=500, many=50_000, questions=50, listings=20)
QUICK = Size(few=10, many=200, questions=1, listings=1)


def measure(place: Place, quick: bool) -> Findings:
    """Contexts of both users in turn, then the searches alone, then the listings."""
    size = QUICK if quick else FULL
    with place.servers() as servers:
        filling = Filling(servers.folder, (size.few, size.many))
        filling.up_to(OF_AGENT + size.few + size.many)
        recalled = _contexts(servers, size)
        bare = {own: _searches(filling.ours, own, size) for own in (size.few, size.many)}
        listed = _listings(servers, size)
    growth = recalled[size.many].row.figures["p50"] / recalled[size.few].row.figures["p50"]
    added = _added(recalled, size) / max(_added(bare, size), _LEAST)
    each = listed[size.many].spent / size.many / (listed[size.few].spent / size.few)
    measured = [each for way in (recalled, bare, listed) for each in way.values()]
    return Findings(
        [row for each in measured for row in each.rows],
        [
            Comparison(f"context of {size.many:,} / {size.few:,} memories, p50", growth, "times"),
            Comparison(f"{size.many:,}: added to a context / to a search", added, "times", AIM_ADDED),
            Comparison(f"listing of {size.many:,} / {size.few:,}, for each memory", each, "times", AIM_LISTING),
        ],
    )


@dataclass(frozen=True, slots=True)
class Timed:
    """How long something took, and the milliseconds of processor time that each took. Aims are of the latter: what else
    the machine does makes others wait, and takes nothing of it.
    """

    row: Row
    spent: float

    @property
    def rows(self) -> list[Row]:
        return [self.row, Row(f"{self.row.name}: processor time", self.row.n, {"each": self.spent}, "ms")]


def _added(measured: Mapping[int, Timed], size: Size) -> float:
    return measured[size.many].spent - measured[size.few].spent


def _contexts(servers: Servers, size: Size) -> dict[int, Timed]:
    waited: dict[int, list[float]] = {size.few: [], size.many: []}
    spent = dict.fromkeys(waited, 0.0)
    with servers.worker("context", store=OURS) as worker:
        for number in range(_ROUNDS):
            for own, seconds in waited.items():
                begun = worker.cpu_seconds()
                seconds += contexts(servers.redis_url, user_with(own), own + number, size.questions)
                spent[own] += worker.cpu_seconds() - begun
    count = _ROUNDS * asked(size.questions)
    rows = {own: latency(f"context, {own:,} memories of the user", seconds) for own, seconds in waited.items()}
    return {own: Timed(row, 1000 * spent[own] / count) for own, row in rows.items()}


def _searches(folder: Path, own: int, size: Size) -> Timed:
    store, embedder = EdgeStore(folder), HashingEmbedder()
    where = UserOwner(TENANT, user_with(own)).where

    def search(query: str) -> object:
        return store.search([Search(Dense(embedder.embed([query])[0]), where, _DEEP, payload=False)])

    count = _ROUNDS * size.questions
    store.open()
    with closing(store):
        begun = time.process_time()
        seconds = timed(search, own, count)
        spent = time.process_time() - begun
    return Timed(latency(f"one dense search, {own:,} memories of the user", seconds), 1000 * spent / asked(count))


def _listings(servers: Servers, size: Size) -> dict[int, Timed]:
    found = dict[int, Timed]()
    with servers.worker("commands", store=OURS) as worker, MemoryClient(servers.redis_url) as client:
        for own, times in ((size.few, size.listings), (size.many, 1)):
            begun, clock = worker.cpu_seconds(), time.perf_counter()
            for _ in range(times):
                listed = sum(1 for _ in client.memories.iterate(user_id=user_with(own), timeout=60))
                if listed != own:
                    raise RuntimeError(f"{listed} memories were listed of {own}")
            figures = {"all": (time.perf_counter() - clock) / times}
            row = Row(f"listing all, {own:,} memories of the user", times, figures, "s")
            found[own] = Timed(row, 1000 * worker.cpu_seconds_since(begun) / times)
    return found
