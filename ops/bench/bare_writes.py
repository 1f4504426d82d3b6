"""The least that taking conversations in can cost: their turns into the vector store and one row each into PostgreSQL.

Straight from this process, one conversation after the other: no queue, nothing looked up, counted or audited.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import text

from afterword.schemas import Kind, Scope
from afterword.workers.models.embedders.hashing import HashingEmbedder
from afterword.workers.stores.ledger.database import Database
from afterword.workers.stores.vectors.edge import EdgeStore
from afterword.workers.stores.vectors.payload import StoredMemory, to_payload
from afterword.workers.stores.vectors.queries import Point

_TABLE = text("CREATE TABLE IF NOT EXISTS bare (id bigserial PRIMARY KEY, body jsonb NOT NULL)")
_ROW = text("INSERT INTO bare (body) VALUES (CAST(:body AS jsonb))")


def rate(conversations: Iterable[dict[str, Any]], database: Database, folder: Path) -> float:
    """Conversations written a second."""
    embedder, store = HashingEmbedder(), EdgeStore(folder)
    store.prepare(embedder.identity)
    with database.transaction() as connection:
        connection.execute(_TABLE)
    with closing(store):
        begun, count = time.perf_counter(), 0
        for fields in conversations:
            said = [message["content"] for message in fields["messages"]]
            with database.transaction() as connection:
                connection.execute(_ROW, {"body": json.dumps(said)})
            vectors = embedder.embed(said)
            points = [_point(fields["user_id"], each, vector) for each, vector in zip(said, vectors, strict=True)]
            store.insert(points)
            count += 1
        return count / (time.perf_counter() - begun)


def _point(user_id: str, said: str, vector: list[float]) -> Point:
    now = datetime.now(UTC)
    memory = StoredMemory(
        id=str(uuid4()),
        tenant_id="default",
        user_id=user_id,
        text=said,
        scope=Scope.USER,
        kind=Kind.EXCERPT,
        occurred_at=now,
        created_at=now,
    )
    return Point(memory.id, vector, to_payload(memory))
