"""The memories that recall is measured among, in two collections that grow together: ours, and one as mem0 fills it.

Both hold the same texts, vectors, ids and owners. In mem0's a memory has the payload that mem0 itself writes and no
field of ours, so that its searches carry nothing that it would not carry by itself.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from afterword.schemas import Kind, Scope
from afterword.workers.models.embedders.hashing import HashingEmbedder
from afterword.workers.models.embedders.port import EmbedderIdentity, Vector
from afterword.workers.stores.vectors import collection as c
from afterword.workers.stores.vectors.edge import EdgeStore
from afterword.workers.stores.vectors.owners import AgentOwner, UserOwner
from afterword.workers.stores.vectors.payload import StoredMemory, text_hash
from afterword.workers.stores.vectors.queries import Payload, Point
from afterword.workers.stores.vectors.views import Views
from ops.bench.asking import AGENT
from ops.bench.samples import Samples
from tests.support.qdrant_face_collections import serve_shard

TENANT = "default"
OURS = "memories"
MEM0S = "mem0"

_BEGIN = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
_OTHERS_EACH = 500
OF_AGENT = 100
_TURNS = 20  # of a session
_FACT_EVERY = 4
_TEXTS = 4_000


def user_with(own: int) -> str:
    """The user who has so many memories."""
    return f"user-with-{own}"


class Filling:
    """An agent's memories and the users of `owns` come first; all others have 500 memories each."""

    def __init__(self, folder: Path, owns: Sequence[int], *, beside_mem0: bool = True) -> None:
        self.ours = folder / OURS / OURS
        """Where a worker whose `edge_path` is the folder above has its memories."""
        self._mem0s = folder / MEM0S
        self._beside_mem0 = beside_mem0
        self._owns = owns
        self._memories = _Memories()
        self._users: list[tuple[str, int, int]] = []  # with how many memories each, and its salt
        self._written = 0

    def up_to(self, total: int) -> None:
        """Fill both collections, which nobody may have open, until there are so many memories."""
        users = [] if self._written else [(user_with(own), own) for own in self._owns]
        missing = total - (self._written or OF_AGENT) - sum(count for _, count in users)
        others = range(max(0, missing) // _OTHERS_EACH)
        users += [(f"other-{self._written}-{number}", _OTHERS_EACH) for number in others]
        with ExitStack() as stack:
            ours = stack.enter_context(closing(_opened(self.ours)))
            mem0s = stack.enter_context(closing(_opened(self._mem0s))) if self._beside_mem0 else None
            if not self._written:
                learned = self._memories.of_agent(OF_AGENT)
                Views(ours).of(AgentOwner(TENANT, AGENT)).insert(learned)
                _insert_as_mem0(mem0s, learned)
                self._written = OF_AGENT
            for salt, (user, count) in enumerate(users, start=self._written):
                self._users.append((user, count, salt))
                memories = self._memories.of_user(user, count, salt)
                Views(ours).of(UserOwner(TENANT, user)).insert(memories)
                _insert_as_mem0(mem0s, memories)
        self._written += sum(count for _, count in users)
        os.sync()  # else the first questions wait for the disk as well

    def of_users(self) -> Iterator[StoredMemory]:
        """The memories of all users so far."""
        for user, count, salt in self._users:
            for memory, _ in self._memories.of_user(user, count, salt):
                yield memory

    def as_mem0_writes(self) -> Iterator[list[Point]]:
        """All memories so far, as they stand in mem0's collection: the agent's, then user by user."""
        yield _as_mem0_writes(self._memories.of_agent(OF_AGENT))
        for user, count, salt in self._users:
            yield _as_mem0_writes(self._memories.of_user(user, count, salt))

    def serve_from(self, folder: Path, identity: EmbedderIdentity) -> None:
        """Have a Qdrant face of this folder serve both collections as they are, while nobody else has them open.
        `identity` is what ours is said to be built with."""
        for name, store, told in ((OURS, self.ours, {"embedder": asdict(identity)}), (MEM0S, self._mem0s, None)):
            serve_shard(folder, name, store / "shard", identity.dimensions, told)


def _opened(folder: Path) -> EdgeStore:
    store = EdgeStore(folder)
    store.prepare(HashingEmbedder().identity)
    return store


def _insert_as_mem0(store: EdgeStore | None, memories: Iterable[tuple[StoredMemory, Vector]]) -> None:
    if store is not None:
        store.insert(_as_mem0_writes(memories))


def _as_mem0_writes(memories: Iterable[tuple[StoredMemory, Vector]]) -> list[Point]:
    return [Point(memory.id, vector, _mem0s_payload(memory)) for memory, vector in memories]


def _mem0s_payload(memory: StoredMemory) -> Payload:
    """Without spaCy mem0 keeps the text itself as what is lemmatised."""
    written = {
        c.TEXT: memory.text,
        c.LEMMAS: memory.text,
        c.HASH: text_hash(memory.text),
        c.USER: memory.user_id,
        c.AGENT: memory.agent_id,
        c.SESSION: memory.session_id,
        c.CREATED_AT: memory.created_at.isoformat(),
        c.UPDATED_AT: memory.created_at.isoformat(),
        c.ATTRIBUTED_TO: memory.role,
    }
    return {field: value for field, value in written.items() if value is not None}


class _Memories:
    """Memories of sentences that are embedded once."""

    def __init__(self) -> None:
        samples = Samples(seed=3)
        self._texts = [samples.sentence(8 + number % 23) for number in range(_TEXTS)]
        self._vectors = HashingEmbedder().embed(self._texts)

    def of_user(self, user: str, count: int, salt: int) -> list[tuple[StoredMemory, Vector]]:
        """As ingest and extraction leave them: mostly turns, a fact to every few of them, in sessions."""
        found: list[tuple[StoredMemory, Vector]] = []
        previous: tuple[str, ...] = ()
        for number in range(count):
            place = (salt * 7919 + number * 31) % _TEXTS
            memory = self._memory(user, number, self._texts[place], previous)
            previous = (memory.id, *previous[:1]) if memory.kind is Kind.EXCERPT else previous
            found.append((memory, self._vectors[place]))
        return found

    def of_agent(self, count: int) -> list[tuple[StoredMemory, Vector]]:
        """The memories that the agent has learned, shared across its users."""
        return [(self._learned(number), self._vectors[number * 37 % _TEXTS]) for number in range(count)]

    def _learned(self, number: int) -> StoredMemory:
        return StoredMemory(
            id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{AGENT}/{number}")),
            text=self._texts[number * 37 % _TEXTS],
            scope=Scope.AGENT,
            kind=Kind.FACT,
            tenant_id=TENANT,
            agent_id=AGENT,
            event_id=f"{AGENT}/{number}",
            message=number % _TURNS,
            role="assistant",
            occurred_at=_BEGIN + timedelta(minutes=number),
            created_at=_BEGIN,
            language="en",
            importance=0.4,
            topic="work",
        )

    def _memory(self, user: str, number: int, text: str, previous: tuple[str, ...]) -> StoredMemory:
        fact = number % _FACT_EVERY == 0
        scope = Scope.SESSION if fact and number % (2 * _FACT_EVERY) == 0 else Scope.USER
        session = f"session-{number // _TURNS}"
        return StoredMemory(
            id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{user}/{number}")),
            text=text,
            scope=scope,
            kind=Kind.FACT if fact else Kind.EXCERPT,
            tenant_id=TENANT,
            user_id=user,
            session_id=session if scope is Scope.SESSION or not fact else None,
            event_id=f"{user}/{session}",
            message=number % _TURNS,
            role=("user", "assistant")[number % 2],
            occurred_at=_BEGIN + timedelta(minutes=number),
            created_at=_BEGIN,
            language="en",
            importance=0.4,
            topic="work",
            previous=() if fact else previous,
        )
