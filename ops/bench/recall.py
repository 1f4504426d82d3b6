"""Context over the queue, embedding and search included, as the store grows: beside three `Memory.search` of mem0.

The user asked for has 100 or 1,000 memories among 1,000, 10,000 or 100,000 of all users; the agent has 100, the other
users have 500 each. The three calls are made one after the other, as on an agent's thread. Both are measured in some
ways, each time with the same memories, vectors and embedder, and but for the last with the same engine:

- **over Edge**: the worker has Qdrant Edge in its own process. The three calls (user, agent, session) are made in this
  process with the same store injected into mem0, after the worker has closed it: no client, no server, no network. That
  is the least they could ever cost; nobody runs mem0 like this.
- **over HTTP**, at the smallest and the largest size: the worker asks a server (`AFTERWORD_QDRANT_URL`). mem0, with the
  configuration and the client that its users have, asks that server too, for the same memories in a collection as it
  fills it. The server is Qdrant Edge behind the server's API, in Python: slower than a real one, for both. The rows of
  processor time tell what it takes. mem0's embedder is replaced by the one in this process, which suits it.
- **embedder of 100 ms**, at the largest size: over HTTP as well, and both ask an endpoint for their embeddings, as
  nearly everybody does, mem0 with its own class. It answers after a tenth of a second, as a hosted model may. mem0 asks
  it in each call, so that the ratio cannot be far from 3, and is 1 for who makes the calls side by side: no aim.
- **without a server**, at the smaller sizes: mem0 as it comes, beside the context over Edge. Its store is then the
  Qdrant client's own, which looks at every memory for every question.

Like is held against like in each way, with the aim. Context over Edge beside mem0 over HTTP is shown without one: it is
what changes for somebody who leaves mem0 with a server for the embedded stack. What is had for it differs: three
calls make three dense searches; a context goes to another process over a queue, searches by words too, ranks, and fills
a budget.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from afterword.workers.models.embedders.hashing import HashingEmbedder
from afterword.workers.models.embedders.port import Embedder, EmbedderIdentity
from afterword.workers.stores.vectors.edge import EdgeStore
from ops.bench import asking, embeddings, mem0_search
from ops.bench.asking import AGENT, SESSION, asked, contexts, timed
from ops.bench.filling import MEM0S, OURS, TENANT, Filling, user_with
from ops.bench.findings import Comparison, Findings, Row, latency
from ops.bench.processes import Process
from ops.bench.qdrant import serving
from ops.bench.servers import Place, Servers

AIM_SPREAD = 3.0
AIM_TIMES_FASTER = 3.0
AIM_SIDE_BY_SIDE = 0.7
AIM_GROWTH = 1.5

EMBEDDING = 0.1  # seconds

EDGE = "over Edge"
HTTP = "over HTTP"
HOSTED = "embedder of 100 ms"
ALONE = "without a server"


@dataclass(frozen=True, slots=True)
class Size:
    """The memories in the store, step by step; at which of the steps a server is asked, by the way, and at which mem0
    without one; the user's own; the questions asked, the few asked of what is slow, and those asked side by side."""

    stores: tuple[int, ...]
    served: Mapping[str, tuple[int, ...]]
    alone: tuple[int, ...]
    owns: tuple[int, ...]
    questions: int
    few: int
    side_by_side: int


FULL = Size(
    stores=(1_000, 10_000, 100_000),
    served={HTTP: (1_000, 100_000), HOSTED: (100_000,)},
    alone=(1_000, 10_000),
    owns=(100, 1_000),
    questions=400,
    few=40,
    side_by_side=3_000,
)
QUICK = Size(
    stores=(110, 610),
    served={HTTP: (610,), HOSTED: (610,)},
    alone=(110,),
    owns=(10,),
    questions=2,
    few=1,
    side_by_side=4,
)


