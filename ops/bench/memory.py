"""Whether the memory of workers stays the same over many conversations, and its peak over the largest ones.

The vector store is in a process of its own, as in production: what it grows by is not the workers'. In the first
third the workers fill their caches, which are small here; the last third is compared with the one before. The peak is
that of an ingest worker whose every thread has a conversation as large as an event may be, with vectors of 1,536
dimensions, at default settings but for the time that it waits for the embedder; and that of a commands worker which is
given 32 MB of notes at a time, each as long as one may be, and then lists them. Compose's limits come from both.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from statistics import median
from typing import Any

import redis

from afterword.producers import AsyncMemoryClient, ClientSettings, MemoryClient
from afterword.schemas.wire import Queue, messages_key
from ops.bench.findings import Comparison, Findings, Row
from ops.bench.processes import Process
from ops.bench.qdrant import serving
from ops.bench.samples import Samples
from ops.bench.servers import Place, Servers

AIM_GROWTH = 1.05
COMPOSE_LIMIT = 288
"""MiB that docker-compose.yml gives an ingest worker, and a commands worker."""

_DIMENSIONS = 1_536
_LARGE_BYTES = 1_000_000
_NOTE_CHARACTERS = 64 * 1024
_OWNERS = 20
_LISTINGS = 8
_USERS = 100
_TURNS = 2
_PUBLISHED_AT_ONCE = 2_000
_CACHED = 500
_PAUSE = 0.2
_MIB = 2**20

Sample = tuple[int, Sequence[float]]
"""How many conversations were done, and the resident memory of each worker in MiB."""


def measure(place: Place, quick: bool) -> Findings:
    """Ingest and extraction at work on the same conversations, both from beginning to end."""
    count, debounce = (30, "0") if quick else (20_000, "2")
    with ExitStack() as stack:
        servers = stack.enter_context(place.servers())
        shared = {
            "edge_path": "",
            "qdrant_url": stack.enter_context(serving(servers.folder / "qdrant")).url,
            "llm_base_url": stack.enter_context(servers.llm(0)).url,
            "extract_after": debounce,
            "embedder_cache": str(_CACHED),
        }
        roles = ("ingest", "extraction", "scheduler")
        workers = [stack.enter_context(servers.worker(role, store=role, **shared)) for role in roles]
        begun = time.monotonic()
        samples = list(_sampled(servers, workers[:2], count))
        rate = count / (time.monotonic() - begun)
        rows_of_peak = _peak(servers, shared["qdrant_url"], conversations=1 if quick else 8)
        of_notes = _peak_of_notes(servers, shared["qdrant_url"], notes=4 if quick else 500)
    found = [
        _found(role, count, [(done, sizes[place]) for done, sizes in samples]) for place, role in enumerate(roles[:2])
    ]
    rows = [row for each in found for row in each.rows]
    peak = rows_of_peak.figures["peak"]
    return Findings(
        [*rows, Row("both at work", count, {"rate": rate}, "conversations/s"), rows_of_peak, of_notes],
        [
            *(each.comparisons[0] for each in found),
            Comparison("ingest: peak / limit of Compose", peak / COMPOSE_LIMIT, "of 1", 1.0),
            Comparison("commands: peak / limit of Compose", of_notes.figures["peak"] / COMPOSE_LIMIT, "of 1", 1.0),
        ],
    )


def _peak(servers: Servers, qdrant_url: str, *, conversations: int) -> Row:
    """The most memory of a fresh ingest worker that takes in large conversations side by side."""
    sizes = list[float]()
    with ExitStack() as stack:
        client = stack.enter_context(MemoryClient(servers.redis_url))
        queue = stack.enter_context(redis.Redis.from_url(servers.redis_url))
        client.publish_many(_large(conversations))
        client.flush(60)
        settings = _large_vectors(qdrant_url, stack.enter_context(servers.embeddings(0)))
        worker = stack.enter_context(servers.worker("ingest", store="large", ingest_embedding="120", **settings))
        begun = worker.resident_bytes() / _MIB
        while queue.hlen(messages_key(Queue.CONVERSATIONS)):
            sizes.append(worker.resident_bytes() / _MIB)
            time.sleep(_PAUSE / 4)
    figures = {"before": begun, "peak": max(sizes, default=begun)}
    return Row(f"ingest worker, {conversations} of 1 MB", conversations, figures, "MiB")


def _peak_of_notes(servers: Servers, qdrant_url: str, *, notes: int) -> Row:
    """The most memory of a fresh commands worker that is given notes side by side, and then lists them side by side."""
    sizes = list[float]()
    with ExitStack() as stack:
        settings = _large_vectors(qdrant_url, stack.enter_context(servers.embeddings(0)))
        worker = stack.enter_context(servers.worker("commands", store="large", **settings))
        begun = worker.resident_bytes() / _MIB
        done = threading.Event()
        sampled = threading.Thread(target=_sample, args=(worker, sizes, done), daemon=True)
        sampled.start()
        try:
            asyncio.run(_add_and_list(servers.redis_url, notes))
        finally:
            done.set()
            sampled.join()
    figures = {"before": begun, "peak": max(sizes, default=begun)}
    return Row(f"commands worker, {notes} notes of 64 KiB", notes, figures, "MiB")


def _sample(worker: Process, sizes: list[float], done: threading.Event) -> None:
    while not done.wait(_PAUSE / 4):
        sizes.append(worker.resident_bytes() / _MIB)


async def _add_and_list(redis_url: str, notes: int) -> None:
    samples = Samples(seed=4)
    async with AsyncMemoryClient(redis_url, settings=ClientSettings(on_unavailable="raise")) as client:
        texts = [f"{number} {samples.sentence(12_000)}"[:_NOTE_CHARACTERS] for number in range(notes)]
        owners = [f"notes-{number % _OWNERS}" for number in range(notes)]
        added = (
            client.memories.add(text, user_id=owner, timeout=300) for text, owner in zip(texts, owners, strict=True)
        )
        await asyncio.gather(*added)
        listed = (client.memories.list(user_id=owners[0], limit=1_000, timeout=60) for _ in range(_LISTINGS))
        await asyncio.gather(*listed)


def _large_vectors(qdrant_url: str, embedder_url: str) -> dict[str, str]:
    return {
        "edge_path": "",
        "qdrant_url": qdrant_url,
        "collection": "large",
        "embedder": "openai",
        "embedder_base_url": embedder_url,
        "embedder_dimensions": str(_DIMENSIONS),
        "embedder_timeout": "120",
    }


def _large(count: int) -> Iterator[Mapping[str, Any]]:
    samples = Samples(seed=3)
    for number in range(count):
        sentence = samples.sentence(200)
        turn = " ".join([sentence] * 8)
        said = [{"role": "user", "content": f"{number} {place} {turn}"} for place in range(_LARGE_BYTES // len(turn))]
        yield {"user_id": f"large-{number}", "session_id": f"large-{number}", "messages": said}


def _sampled(servers: Servers, workers: Sequence[Process], count: int) -> Iterator[Sample]:
    """Publish as the workers keep up, until all is done."""
    events = _events(count)
    published = settled = 0
    with MemoryClient(servers.redis_url) as client:
        while settled < count:
            if published - settled < _PUBLISHED_AT_ONCE:
                published += len(client.publish_many(list(islice(events, _PUBLISHED_AT_ONCE))))
            time.sleep(_PAUSE)
            settled = servers.statuses().get("done", 0)
            yield settled, [worker.resident_bytes() / _MIB for worker in workers]


def _events(count: int) -> Iterator[Mapping[str, Any]]:
    for event in Samples().conversations(count, users=_USERS):
        yield {**event, "messages": event["messages"][:_TURNS]}


def _found(role: str, count: int, samples: Sequence[tuple[int, float]]) -> Findings:
    first, second, last = (median(third) for third in thirds(samples, count))
    row = Row(f"memory of the {role} worker, by thirds", count, {"1": first, "2": second, "3": last}, "MiB")
    return Findings([row], [Comparison(f"{role}: last third / the one before", last / second, "times", AIM_GROWTH)])


def thirds(samples: Sequence[tuple[int, float]], count: int) -> list[list[float]]:
    """The sizes measured while each third of `count` was done; where a third was too quick, the next one."""
    parts: list[list[float]] = []
    for number in range(3):
        begin, end = count * number / 3, count * (number + 1) / 3
        within = [size for done, size in samples if begin < done <= end]
        parts.append(within or [next(size for done, size in samples if done > begin)])
    return parts
