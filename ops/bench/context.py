"""The time that a context request takes besides embedding and search, beside a bare loop over reply lists.

The time that the worker reports for embedding and search is not counted; ranking, rendering and every encoding are.
The bare loop works as long before it answers, which is not counted either: the longer Redis and the asker sleep, the
longer a machine takes to wake them. The rest of the ratio is Python that finds cold caches after a pause: to check a
question takes 13 µs in a loop, and 240 µs then.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import cycle

import redis

from afterword.producers import ClientSettings, MemoryClient
from ops.bench import echo
from ops.bench.findings import Comparison, Findings, Row, latency
from ops.bench.processes import module, running
from ops.bench.samples import Samples
from ops.bench.sampling import back_to_back, idle
from ops.bench.servers import Place, Servers

AIM_BACK_TO_BACK = 6.0
AIM_IDLE = 2.5
LLM_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured; `pause` is from … to in seconds. There is a user for each conversation, so that each is an
    extraction of its own.
    """

    conversations: int
    back_to_back: int
    idle: int
    pause: tuple[float, float]


FULL = Size(conversations=3_000, back_to_back=1_000, idle=120, pause=(0.05, 0.3))
QUICK = Size(conversations=20, back_to_back=5, idle=1, pause=(0.0, 0.01))


class Ask:
    """Asks for context. `waited` holds the seconds of each call, `overhead` those less embedding and search, which
    took `worked` the last time.
    """

    def __init__(self, client: MemoryClient, users: int) -> None:
        samples = Samples(seed=2)
        self._client = client
        self._questions = cycle([(f"user-{number % users}", samples.sentence(12)) for number in range(2_000)])
        self.waited: list[float] = []
        self.overhead: list[float] = []
        self.worked = 0.0

    def __call__(self) -> None:
        user_id, query = next(self._questions)
        started = time.perf_counter()
        context = self._client.context(user_id, query=query, timeout=10)
        waited = time.perf_counter() - started
        self.worked = sum(context.timings_ms.get(step, 0.0) for step in ("embed", "search")) / 1000
        self.waited.append(waited)
        self.overhead.append(waited - self.worked)

    def forget(self) -> None:
        self.waited.clear()
        self.overhead.clear()


def measure(place: Place, quick: bool) -> Findings:
    """With nothing else to do, while extraction is busy in another process, and with memory switched off."""
    size = QUICK if quick else FULL
    with ExitStack() as stack:
        servers = stack.enter_context(place.servers())
        bare = stack.enter_context(redis.Redis.from_url(servers.redis_url, protocol=2))
        stack.enter_context(running(module("echo", servers.redis_url), servers.folder / "echo.log"))
        _fill(servers, size)
        with servers.worker("context", store="memories"):
            quiet = _both(servers, bare, size, "alone")
            with _busy_extraction(servers) as rows:
                busy = _both(servers, bare, size, "extraction busy")
        with servers.worker("context", store="memories", memory_enabled="false"):
            off = _both(servers, bare, size, "memory off")
    comparisons = [*quiet.comparisons, *(_without_aim(each) for each in (*busy.comparisons, *off.comparisons))]
    return Findings([*quiet.rows, *busy.rows, *rows, *off.rows], comparisons)


def _fill(servers: Servers, size: Size) -> None:
    """Excerpts to be found, and a backlog for extraction."""
    with MemoryClient(servers.redis_url) as client:
        client.publish_many(Samples().conversations(size.conversations, users=size.conversations))
    with servers.worker("ingest", store="memories", extract_after="0"):
        servers.wait_for_status("stored", size.conversations)


@contextmanager
def _busy_extraction(servers: Servers) -> Iterator[list[Row]]:
    """Extraction at work on the backlog, with an LLM that takes its time. The row that tells of it comes at the end."""
    rows = list[Row]()
    with servers.llm(LLM_SECONDS) as llm, servers.worker("extraction", store="facts", llm_base_url=llm.url):
        servers.wait_for_status("done", 1)
        before, begun = servers.statuses(), time.monotonic()
        yield rows
        after, ended = servers.statuses(), time.monotonic()
    done = after["done"] - before["done"]
    figures = {"rate": done / (ended - begun), "left": float(after.get("stored", 0))}
    rows.append(Row("extraction meanwhile", done, figures, "conversations/s, conversations"))


def _both(servers: Servers, bare: redis.Redis, size: Size, name: str) -> Findings:
    """Back to back, then idle."""
    settings = ClientSettings(on_unavailable="raise")
    with MemoryClient(servers.redis_url, settings=settings) as client:
        ask = Ask(client, size.conversations)
        probes = ask, echo.Loop(bare, lambda: ask.worked), echo.Loop(bare)
        back_to_back(probes, size.back_to_back)
        at_once = _found(*probes, f"{name}, back to back", AIM_BACK_TO_BACK)
        for probe in probes:
            probe.forget()
        idle(probes, size.idle, pause=size.pause)
        after_pauses = _found(*probes, f"{name}, idle", AIM_IDLE)
    return Findings([*at_once.rows, *after_pauses.rows], [*at_once.comparisons, *after_pauses.comparisons])


def _found(ask: Ask, working: echo.Loop, prompt: echo.Loop, name: str, aim: float) -> Findings:
    overhead = latency(f"{name}: without embedding and search", ask.overhead)
    as_long = latency(f"{name}: bare loop that works as long", working.seconds)
    at_once = latency(f"{name}: bare loop that answers at once", prompt.seconds)
    ours = overhead.figures["p50"]
    return Findings(
        [latency(f"{name}: context", ask.waited), overhead, as_long, at_once],
        [
            Comparison(f"{name}: overhead / bare loop that works as long", ours / as_long.figures["p50"], "times", aim),
            Comparison(f"{name}: overhead / bare loop", ours / at_once.figures["p50"], "times"),
        ],
    )


def _without_aim(comparison: Comparison) -> Comparison:
    return Comparison(comparison.name, comparison.measured, comparison.unit)
