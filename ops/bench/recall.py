"""Context over the queue, embedding and search included, as the store grows: beside three `Memory.search` of mem0.

The user asked for has 100 or 1,000 memories among 1,000, 10,000 or 100,000 of all users; the others have 500 each. Both
are measured in two ways, each time with the same engine, memories, vectors and embedder:

- **over Edge**: the worker has Qdrant Edge in its own process. The three calls (user, agent, session) are made in this
  process with the same store injected into mem0, after the worker has closed it: no client, no server, no network. That
  is the least they could ever cost; nobody runs mem0 like this.
- **over HTTP**, at the smallest and the largest size: the worker asks a server (`AFTERWORD_QDRANT_URL`). mem0, with the
  configuration and the client that its users have, asks that server too, for the same memories in a collection as it
  fills it. The server is Qdrant Edge behind the server's API, in Python: slower than a real one, for both. The rows of
  processor time tell what it takes.

Like is held against like, over Edge and over HTTP, each with the aim. Context over Edge beside mem0 over HTTP is shown
without one: it is what changes for somebody who leaves mem0 with a server for the embedded stack.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path

from afterword.producers import AsyncMemoryClient, ClientSettings, MemoryClient
from afterword.workers.models.embedders.hashing import HashingEmbedder
from afterword.workers.stores.vectors.edge import EdgeStore
from ops.bench import mem0_search
from ops.bench.filling import MEM0S, OURS, TENANT, Filling, user_with
from ops.bench.findings import Comparison, Findings, Row, latency
from ops.bench.processes import Process
from ops.bench.qdrant import serving
from ops.bench.samples import Samples
from ops.bench.servers import Servers, started

AIM_P50_MS = 5.0
AIM_P95_MS = 15.0
AIM_TIMES_FASTER = 3.0
AIM_RATE = 300.0
AIM_GROWTH = 1.5

_AGENT = "agent-1"
_SESSION = "session-2"
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Size:
    """The memories in the store, step by step; the steps at which they are asked for over HTTP too; the user's own; the
    questions asked, and those asked side by side."""

    stores: tuple[int, ...]
    served: tuple[int, ...]
    owns: tuple[int, ...]
    questions: int
    side_by_side: int


FULL = Size((1_000, 10_000, 100_000), served=(1_000, 100_000), owns=(100, 1_000), questions=400, side_by_side=3_000)
QUICK = Size((1_000, 2_000), served=(2_000,), owns=(100,), questions=10, side_by_side=20)


@dataclass(frozen=True, slots=True)
class Measured:
    """Of each user asked for, by how many memories they have: the same questions as a context, and as three calls."""

    context: Mapping[int, Row]
    searches: Mapping[int, Row]

    def times_faster(self, own: int) -> float:
        """How often a context would fit into the three calls."""
        return self.searches[own].figures["p50"] / self.context[own].figures["p50"]


def measure(folder: Path, quick: bool) -> Findings:
    """The store grows from step to step; the users who are asked for stay as they are."""
    size = QUICK if quick else FULL
    filling = Filling(folder, size.owns)
    rows = list[Row]()
    edge, http = dict[int, Measured](), dict[int, Measured]()
    with started(folder) as servers:
        for total in size.stores:
            filling.up_to(total)
            edge[total], alongside = _over_edge(servers, filling, total, size)
            rows += [*edge[total].context.values(), *alongside, *edge[total].searches.values()]
            if total in size.served:
                http[total], spent = _over_http(servers, filling, total, size)
                rows += [*http[total].context.values(), *http[total].searches.values(), *spent]
    rate = alongside[0].figures["rate"]
    return Findings(rows, [*_aims(size, edge, rate), *beside_mem0(size, edge, http)])


def _aims(size: Size, edge: Mapping[int, Measured], rate: float) -> Iterator[Comparison]:
    largest, smallest = size.stores[-1], size.stores[0]
    for own in size.owns:
        at_most = edge[largest].context[own].figures
        yield Comparison(f"{_name(largest, own)}: p50", at_most["p50"], "ms", AIM_P50_MS)
        yield Comparison(f"{_name(largest, own)}: p95", at_most["p95"], "ms", AIM_P95_MS)
        growth = at_most["p50"] / edge[smallest].context[own].figures["p50"]
        yield Comparison(f"{own:,} of the user: growth from {smallest:,} to {largest:,}", growth, "times", AIM_GROWTH)
    yield Comparison(f"{largest:,} memories: requests a second of one process", rate, "/s", AIM_RATE, at_most=False)


def beside_mem0(size: Size, edge: Mapping[int, Measured], http: Mapping[int, Measured]) -> Iterator[Comparison]:
    """Like with like, and context over Edge with mem0 over HTTP; `edge` and `http` by how many memories there are."""
    for total, own in product(size.stores, size.owns):
        for way, measured in (("over Edge", edge), ("over HTTP", http)):
            if total in measured:
                name = f"{_name(total, own)}: three Memory.search / context, {way}, p50"
                times = measured[total].times_faster(own)
                yield Comparison(name, times, "times", AIM_TIMES_FASTER, at_most=False)
        if total in http:
            name = f"{_name(total, own)}: three Memory.search over HTTP / context over Edge, p50"
            times = Measured(edge[total].context, http[total].searches).times_faster(own)
            yield Comparison(name, times, "times")


def _name(total: int, own: int) -> str:
    return f"{total:,} memories, {own:,} of the user"


def _over_edge(servers: Servers, filling: Filling, total: int, size: Size) -> tuple[Measured, list[Row]]:
    """And what the worker does when it is asked by several."""
    with servers.worker("context", store=OURS) as worker:
        context = {own: latency(_name(total, own), _contexts(servers, own, size.questions)) for own in size.owns}
        alongside = _side_by_side(servers, worker, total, size)
    searches = {own: _injected(filling, _name(total, own), own, size.questions) for own in size.owns}
    return Measured(context, searches), alongside


def _side_by_side(servers: Servers, worker: Process, total: int, size: Size) -> list[Row]:
    name, count = f"{total:,} memories: side by side", size.side_by_side
    spent = _ProcessorTime(each=worker.cpu_seconds)
    rate = asyncio.run(_rate(servers, size.owns[-1], count))
    cpu = spent.row(f"{name}, the worker's processor time", count)
    return [Row(name, count, {"rate": rate}, "requests/s"), cpu]


def _injected(filling: Filling, name: str, own: int, questions: int) -> Row:
    store = EdgeStore(filling.ours)
    store.open()
    with closing(store):
        search = mem0_search.injected(store, HashingEmbedder(), TENANT, user_with(own), _AGENT, _SESSION)
        return latency(f"{name}: three Memory.search", _timed(search, questions))


def _over_http(servers: Servers, filling: Filling, total: int, size: Size) -> tuple[Measured, list[Row]]:
    """And the processor time of each request, by who spends it."""
    folder = servers.folder / f"qdrant-{total}"
    filling.serve_from(folder)
    context, searches, spent = dict[int, Row](), dict[int, Row](), list[Row]()
    with serving(folder) as server:
        with servers.worker("context", store=OURS, edge_path="", qdrant_url=server.url) as worker:
            for own in size.owns:
                name = f"{_name(total, own)}, over HTTP"
                clocks = _ProcessorTime(worker=worker.cpu_seconds, server=server.process.cpu_seconds)
                context[own] = latency(name, _contexts(servers, own, size.questions))
                spent.append(clocks.row(f"{name}: processor time", _asked(size.questions)))
        for own in size.owns:
            name = f"{_name(total, own)}: three Memory.search over HTTP"
            with mem0_search.over_http(
                server.url, MEM0S, HashingEmbedder(), user_with(own), _AGENT, _SESSION
            ) as search:
                clocks = _ProcessorTime(caller=time.process_time, server=server.process.cpu_seconds)
                searches[own] = latency(name, _timed(search, size.questions))
                spent.append(clocks.row(f"{name}: processor time", _asked(size.questions)))
    return Measured(context, searches), spent


class _ProcessorTime:
    """What some clocks, in seconds, go on by from now."""

    def __init__(self, **clocks: Callable[[], float]) -> None:
        self._clocks = clocks
        self._begun = {name: clock() for name, clock in clocks.items()}

    def row(self, name: str, count: int) -> Row:
        """For each of so many requests."""
        figures = {title: 1000 * (clock() - self._begun[title]) / count for title, clock in self._clocks.items()}
        return Row(name, count, figures, "ms")


def questions() -> Iterator[str]:
    """What is asked, the same in every run."""
    samples = Samples(seed=5)
    while True:
        yield samples.sentence(10)


def _asked(counted: int) -> int:
    """How many are asked for so many to be counted: the first ones are not."""
    return counted + counted // 10


def _timed(ask: Callable[[str], object], count: int) -> list[float]:
    """Seconds of each question, one after the other."""
    waited = []
    for query in islice(questions(), _asked(count)):
        begun = time.perf_counter()
        ask(query)
        waited.append(time.perf_counter() - begun)
    return waited[-count:]


def _contexts(servers: Servers, own: int, count: int) -> list[float]:
    with MemoryClient(servers.redis_url, settings=ClientSettings(on_unavailable="raise")) as client:

        def ask(query: str) -> None:
            context = client.context(user_with(own), agent_id=_AGENT, session_id=_SESSION, query=query, timeout=10)
            if context.degraded:
                raise RuntimeError(f"a degraded context: {context.degraded}")

        return _timed(ask, count)


async def _rate(servers: Servers, own: int, count: int) -> float:
    """Requests a second with several under way at a time."""
    unasked = list(islice(questions(), count))
    settings = ClientSettings(on_unavailable="raise")
    async with AsyncMemoryClient(servers.redis_url, settings=settings) as client:

        async def ask_some() -> None:
            while unasked:
                await client.context(
                    user_with(own), agent_id=_AGENT, session_id=_SESSION, query=unasked.pop(), timeout=10
                )

        begun = time.perf_counter()
        await asyncio.gather(*(ask_some() for _ in range(_AT_ONCE)))
        return count / (time.perf_counter() - begun)
