"""Runs a load against what AFTERWORD_REDIS_URL names, and holds its figures beside those of the workers."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence

from afterword.producers import AsyncMemoryClient
from ops.bench.findings import QUANTILES
from ops.load import report
from ops.load.driving import Done, drive
from ops.load.measured import Measured
from ops.load.plan import Act, Load, planned
from ops.load.sources import NotMeasured, Prometheus, Source, Workers
from ops.load.verdict import Comparison, compare, replied

_OWN_METRICS = "http://127.0.0.1:9464/metrics"
_SETTLED_EVERY = 0.5


def main(arguments: Sequence[str] | None = None) -> int:
    """0: both sides agree. 1: they do not. 2: the workers' figures could not be read."""
    given = _options().parse_args(arguments)
    load = Load(given.rate, given.seconds, given.contexts, given.users, given.agents, given.sessions, given.seed)
    source: Source = Prometheus(given.prometheus) if given.prometheus else Workers(given.metrics or [_OWN_METRICS])
    try:
        return asyncio.run(run(load, source, timeout=given.timeout, settle=given.settle))
    except NotMeasured as error:
        print(f"not measured: {error}")
        return 2


async def run(load: Load, source: Source, *, timeout: float, settle: float) -> int:
    """Run it, wait up to `settle` seconds until what was sent is taken in, and print both sides."""
    async with AsyncMemoryClient.from_env() as client:
        idle = await asyncio.to_thread(source.read)
        await _warm_up(client, load)
        before, sent_before = await _settled(source, settle, idle, 1, 1), client.stats.sent
        began = time.monotonic()
        done = await drive(client, planned(load), timeout)
        seconds = time.monotonic() - began
        await client.flush()
        stats = client.stats
        sent = stats.sent - sent_before
        after = await _settled(source, settle, before, sent, len(replied(done)))
    print(report.shown(load, done, seconds, stats))
    comparisons = await asyncio.to_thread(_compare, source, done, sent, before, after)
    print(report.compared(comparisons), flush=True)
    return 0 if all(each.agrees for each in comparisons) else 1


def _compare(source: Source, done: Sequence[Done], sent: int, before: Measured, after: Measured) -> list[Comparison]:
    quantiles = {name: source.quantile(share, before, after) for name, share in QUANTILES.items()}
    return compare(done, sent, after.since(before), quantiles)


async def _warm_up(client: AsyncMemoryClient, load: Load) -> None:
    """One of each, so that connections, caches and series are there before anything is measured."""
    act = next(planned(Load(load.rate, 1e9, contexts=0.0, seed=load.seed + 1)))
    asked = Act(0.0, act.user_id, act.agent_id, act.session_id, query="what do you remember")
    await drive(client, [act, asked], timeout=10.0)
    await client.flush()


async def _settled(source: Source, settle: float, before: Measured, sent: int, answered: int) -> Measured:
    """The figures once the workers are through, or when `settle` seconds are over."""
    deadline = time.monotonic() + settle
    while True:
        now = await asyncio.to_thread(source.read)
        found = now.since(before)
        if (found.ingested >= sent and found.answered >= answered) or time.monotonic() > deadline:
            return now
        await asyncio.sleep(_SETTLED_EVERY)


def _options() -> argparse.ArgumentParser:
    load = Load()
    parser = argparse.ArgumentParser(prog="python -m ops.load", description=__doc__)
    parser.add_argument("--rate", type=float, default=load.rate, help="acts a second")
    parser.add_argument("--seconds", type=float, default=load.seconds, help="how long")
    parser.add_argument("--contexts", type=float, default=load.contexts, help="share of questions, 0 to 1")
    parser.add_argument("--users", type=int, default=load.users)
    parser.add_argument("--agents", type=int, default=load.agents)
    parser.add_argument("--sessions", type=int, default=load.sessions, help="of each user")
    parser.add_argument("--seed", type=int, default=load.seed)
    parser.add_argument("--timeout", type=float, default=2.0, help="seconds that a question is waited for")
    parser.add_argument("--settle", type=float, default=60.0, help="seconds to wait until all is taken in")
    parser.add_argument("--prometheus", metavar="URL", help="a Prometheus that scrapes the workers")
    parser.add_argument(
        "--metrics", metavar="URL", action="append", help=f"a worker's own; may be repeated; default {_OWN_METRICS}"
    )
    return parser
