"""The workers' services over real servers, put together as a worker does, with places to listen in and to interfere."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import text

from afterword.schemas import ContextRequest, ConversationFinished
from afterword.schemas.context import Request
from afterword.workers.broker import MendedBroker
from afterword.workers.core.errors import EmbeddingFailed, EmbeddingRefused, VectorStoreUnavailable
from afterword.workers.models.embedders.hashing import HashingEmbedder
from afterword.workers.models.embedders.layers import TimedEmbedder
from afterword.workers.models.embedders.port import EmbedderIdentity, Vector
from afterword.workers.models.llms.port import Completion, Llm, Prompt
from afterword.workers.runtime.settings import Settings
from afterword.workers.runtime.wiring.house import House
from afterword.workers.services.extraction.extraction import Extraction
from afterword.workers.services.extraction.lease import LeaseKeeper
from afterword.workers.services.ingest.ingest import Ingest
from afterword.workers.services.ingest.recorder import Outcome
from afterword.workers.services.recall.steps import Steps
from afterword.workers.stores.ledger import audit
from afterword.workers.stores.vectors.edge import EdgeStore
from afterword.workers.stores.vectors.payload import StoredMemory, from_payload
from afterword.workers.stores.vectors.queries import Filter, Hit, Match, Point, Search
from afterword.workers.stores.vectors.timed import TimedStore

REPLY_TO = "afterword:reply:test"
NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


class Crash(BaseException):
    """The process ends here: nothing catches this but the test."""


def crash() -> None:
    raise Crash


def store_down() -> None:
    raise VectorStoreUnavailable("Qdrant: connection refused")


def event(*said: str, user: str = "ann", **more: Any) -> ConversationFinished:
    """A conversation in which the user says these things."""
    messages = [{"role": "user", "content": each} for each in said]
    return ConversationFinished.parse(
        {"user_id": user, "messages": messages, "occurred_at": NOON.isoformat(), **json_safe(more)}
    )


def json_safe(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def question(query: str | None, user: str = "ann", **more: Any) -> ContextRequest:
    return ContextRequest(user_id=user, query=query, reply_to=REPLY_TO, **more)


class WatchedStore(EdgeStore):
    """The real store. It notes each call, and runs what a test hangs before or after one."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.calls: list[str] = []
        self.before: dict[str, Callable[[], None]] = {}
        self.after: dict[str, Callable[[], None]] = {}
        self.keep_first = False

    def down(self) -> None:
        """Refuse everything that services ask."""
        self.before = dict.fromkeys(("insert", "search", "get", "page", "delete_where", "scan"), store_down)

    def up(self) -> None:
        self.before, self.after, self.keep_first = {}, {}, False

    def insert(self, points: Sequence[Point]) -> None:
        with self._watched("insert"):
            super().insert(points[:1] if self.keep_first else points)

    def replace(self, points: Sequence[Point]) -> None:
        with self._watched("replace"):
            super().replace(points)

    def search(self, searches: Sequence[Search]) -> list[list[Hit]]:
        with self._watched("search"):
            return super().search(searches)

    def get(self, ids: Sequence[str]) -> list[Hit]:
        with self._watched("get"):
            return super().get(ids)

    def delete_where(self, where: Filter) -> int:
        with self._watched("delete_where"):
            return super().delete_where(where)

    def set_payload(self, ids: Sequence[str], payload: Mapping[str, Any]) -> None:
        with self._watched("set_payload"):
            super().set_payload(ids, payload)

    def version(self) -> str:
        with self._watched("version"):
            return super().version()

    def scan(self, where: Filter) -> Iterator[Hit]:
        with self._watched("scan"):
            return super().scan(where)

    @contextmanager
    def _watched(self, call: str) -> Iterator[None]:
        self.calls.append(call)
        self.before.get(call, _nothing)()
        yield
        self.after.get(call, _nothing)()


def _nothing() -> None: ...


class WatchedEmbedder:
    """The hashing embedder; fails for texts that a test names, and refuses others. `before` runs before each batch."""

    def __init__(self) -> None:
        self._inner = HashingEmbedder(128)
        self.batches: list[list[str]] = []
        self.fails: Callable[[str], bool] = lambda _: False
        self.refuses: Callable[[str], bool] = lambda _: False
        self.before: Callable[[], object] = _nothing

    @property
    def identity(self) -> EmbedderIdentity:
        return self._inner.identity

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        self.batches.append(list(texts))
        if any(self.fails(each) for each in texts):
            raise EmbeddingFailed("the embedder did not answer")
        self.before()
        vectors = self._inner.embed(texts)
        if any(self.refuses(each) for each in texts):
            found = [None if self.refuses(text) else vector for text, vector in zip(texts, vectors, strict=True)]
            raise EmbeddingRefused("no vector for some", found)
        return vectors


class WatchedLlm:
    """A real LLM adapter; runs what a test hangs after its answer."""

    def __init__(self, inner: Llm) -> None:
        self._inner = inner
        self.after: Callable[[], None] = _nothing

    @property
    def model(self) -> str:
        return self._inner.model

    def complete_json(self, prompt: Sequence[Prompt]) -> Completion:
        completion = self._inner.complete_json(prompt)
        self.after()
        return completion


