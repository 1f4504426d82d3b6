"""Nobody is given what is another's: owners, ids and texts by chance, through every way that a context is answered."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from afterword.schemas import ContextReply, ContextRequest, Kind, Memory, Scope
from afterword.workers.models.embedders.hashing import HashingEmbedder
from afterword.workers.stores.vectors.edge import EdgeStore
from afterword.workers.stores.vectors.owners import AgentOwner, Owner, SessionOwner, UserOwner
from afterword.workers.stores.vectors.payload import StoredMemory
from afterword.workers.stores.vectors.port import VectorStore
from afterword.workers.stores.vectors.queries import Dense, Lexical, Newest, Signal
from afterword.workers.stores.vectors.server import ServerStore
from afterword.workers.stores.vectors.timed import TimedStore
from afterword.workers.stores.vectors.views import ScopedSearch, Views
from afterword.workers.text import analysis
from tests.fixtures.workshops import OpenWorkshop
from tests.support.qdrant_face import QdrantFace
from tests.support.workshop import NOON, REPLY_TO, Workshop, event

TENANTS, PEOPLE, THREADS = ("t1", "t2"), ("ann", "bob", "s1"), ("s1", "ann", "s2")
"""Names that collide: a session is called as a user is, and a user as an agent."""

AGENTS = ("ann", "coach")
TEXTS = (
    "Ann plays the cello in Porto",
    "Ann plays the cello in Porto.",
    "The cello teacher lives in Porto",
    "用户在波尔图拉大提琴",
    "Everybody drinks green tea",
)
QUERIES = ("Who plays the cello in Porto?", "cello", "green tea", "谁拉大提琴？", "thanks!", None)


@dataclass(frozen=True)
class Asker:
    """Whom a context is for."""

    tenant: str
    user: str
    agent: str | None
    session: str | None

    def may_see(self, memory: StoredMemory) -> bool:
        """Written anew here, from what a scope means."""
        if memory.tenant_id != self.tenant:
            return False
        if memory.scope is Scope.AGENT:
            return memory.agent_id == self.agent and memory.user_id is None
        if memory.user_id != self.user:
            return False
        return memory.scope is Scope.USER or memory.session_id == self.session


def by_chance(chance: random.Random) -> tuple[Owner, StoredMemory]:
    tenant, user, session, agent = (chance.choice(names) for names in (TENANTS, PEOPLE, THREADS, AGENTS))
    scope = chance.choice(list(Scope))
    kind = chance.choice(list(Kind)) if scope is Scope.USER else Kind.FACT
    owner: Owner = UserOwner(tenant, user)
    about: dict[str, Any] = {"user_id": user, "agent_id": chance.choice([None, agent]), "session_id": None}
    if scope is Scope.SESSION:
        owner = SessionOwner(tenant, user, session)
        about["session_id"] = session
    elif scope is Scope.AGENT:
        owner = AgentOwner(tenant, agent)
        about = {"agent_id": agent}
    elif kind is Kind.EXCERPT:
        about["session_id"] = session
    memory = StoredMemory(
        id=str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        text=chance.choice(TEXTS),
        scope=scope,
        kind=kind,
        tenant_id=tenant,
        importance=chance.random(),
        event_id=chance.choice(("e1", "e2")),
        message=chance.randrange(3),
        occurred_at=NOON,
        created_at=NOON,
        **about,
    )
    return owner, memory


def linked(memories: list[tuple[Owner, StoredMemory]], chance: random.Random) -> list[tuple[Owner, StoredMemory]]:
    """Each names others by chance, whoever owns them, as the turn before it and as linked with it."""
    ids = [memory.id for _, memory in memories]
    return [
        (owner, replace(memory, previous=tuple(chance.sample(ids, 2)), linked_memory_ids=tuple(chance.sample(ids, 3))))
        for owner, memory in memories
    ]


@pytest.fixture(params=["edge", "server"])
def workshop(request: pytest.FixtureRequest, open_workshop: OpenWorkshop, tmp_path: Path) -> Iterator[Workshop]:
    """Over either adapter, with every memory above the relevance floor."""
    workshop = open_workshop(relevance_floor=0.0)
    if request.param == "edge":
        yield workshop
        return
    face = QdrantFace(tmp_path / "face")
    face.start()
    store = ServerStore(face.url, collection="memories")
    store.prepare(workshop.embedder.identity)
    workshop.house.stores.vectors = TimedStore(store, workshop.house.metrics)
    workshop.house.stores.__dict__.pop("views", None)
    yield workshop
    face.stop()


def requests(chance: random.Random) -> Iterator[tuple[Asker, ContextRequest]]:
    for number in range(40):
        asker = Asker(
            chance.choice(TENANTS),
            chance.choice(PEOPLE),
            chance.choice((None, *AGENTS)),
            chance.choice((None, *THREADS)),
        )
        yield (
            asker,
            ContextRequest(
                tenant_id=asker.tenant,
                user_id=asker.user,
                agent_id=asker.agent,
                session_id=asker.session,
                query=QUERIES[number % len(QUERIES)],
                scopes=tuple(chance.sample(list(Scope), chance.randint(1, 3))),
                always=chance.choice((0, 3, 20)),
                limit=chance.choice((3, 100)),
                token_budget=20_000,
                explain=chance.random() < 0.5,
                reply_to=REPLY_TO,
            ),
        )


def told(reply: ContextReply) -> list[Memory]:
    """Every memory that a reply tells of in any way."""
    return [*reply.memories, *(each.memory for each in reply.explanations)]


@pytest.mark.parametrize("given", [1, 2, None], ids=["1", "2", "another"])
def test_a_context_holds_nothing_of_another(workshop: Workshop, given: int | None) -> None:
    seed = given or random.randrange(10**6)  # not in the test's name: every process of a run has to collect the same
    chance = random.Random(seed)
    memories = linked([by_chance(chance) for _ in range(250)], chance)
    embedder = workshop.embedder
    for owner, memory in memories:
        [vector] = embedder.embed([memory.text])
        Views(workshop.house.stores.vectors).of(owner).insert([(memory, vector)])
    by_id = {memory.id: memory for _, memory in memories}
    seen: set[str] = set()
    for asker, request in requests(chance):
        for degraded in (False, True):
            embedder.fails = (lambda _: True) if degraded else (lambda _: False)
            reply = workshop.ask(request)
            assert "vector_store" not in reply.degraded
            for shown in told(reply):
                owned = by_id[shown.id]
                assert asker.may_see(owned), f"seed {seed}: {asker} was given {owned}"
                assert owned.scope in request.scopes, f"seed {seed}"
                seen.add(shown.id)
    assert len(seen) > 100, "the askers were given what is theirs"


def test_a_context_from_the_ledger_holds_nothing_of_another(open_workshop: OpenWorkshop) -> None:
    workshop = open_workshop()
    for tenant in TENANTS:
        for user in PEOPLE:
            said = event(f"{tenant}/{user} says so", user=user, tenant_id=tenant, session_id="s1", event_id=f"e-{user}")
            workshop.take_in(said)
    workshop.store.down()
    given = 0
    for asker, request in requests(random.Random(7)):
        reply = workshop.ask(request)
        assert all(memory.text.startswith(f"{asker.tenant}/{asker.user} ") for memory in told(reply))
        given += len(reply.memories)
    assert given > 0


class TestTheSameOnBothAdapters:
    """The same data: the same ids, scores and memories."""

    @pytest.fixture
    def stores(self, edge_folder: Path, tmp_path: Path) -> Iterator[tuple[VectorStore, VectorStore]]:
        embedder = HashingEmbedder(128)
        face = QdrantFace(tmp_path / "face")
        face.start()
        edge, server = EdgeStore(edge_folder / "same"), ServerStore(face.url, collection="memories")
        for store in (edge, server):
            store.prepare(embedder.identity)
        yield edge, server
        edge.close()
        server.close()
        face.stop()

    def test_scores_and_memories(self, stores: tuple[VectorStore, VectorStore]) -> None:
        chance, embedder = random.Random(11), HashingEmbedder(128)
        memories = linked([by_chance(chance) for _ in range(150)], chance)
        for store in stores:
            for owner, memory in memories:
                Views(store).of(owner).insert([(memory, embedder.embed([memory.text])[0])])
        owners: list[Owner] = [
            owner for tenant in TENANTS for owner in (UserOwner(tenant, "ann"), SessionOwner(tenant, "ann", "s1"))
        ]
        owners += [AgentOwner(tenant, "coach") for tenant in TENANTS]
        for owner in owners:
            for query in filter(None, QUERIES):
                signals: list[Signal] = [
                    Lexical(" ".join(analysis.terms(query))),
                    Dense(embedder.embed([query])[0]),
                    Newest(),
                ]
                searches = [ScopedSearch(owner, signal, 200) for signal in signals]
                one, other = (Views(store).of(owner).scores(searches) for store in stores)
                for ours, theirs in zip(one, other, strict=True):
                    assert dict(ours) == pytest.approx(dict(theirs), abs=1e-4)
                    assert [score for _, score in ours] == sorted((score for _, score in ours), reverse=True)
                found = [[hit.memory.id for hit in hits] for hits in Views(stores[0]).of(owner).search(searches)]
                assert [sorted(ids) for ids in found] == [sorted(key for key, _ in hits) for hits in one]
        everybody = [memory.id for _, memory in memories]
        for owner in owners:
            ours_got, theirs_got = (Views(store).of(owner).get(everybody) for store in stores)
            assert ours_got == theirs_got
            assert all(owner.owns(memory) for memory in ours_got)
            assert [memory.id for memory in ours_got] == [key for key in everybody if key in {m.id for m in ours_got}]
