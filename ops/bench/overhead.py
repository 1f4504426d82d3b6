"""The cost of measuring: ingest and context with instruments and telemetry, and without, in turn.

Both are one process at a time, so that neither takes work from the other. Processor time is told beside the rates: on a
machine with other work to do it varies less.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count

from sqlalchemy import text

from afterword.producers import ClientSettings, MemoryClient
from ops.bench.findings import Comparison, Findings, Row, quantile
from ops.bench.processes import Process, module
from ops.bench.samples import Samples
from ops.bench.servers import Place, Servers

AIM = 0.05
_USERS = 200
_ASKERS = 4
_INGEST = {"extract_after": "3600", "extract_within": "3600"}


@dataclass(frozen=True, slots=True)
class Size:
    """`rounds` of both, each with so many conversations and so many questions."""

    rounds: int
    conversations: int
    questions: int


FULL = Size(rounds=7, conversations=600, questions=1_500)
QUICK = Size(rounds=1, conversations=8, questions=8)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one round: how many a second, and processor seconds of the worker for each."""

    rate: float
    cpu: float


Measure = Callable[["Bench", bool], Cost]


class Bench:
    """Servers, and conversations that were never published before."""

    def __init__(self, servers: Servers, size: Size) -> None:
        self.servers = servers
        self.size = size
        self._seeds = count(1)
        self._published = 0

    def publish(self) -> int:
        """Conversations for one round; how many there have been in all."""
        samples = Samples(next(self._seeds))
        events = list(samples.conversations(self.size.conversations, users=_USERS))
        for number, event in enumerate(events):
            event["session_id"] = f"session-{self._published + number}"
        with MemoryClient(self.servers.redis_url) as client:
            client.publish_many(events)
        self._published += len(events)
        return self._published

    @contextmanager
    def worker(self, role: str, measured: bool, **settings: str) -> Iterator[Process]:
        """The worker itself, or one that measures nothing."""
        program = None if measured else module("bare_worker")
        with self.servers.worker(role, store="memories", program=program, **settings) as process:
            yield process


def measure(place: Place, quick: bool) -> Findings:
    """Interleaved, each first in every other round; compared by medians."""
    size = QUICK if quick else FULL
    rows, comparisons = [], []
    with place.servers() as servers:
        bench = Bench(servers, size)
        for name, measured in {"ingest": _ingest, "context": _context}.items():
            costs = _in_turn(bench, measured, size.rounds)
            rows += [_row(name, costs[True], "measured"), _row(name, costs[False], "not measured")]
            comparisons += _compared(name, costs)
    return Findings(rows, comparisons)


def _in_turn(bench: Bench, measured: Measure, rounds: int) -> Mapping[bool, list[Cost]]:
    costs: dict[bool, list[Cost]] = {True: [], False: []}
    for number in range(rounds):
        for on in (True, False) if number % 2 else (False, True):
            costs[on].append(measured(bench, on))
    return costs


def _ingest(bench: Bench, on: bool) -> Cost:
    """A backlog, from the first record to the last excerpts by PostgreSQL's clock."""
    published = bench.publish()
    begun_at = _now(bench.servers)
    with bench.worker("ingest", on, **_INGEST) as worker:
        before, recorded = worker.cpu_seconds(), sum(bench.servers.statuses().values())
        bench.servers.wait_for_status("stored", published)
        cpu = worker.cpu_seconds_since(before) / max(published - recorded, 1)
    return Cost((bench.size.conversations - 1) / _span(bench.servers, begun_at), cpu)


def _context(bench: Bench, on: bool) -> Cost:
    """Several askers, each of which asks again as soon as it has its answer."""
    with ExitStack() as stack:
        if on:
            stack.enter_context(bench.servers.worker("telemetry", store="of the telemetry worker"))
        worker = stack.enter_context(bench.worker("context", on))
        _ask(bench, bench.size.questions // 10)
        before, begun = worker.cpu_seconds(), time.perf_counter()
        asked = _ask(bench, bench.size.questions)
        seconds, cpu = time.perf_counter() - begun, worker.cpu_seconds_since(before)
    return Cost(asked / seconds, cpu / asked)


def _ask(bench: Bench, questions: int) -> int:
    each = max(questions // _ASKERS, 1)

    def ask(seed: int) -> None:
        samples = Samples(seed)
        for number in range(each):
            client.context(f"user-{(seed + number) % _USERS}", query=samples.sentence(12), timeout=10)

    with MemoryClient(bench.servers.redis_url, settings=ClientSettings(on_unavailable="raise")) as client:
        askers = [threading.Thread(target=ask, args=(seed,)) for seed in range(_ASKERS)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
    return each * _ASKERS


def _now(servers: Servers) -> object:
    with servers.database.transaction() as connection:
        return connection.execute(text("SELECT clock_timestamp()")).scalar_one()


def _span(servers: Servers, since: object) -> float:
    found = text(
        "SELECT extract(epoch FROM max(excerpts_at) - min(received_at)) FROM conversations WHERE received_at >= :since"
    )
    with servers.database.transaction() as connection:
        return float(connection.execute(found, {"since": since}).scalar_one())


def _row(name: str, costs: list[Cost], how: str) -> Row:
    figures = {
        "rate": quantile([cost.rate for cost in costs], 0.5),
        "cpu": 1000 * quantile([cost.cpu for cost in costs], 0.5),
    }
    return Row(f"{name}, {how}", len(costs), figures, "a second, ms of processor time each")


def _compared(name: str, costs: Mapping[bool, list[Cost]]) -> list[Comparison]:
    """Shares of what is had without measuring."""
    rate = {on: quantile([cost.rate for cost in each], 0.5) for on, each in costs.items()}
    cpu = {on: quantile([cost.cpu for cost in each], 0.5) for on, each in costs.items()}
    return [
        Comparison(f"{name}: throughput that measuring costs", 1 - _share(rate[True], rate[False]), "of 1", AIM),
        Comparison(f"{name}: processor time that it costs", _share(cpu[True], cpu[False]) - 1, "of 1"),
    ]


def _share(part: float, whole: float) -> float:
    # A process's processor time is told in hundredths of a second: a quick run may take none.
    return part / whole if whole else 1.0
