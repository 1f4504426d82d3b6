"""Context over the queue, embedding and search included, as the store grows: beside three `Memory.search` of mem0.

The user asked for has 100 or 1,000 memories among 1,000, 10,000 or 100,000 of all users; the others have 500 each. The
three calls (user, agent, session) are made in a process of their own, over the same store, vectors and embedder, with
no queue between, after the worker has closed the store.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from afterword.producers import AsyncMemoryClient, ClientSettings, MemoryClient
from afterword.schemas import Kind, Scope
from afterword.workers.models.embedders.hashing import HashingEmbedder
from afterword.workers.models.embedders.port import Vector
from afterword.workers.stores.vectors.edge import EdgeStore
from afterword.workers.stores.vectors.payload import StoredMemory
from afterword.workers.stores.vectors.views import MemoryView, UserOwner
from ops.bench.findings import Comparison, Findings, Row, latency
from ops.bench.mem0_search import ThreeSearches
from ops.bench.samples import Samples
from ops.bench.servers import Servers, started

AIM_P50_MS = 5.0
AIM_P95_MS = 15.0
AIM_TIMES_FASTER = 3.0
AIM_RATE = 300.0
AIM_GROWTH = 1.5

_TENANT = "default"
_BEGIN = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
_OTHERS_EACH = 500
_TURNS = 20  # of a session
_FACT_EVERY = 4
_TEXTS = 4_000
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Size:
    """The memories in the store, step by step, the user's own, the questions asked, and those asked side by side."""

    stores: tuple[int, ...]
    owns: tuple[int, ...]
    questions: int
    side_by_side: int


FULL = Size(stores=(1_000, 10_000, 100_000), owns=(100, 1_000), questions=400, side_by_side=3_000)
QUICK = Size(stores=(1_000, 2_000), owns=(100,), questions=10, side_by_side=20)


def measure(folder: Path, quick: bool) -> Findings:
    """The store grows from step to step; the users who are asked for stay as they are."""
    size = QUICK if quick else FULL
    memories = _Memories()
    rows, by_step = list[Row](), dict[tuple[int, int], Row]()
    comparisons = list[Comparison]()
    written = 0
    with started(folder) as servers:
        for total in size.stores:
            written += _fill(folder, memories, size, total, written)
            with servers.worker("context", store="memories") as worker:
                for own in size.owns:
                    row = by_step[total, own] = latency(_name(total, own), _asked(servers, own, size.questions))
                    rows.append(row)
                before = worker.cpu_seconds()
                rate = asyncio.run(_rate(servers, size.owns[-1], size.side_by_side))
                cpu = 1000 * (worker.cpu_seconds() - before) / size.side_by_side
            name = f"{total:,} memories: side by side"
            rows.append(Row(name, size.side_by_side, {"rate": rate}, "requests/s"))
            rows.append(Row(f"{name}, the worker's processor time", size.side_by_side, {"each": cpu}, "ms"))
            for own in size.owns:
                three = latency(f"{_name(total, own)}: three Memory.search", _searched(folder, own, size.questions))
                rows.append(three)
                times = three.figures["p50"] / by_step[total, own].figures["p50"]
                name = f"{_name(total, own)}: three Memory.search / context, p50"
                comparisons.append(Comparison(name, times, "times", AIM_TIMES_FASTER, at_most=False))
    return Findings(rows, [*_compared(size, by_step, rate), *comparisons])


def _compared(size: Size, by_step: dict[tuple[int, int], Row], rate: float) -> Iterator[Comparison]:
    largest, smallest = size.stores[-1], size.stores[0]
    for own in size.owns:
        at_most = by_step[largest, own].figures
        yield Comparison(f"{_name(largest, own)}: p50", at_most["p50"], "ms", AIM_P50_MS)
        yield Comparison(f"{_name(largest, own)}: p95", at_most["p95"], "ms", AIM_P95_MS)
        growth = at_most["p50"] / by_step[smallest, own].figures["p50"]
        yield Comparison(f"{own:,} of the user: growth from {smallest:,} to {largest:,}", growth, "times", AIM_GROWTH)
    yield Comparison(f"{largest:,} memories: requests a second of one process", rate, "/s", AIM_RATE, at_most=False)


def _name(total: int, own: int) -> str:
    return f"{total:,} memories, {own:,} of the user"