@dataclass(frozen=True, slots=True)
class Measured:
    """Of each user asked for, by how many memories they have: the same questions as a context, and as three calls."""

    context: Mapping[int, Row]
    searches: Mapping[int, Row]

    @property
    def rows(self) -> list[Row]:
        return [*self.context.values(), *self.searches.values()]

    def times_faster(self, own: int) -> float:
        """How often a context would fit into the three calls."""
        return self.searches[own].figures["p50"] / self.context[own].figures["p50"]


Ways = Mapping[str, Mapping[int, Measured]]
"""What was measured, by the way and by how many memories there were."""


def measure(place: Place, quick: bool) -> Findings:
    """The store grows from step to step; the users who are asked for stay as they are."""
    size = QUICK if quick else FULL
    rows = list[Row]()
    ways: dict[str, dict[int, Measured]] = {way: {} for way in (EDGE, *size.served, ALONE)}
    with place.servers() as servers:
        filling = Filling(servers.folder, size.owns)
        for total in size.stores:
            filling.up_to(total)
            ways[EDGE][total], alongside = _over_edge(servers, filling, total, size)
            rows += [*ways[EDGE][total].rows, *alongside]
            for way in (each for each, totals in size.served.items() if total in totals):
                ways[way][total], spent = _served(servers, filling, way, total, size)
                rows += [*ways[way][total].rows, *spent]
            if total in size.alone:
                searches = _alone(servers.folder / f"alone-{total}", filling, total, size)
                ways[ALONE][total] = Measured(ways[EDGE][total].context, searches)
                rows += searches.values()
    rate = alongside[0].figures["rate"]
    return Findings(rows, [*_aims(size, ways[EDGE], rate), *beside_mem0(size, ways)])


def _aims(size: Size, edge: Mapping[int, Measured], rate: float) -> Iterator[Comparison]:
    largest, smallest = size.stores[-1], size.stores[0]
    for own in size.owns:
        taken = edge[largest].context[own].figures
        yield Comparison(f"{_name(largest, own)}: p95 / p50", taken["p95"] / taken["p50"], "times", AIM_SPREAD)
        growth = taken["p50"] / edge[smallest].context[own].figures["p50"]
        yield Comparison(f"{own:,} of the user: growth from {smallest:,} to {largest:,}", growth, "times", AIM_GROWTH)
    one_by_one = 1000 / edge[largest].context[size.owns[-1]].figures["p50"]
    name = f"{largest:,} memories: requests a second, side by side / one after the other"
    yield Comparison(name, rate / one_by_one, "times", AIM_SIDE_BY_SIDE, at_most=False)


def beside_mem0(size: Size, ways: Ways) -> Iterator[Comparison]:
    """Like with like in each way, and context over Edge with mem0 in the ways that have a server."""
    for total, own in product(size.stores, size.owns):
        for way, measured in ways.items():
            if total in measured:
                name = f"{_name(total, own)}: three Memory.search / context, {way}, p50"
                times = measured[total].times_faster(own)
                yield Comparison(name, times, "times", None if way == HOSTED else AIM_TIMES_FASTER, at_most=False)
        if total in ways.get(HTTP, {}):
            name = f"{_name(total, own)}: three Memory.search over HTTP / context over Edge, p50"
            times = Measured(ways[EDGE][total].context, ways[HTTP][total].searches).times_faster(own)
            yield Comparison(name, times, "times")


def _name(total: int, own: int) -> str:
    return f"{total:,} memories, {own:,} of the user"


def _over_edge(servers: Servers, filling: Filling, total: int, size: Size) -> tuple[Measured, list[Row]]:
    """And what the worker does when it is asked by several."""
    context, searches = dict[int, Row](), dict[int, Row]()
    with servers.worker("context", store=OURS) as worker:
        for own in size.owns:
            context[own] = latency(
                _name(total, own), contexts(servers.redis_url, user_with(own), total + own, size.questions)
            )
        alongside = _side_by_side(servers, worker, total, size)
    store = EdgeStore(filling.ours)
    store.open()
    with closing(store):
        for own in size.owns:
            search = mem0_search.injected(store, HashingEmbedder(), TENANT, user_with(own), AGENT, SESSION)
            name = f"{_name(total, own)}: three Memory.search"
            searches[own] = latency(name, timed(search, total + own, size.questions))
    return Measured(context, searches), alongside