class Workshop:
    """House over real servers. Due at once unless `extract_after` says otherwise."""

    def __init__(self, ledger_url: str, redis_url: str, folder: Path, llm_url: str, **settings: Any) -> None:
        given: dict[str, Any] = {
            "postgres_url": ledger_url,
            "redis_url": redis_url,
            "edge_path": folder,
            "embedder": "hashing",
            "llm_model": "fake-model",
            "llm_base_url": llm_url,
            "llm_timeout": 5.0,
            "extract_after": 0.0,
            "retry_after": 5.0,
        }
        self.house = House(Settings(**{**given, **settings}))
        self.store = WatchedStore(folder / "memories")
        self.embedder = WatchedEmbedder()
        self.house.stores.vectors = TimedStore(self.store, self.house.metrics)
        self.house.models.embedder = TimedEmbedder(self.embedder, self.house.metrics)
        if self.house.models.llm is not None:
            self.llm = WatchedLlm(self.house.models.llm)
            self.house.models.llm = self.llm
        self.house.collections.prepare()
        self.database = self.house.stores.database

    def with_servers(self) -> None:
        """Store and embedder are taken for servers, which a test may make hang: what they hold up is left behind.
        Before the first question.
        """
        threads = 4 * (self.house.settings.threads or 4)
        self.house.recall.embedding_steps, self.house.recall.searching_steps = Steps(threads), Steps(threads)

    @cached_property
    def broker(self) -> MendedBroker:
        return self.house.stores.open_broker()

    @cached_property
    def ingest(self) -> Ingest:
        return self.house.ingest.ingest(self.broker)

    @cached_property
    def keeper(self) -> LeaseKeeper:
        settings = self.house.settings
        return LeaseKeeper(
            database=self.database,
            lease=timedelta(seconds=settings.lease),
            max_hold=timedelta(seconds=settings.max_hold),
        )

    @cached_property
    def extraction(self) -> Extraction:
        return self.house.extraction.extraction(self.broker, self.keeper)

    def take_in(self, *events: ConversationFinished) -> list[Outcome]:
        """Ingest events, in order."""
        return [self.ingest.ingest(each) for each in events]

    def extract_all(self) -> int:
        """Extract until nothing is due; how many claims that took."""
        claims = 0
        while self.extraction.extract_next():
            claims += 1
        return claims

    def ask(self, request: Request) -> Any:
        assert isinstance(request, ContextRequest)
        return self.house.recall.answerer.answer(request).reply

    # What is stored.

    def memories(self, **having: Any) -> list[StoredMemory]:
        """All memories in the store with these attributes, by text."""
        everything = Filter(must_not=(Match("tenant_id", ("no such tenant",)),))
        found = [from_payload(hit.id, hit.payload) for hit in self.store.scan(everything)]
        kept = [each for each in found if all(getattr(each, name) == value for name, value in having.items())]
        return sorted(kept, key=lambda memory: memory.text)

    def texts(self, **having: Any) -> list[str]:
        return [memory.text for memory in self.memories(**having)]

    def audited(self, user: str = "ann", tenant: str = "default") -> list[audit.Event]:
        with self.database.transaction() as connection:
            return audit.read(connection, tenant, user)

    def audit_types(self, user: str = "ann") -> list[str]:
        return [row.type for row in self.audited(user)]

    def rows(self, query: str, **parameters: Any) -> list[Any]:
        """The rows of a query of the ledger; none for a statement that gives no rows."""
        with self.database.transaction() as connection:
            result = connection.execute(text(query), parameters)
            return list(result.all()) if result.returns_rows else []

    def statuses(self) -> list[str]:
        """Of all conversations, in the order they came."""
        return [row.status for row in self.rows("SELECT status FROM conversations ORDER BY id")]

    def subject(self, user: str = "ann") -> Any:
        """The row of a subject, with `due_in` its seconds from now."""
        query = "SELECT *, extract(epoch FROM due_at - clock_timestamp()) AS due_in FROM subjects WHERE user_id = :user"
        return self.rows(query, user=user)[0]

    # Time passes.

    def lease_runs_out(self) -> None:
        self.rows("UPDATE subjects SET lease_until = clock_timestamp() - interval '1 second'")

    def due_now(self) -> None:
        """Every delay is over: those of subjects, and the breaker's."""
        self.rows("UPDATE subjects SET due_at = clock_timestamp() WHERE due_at IS NOT NULL")
        self.rows("UPDATE breakers SET open_until = clock_timestamp(), probe_until = NULL WHERE open_until IS NOT NULL")

    def some_time_passes(self, seconds: float) -> None:
        """For conversations: they came, and were done, that much longer ago."""
        self.rows(
            "UPDATE conversations SET received_at = received_at - :by, finished_at = finished_at - :by",
            by=timedelta(seconds=seconds),
        )

    def close(self) -> None:
        if "broker" in self.__dict__:
            self.broker.client.close()
        self.house.close()
        self.store.close()


def said_json(*items: dict[str, Any]) -> str:
    """An answer of the LLM with these items as they are."""
    return json.dumps({"memory": list(items)})