class _Memories:
    """Memories of sentences that are embedded once."""

    def __init__(self) -> None:
        samples = Samples(seed=3)
        self._texts = [samples.sentence(8 + number % 23) for number in range(_TEXTS)]
        self._vectors = HashingEmbedder().embed(self._texts)

    def of_user(self, user: str, count: int, salt: int) -> list[tuple[StoredMemory, Vector]]:
        """As ingest and extraction leave them: mostly turns, a fact to every few of them, in sessions."""
        found: list[tuple[StoredMemory, Vector]] = []
        previous: tuple[str, ...] = ()
        for number in range(count):
            place = (salt * 7919 + number * 31) % _TEXTS
            memory = self._memory(user, number, self._texts[place], previous)
            previous = (memory.id, *previous[:1]) if memory.kind is Kind.EXCERPT else previous
            found.append((memory, self._vectors[place]))
        return found

    def _memory(self, user: str, number: int, text: str, previous: tuple[str, ...]) -> StoredMemory:
        fact = number % _FACT_EVERY == 0
        scope = Scope.SESSION if fact and number % (2 * _FACT_EVERY) == 0 else Scope.USER
        session = f"session-{number // _TURNS}"
        return StoredMemory(
            id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{user}/{number}")),
            text=text,
            scope=scope,
            kind=Kind.FACT if fact else Kind.EXCERPT,
            tenant_id=_TENANT,
            user_id=user,
            session_id=session if scope is Scope.SESSION or not fact else None,
            event_id=f"{user}/{session}",
            message=number % _TURNS,
            role=("user", "assistant")[number % 2],
            occurred_at=_BEGIN + timedelta(minutes=number),
            created_at=_BEGIN,
            language="en",
            importance=0.4,
            topic="work",
            previous=() if fact else previous,
        )


def _user(own: int) -> str:
    return f"user-with-{own}"


def _fill(folder: Path, memories: _Memories, size: Size, total: int, written: int) -> int:
    """Fill the store up to `total`; how many were written. The users asked for come first."""
    store = EdgeStore(folder / "memories" / "memories")
    store.prepare(HashingEmbedder().identity)
    with closing(store):
        users = [] if written else [(_user(own), own) for own in size.owns]
        missing = total - written - sum(count for _, count in users)
        users += [(f"other-{written}-{number}", _OTHERS_EACH) for number in range(max(0, missing) // _OTHERS_EACH)]
        for salt, (user, count) in enumerate(users):
            MemoryView(store, (UserOwner(_TENANT, user),)).insert(memories.of_user(user, count, written + salt))
    return sum(count for _, count in users)


def _questions() -> Iterator[str]:
    samples = Samples(seed=5)
    while True:
        yield samples.sentence(10)


def _asked(servers: Servers, own: int, count: int) -> list[float]:
    """Seconds of each request, one after the other; the first ones are not counted."""
    waited = []
    with MemoryClient(servers.redis_url, settings=ClientSettings(on_unavailable="raise")) as client:
        for number, query in enumerate(islice(_questions(), count + count // 10)):
            begun = time.perf_counter()
            context = client.context(_user(own), agent_id="agent-1", session_id="session-2", query=query, timeout=10)
            if context.degraded:
                raise RuntimeError(f"a degraded context: {context.degraded}")
            if number >= count // 10:
                waited.append(time.perf_counter() - begun)
    return waited


async def _rate(servers: Servers, own: int, count: int) -> float:
    """Requests a second with several under way at a time."""
    questions = list(islice(_questions(), count))
    settings = ClientSettings(on_unavailable="raise")
    async with AsyncMemoryClient(servers.redis_url, settings=settings) as client:

        async def ask_some() -> None:
            while questions:
                await client.context(
                    _user(own), agent_id="agent-1", session_id="session-2", query=questions.pop(), timeout=10
                )

        begun = time.perf_counter()
        await asyncio.gather(*(ask_some() for _ in range(_AT_ONCE)))
        return count / (time.perf_counter() - begun)


def _searched(folder: Path, own: int, count: int) -> list[float]:
    """Seconds of each three calls, in this process."""
    store = EdgeStore(folder / "memories" / "memories")
    store.open()
    with closing(store):
        search = ThreeSearches(store, HashingEmbedder(), _TENANT, _user(own), "agent-1", "session-2")
        waited = []
        for number, query in enumerate(islice(_questions(), count + count // 10)):
            begun = time.perf_counter()
            search(query)
            if number >= count // 10:
                waited.append(time.perf_counter() - begun)
    return waited
