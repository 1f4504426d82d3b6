"""How many conversations one ingest process takes in, excerpts included, from a backlog: beside bare writes of them."""

from __future__ import annotations

from sqlalchemy import func, select

from afterword.producers import MemoryClient
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.ledger.ingest.conversations import conversations
from ops.bench import bare_writes
from ops.bench.findings import Comparison, Findings, Row
from ops.bench.samples import Samples
from ops.bench.servers import Place

AIM_SHARE = 0.4
_USERS = 200


def measure(place: Place, quick: bool) -> Findings:
    """Publish all of them, then start the worker; nothing is extracted meanwhile."""
    count = 20 if quick else 2_000
    with place.servers() as servers:
        with MemoryClient(servers.redis_url) as client:
            client.publish_many(Samples().conversations(count, users=_USERS))
        with servers.worker("ingest", store="memories", extract_after="3600", extract_within="3600") as worker:
            begun = worker.cpu_seconds()
            recorded = sum(servers.statuses().values())
            servers.wait_for_status("stored", count)
            cpu = (worker.cpu_seconds() - begun) / max(count - recorded, 1)
        rate = (count - 1) / _seconds(servers.database)
        few = Samples(seed=2).conversations(count // 4, users=_USERS)
        bare = bare_writes.rate(few, servers.database, servers.folder / "bare")
    return Findings(
        [
            Row("ingest, six turns, one process, eight threads", count, {"rate": rate}, "conversations/s"),
            Row("bare writes, one thread", count // 4, {"rate": bare}, "conversations/s"),
            Row("processor time of the worker", count - recorded, {"each": 1000 * cpu}, "ms a conversation"),
        ],
        [Comparison("ingest of one process / bare writes", rate / bare, "times", AIM_SHARE, at_most=False)],
    )


def _seconds(database: Database) -> float:
    """From the first record to the last excerpts, by PostgreSQL's clock."""
    span = func.max(conversations.c.excerpts_at) - func.min(conversations.c.received_at)
    with database.transaction() as connection:
        return float(connection.execute(select(func.extract("epoch", span))).scalar_one())