def _side_by_side(servers: Servers, worker: Process, total: int, size: Size) -> list[Row]:
    name, count = f"{total:,} memories: side by side", size.side_by_side
    spent = _ProcessorTime(each=worker.cpu_seconds)
    rate = asyncio.run(asking.rate(servers.redis_url, user_with(size.owns[-1]), total, count))
    cpu = spent.row(f"{name}, the worker's processor time", count)
    return [Row(name, count, {"rate": rate}, "requests/s"), cpu]


@dataclass(frozen=True, slots=True)
class _Questions:
    """How questions are embedded where a server is asked: what our collection is built with, the settings of a worker,
    and what mem0 is given."""

    identity: EmbedderIdentity
    settings: Mapping[str, str]
    of_mem0: Embedder | str


@contextmanager
def _embedding(servers: Servers, way: str) -> Iterator[_Questions]:
    if way == HTTP:
        yield _Questions(HashingEmbedder().identity, {}, HashingEmbedder())
        return
    with servers.embeddings(EMBEDDING) as url:
        identity = EmbedderIdentity("openai", embeddings.MODEL, mem0_search.DIMENSIONS)
        model = {"embedder_model": identity.model, "embedder_dimensions": str(identity.dimensions)}
        endpoint = {"embedder": identity.provider, "embedder_base_url": url, "embedder_api_key": "none"}
        yield _Questions(identity, {**endpoint, **model}, url)


def _served(servers: Servers, filling: Filling, way: str, total: int, size: Size) -> tuple[Measured, list[Row]]:
    """And the processor time of each request, by who spends it."""
    context, searches, spent = dict[int, Row](), dict[int, Row](), list[Row]()
    count = size.few if way == HOSTED else size.questions
    folder = servers.folder / f"qdrant-{total}-{way.replace(' ', '-')}"
    with _embedding(servers, way) as embedding:
        filling.serve_from(folder, embedding.identity)
        with serving(folder) as server:
            settings = {"edge_path": "", "qdrant_url": server.url, **embedding.settings}
            with servers.worker("context", store=OURS, **settings) as worker:
                for own in size.owns:
                    name = f"{_name(total, own)}, {way}"
                    clocks = _ProcessorTime(worker=worker.cpu_seconds, server=server.process.cpu_seconds)
                    context[own] = latency(name, contexts(servers.redis_url, user_with(own), total + own, count))
                    spent.append(clocks.row(f"{name}: processor time", asked(count)))
            for own in size.owns:
                name = f"{_name(total, own)}: three Memory.search {way}"
                with mem0_search.over_http(
                    server.url, MEM0S, embedding.of_mem0, user_with(own), AGENT, SESSION
                ) as search:
                    clocks = _ProcessorTime(caller=time.process_time, server=server.process.cpu_seconds)
                    searches[own] = latency(name, timed(search, total + own, count))
                    spent.append(clocks.row(f"{name}: processor time", asked(count)))
    return Measured(context, searches), spent


def _alone(folder: Path, filling: Filling, total: int, size: Size) -> dict[int, Row]:
    found = dict[int, Row]()
    with mem0_search.without_server(folder, filling.as_mem0_writes(), HashingEmbedder()) as of:
        for own in size.owns:
            name = f"{_name(total, own)}: three Memory.search {ALONE}"
            found[own] = latency(name, timed(of(user_with(own), AGENT, SESSION), total + own, size.few))
    return found


class _ProcessorTime:
    """The seconds by which some clocks go on from now."""

    def __init__(self, **clocks: Callable[[], float]) -> None:
        self._clocks = clocks
        self._begun = {name: clock() for name, clock in clocks.items()}

    def row(self, name: str, count: int) -> Row:
        """For each of so many requests."""
        figures = {title: 1000 * (clock() - self._begun[title]) / count for title, clock in self._clocks.items()}
        return Row(name, count, figures, "ms")
