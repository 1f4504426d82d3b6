"""One run: a story is published into a city under strikes; at the end sets are compared."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from afterword.producers import MemoryClient
from tests.chaos import verdict
from tests.chaos.city import City, opened
from tests.chaos.story import tell
from tests.chaos.strikes import strike

_HASTE = 1.5


@dataclass(frozen=True)
class Plan:
    """How much of everything. The publisher is paced to be busy while there are strikes, its own pauses included."""

    seed: int
    conversations: int
    seconds: float
    subjects: int = 200
    agents: int = 5
    leavers: int = 12
    patience: float = 240.0


@dataclass(frozen=True)
class Report:
    """The deeds of a run, and the problems at its end."""

    plan: Plan
    strikes: Counter[str]
    llm_faults: Counter[str]
    llm_calls: int
    statuses: dict[str, int]
    contexts: int
    erasures: int
    seconds: float
    problems: list[str]

    def __str__(self) -> str:
        numbered = [f"  {number:5d}  {name}" for name, number in sorted((self.strikes + self.llm_faults).items())]
        head = [
            f"seed {self.plan.seed}, {self.seconds:.0f} s, {self.strikes.total()} strikes",
            f"conversations: {', '.join(f'{number} {status}' for status, number in sorted(self.statuses.items()))}",
            f"LLM calls: {self.llm_calls}, {self.llm_faults.total()} of them failed",
            f"contexts asked for: {self.contexts}, users erased: {self.erasures}",
        ]
        tail = [f"PROBLEM: {problem}" for problem in self.problems] or ["chaos: ok"]
        return "\n".join([*head, *numbered, *tail])


def run(plan: Plan, folder: Path) -> Report:
    """Play a plan to its end, with logs in `folder`."""
    started = time.monotonic()
    size = {"conversations": plan.conversations, "subjects": plan.subjects, "agents": plan.agents}
    story = tell(plan.seed, **size, leavers=plan.leavers)
    rate = _HASTE * plan.conversations / plan.seconds
    with opened(folder, story, seed=plan.seed, rate=rate, leavers=plan.leavers) as city:
        strikes: Counter[str] = Counter()
        try:
            with _asking(city) as asked:
                city.publisher.start()
                strike(city, strikes, seed=plan.seed, seconds=plan.seconds)
                city.llm.calm = True
                verdict.wait_until_quiet(city, plan.patience)
            problems = verdict.problems(city, story)
        except AssertionError as error:
            problems = [str(error)]
        return _report(plan, city, strikes, len(asked), time.monotonic() - started, problems)


def _report(
    plan: Plan,
    city: City,
    strikes: Counter[str],
    contexts: int,
    seconds: float,
    problems: list[str],
) -> Report:
    statuses = verdict.statuses(city)
    ways = Counter({f"LLM: {way}": number for way, number in city.llm.ways.items()})
    erased = len(set(city.leavers.erasures))
    return Report(plan, strikes, ways, len(city.llm.calls), statuses, contexts, erased, seconds, problems)


@contextmanager
def _asking(city: City) -> Iterator[list[int]]:
    """An agent that asks for context all the while, which never raises; how many memories it got each time."""
    found: list[int] = []
    stopped = threading.Event()

    def ask() -> None:
        with MemoryClient(city.redis.url) as client:
            while not stopped.wait(0.3):
                context = client.context("user-001", agent_id="agent-1", query="What of the harbour?")
                found.append(len(context.memories))

    thread = threading.Thread(target=ask, name="asking")
    thread.start()
    try:
        yield found
    finally:
        stopped.set()
        thread.join()
