"""How many conversations one extraction process gets through, beside as many threads that only ask the LLM.

With that many threads the processor decides, so the aim is held against the processor time of the bare call.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from time import perf_counter, process_time

from sqlalchemy import func, select

from afterword.producers import MemoryClient
from afterword.workers.models.llms.openai import OpenAILlm
from afterword.workers.models.llms.port import Prompt
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.ingest.conversations import conversations
from ops.bench.findings import Comparison, Findings, Row
from ops.bench.samples import Samples
from ops.bench.servers import Place, Servers

AIM_TIMES = 9.0
_PROMPT: Prompt = {"role": "user", "content": "one of the words of a prompt " * 300}  # as long as those of extraction
_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Size:
    """The threads of the worker, how long the LLM takes for each call, and how often each thread calls it."""

    threads: int
    llm_seconds: float
    rounds: int

    @property
    def conversations(self) -> int:
        return self.threads * self.rounds


FULL = Size(threads=64, llm_seconds=1.0, rounds=20)
QUICK = Size(threads=4, llm_seconds=0.05, rounds=2)


def measure(place: Place, quick: bool) -> Findings:
    """A backlog of subjects with a conversation each: every one is an extraction of its own."""
    size = QUICK if quick else FULL
    count = size.conversations
    with place.servers() as servers:
        _fill(servers, count)
        with servers.llm(size.llm_seconds) as llm:
            at_once = {"threads": str(size.threads), "extract_after": "0", "llm_base_url": llm.url}
            with servers.worker("extraction", store="memories", **at_once) as worker:
                before, llm_before = worker.cpu_seconds(), llm.process.cpu_seconds()
                servers.wait_for_status("done", count)
                cpu = worker.cpu_seconds() - before
                llm_cpu = llm.process.cpu_seconds() - llm_before
            asked, asked_cpu = _asked(llm.url, size)
        rate = count / (_seconds(servers.database) + size.llm_seconds)
    threads = f"{size.threads} threads, an LLM of {size.llm_seconds:g} s"
    return Findings(
        [
            Row(f"extraction, {threads}", count, {"rate": rate}, "conversations/s"),
            Row(f"only asking, {threads}", count, {"rate": asked}, "calls/s"),
            Row("processor time of the worker", count, {"each": 1000 * cpu / count}, "ms a conversation"),
            Row("processor time of only asking", count, {"each": 1000 * asked_cpu}, "ms a call"),
            Row("processor time of the LLM's stand-in", count, {"each": 1000 * llm_cpu / count}, "ms a conversation"),
        ],
        [
            Comparison(
                "processor time of a conversation / of only asking", cpu / count / asked_cpu, "times", AIM_TIMES
            ),
            Comparison("drain of one process / only asking", rate / asked, "times"),
            Comparison("its share of what the threads could do", rate * size.llm_seconds / size.threads, "of 1"),
        ],
    )


def _asked(url: str, size: Size) -> tuple[float, float]:
    """Calls a second of threads that do nothing else, with the client that extraction has, and processor seconds of
    each.
    """
    llm = OpenAILlm("bench", base_url=url, timeout=_TIMEOUT)
    with ThreadPoolExecutor(size.threads) as pool:
        list(pool.map(llm.complete_json, repeat([_PROMPT], size.threads)))
        begun, spent = perf_counter(), process_time()
        list(pool.map(llm.complete_json, repeat([_PROMPT], size.conversations)))
    return size.conversations / (perf_counter() - begun), (process_time() - spent) / size.conversations


def _fill(servers: Servers, count: int) -> None:
    with MemoryClient(servers.redis_url) as client:
        client.publish_many(Samples().conversations(count, users=count))
    with servers.worker("ingest", store="memories", extract_after="0"):
        servers.wait_for_status("stored", count)


def _seconds(database: Database) -> float:
    """From the first conversation that was done to the last, by PostgreSQL's clock."""
    span = func.max(conversations.c.finished_at) - func.min(conversations.c.finished_at)
    query = select(func.extract("epoch", span)).where(conversations.c.status == "done")
    with database.transaction() as connection:
        return float(connection.execute(query).scalar_one())
