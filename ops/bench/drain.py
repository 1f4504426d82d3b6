"""How many conversations one extraction process gets through, with an LLM that takes a second."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import func, select

from afterword.producers import MemoryClient
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.ingest.conversations import conversations
from ops.bench.findings import Comparison, Findings, Row
from ops.bench.samples import Samples
from ops.bench.servers import Servers, started

AIM_PER_SECOND = 45.0
THREADS = 64
LLM_SECONDS = 1.0


def measure(folder: Path, quick: bool) -> Findings:
    """A backlog of subjects with a conversation each: every one is an extraction of its own."""
    count = THREADS if quick else 20 * THREADS
    with started(folder) as servers:
        _fill(servers, count)
        with servers.llm(LLM_SECONDS) as llm:
            at_once = {"threads": str(THREADS), "extract_after": "0", "llm_base_url": llm.url}
            with servers.worker("extraction", store="memories", **at_once) as worker:
                before, llm_before = worker.cpu_seconds(), llm.process.cpu_seconds()
                servers.wait_for_status("done", count)
                cpu = worker.cpu_seconds() - before
                llm_cpu = llm.process.cpu_seconds() - llm_before
        seconds = _seconds(servers.database)
    return Findings(
        [
            Row(f"extraction, {THREADS} threads, LLM of 1 s", count, {"rate": count / seconds}, "conversations/s"),
            Row("processor time of the worker", count, {"each": 1000 * cpu / count}, "ms a conversation"),
            Row("processor time of the LLM's stand-in", count, {"each": 1000 * llm_cpu / count}, "ms a conversation"),
        ],
        [
            Comparison("drain of one process", count / seconds, "conversations/s", AIM_PER_SECOND, at_most=False),
            Comparison("its share of what 64 threads could do", count / seconds / THREADS * LLM_SECONDS, "of 1"),
        ],
    )


def _fill(servers: Servers, count: int) -> None:
    with MemoryClient(servers.redis_url) as client:
        client.publish_many(Samples().conversations(count, users=count))
    with servers.worker("ingest", store="memories", extract_after="0"):
        servers.wait_for_status("stored", count)


def _seconds(database: Database) -> float:
    """From the first call to the last conversation that was done, by PostgreSQL's clock."""
    span = func.max(conversations.c.finished_at) - func.min(conversations.c.finished_at)
    query = select(func.extract("epoch", span)).where(conversations.c.status == "done")
    with database.transaction() as connection:
        return float(connection.execute(query).scalar_one()) + LLM_SECONDS
