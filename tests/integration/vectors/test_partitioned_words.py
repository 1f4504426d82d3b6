"""Every way in which a memory comes to be: a word of it alone finds it, through the view of its owner."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from afterword.schemas import AddMemory, Scope
from afterword.workers.models.embedders.hashing import HashingEmbedder
from afterword.workers.services.collections.adoption import Adoption
from afterword.workers.services.collections.reembedding import reembed
from afterword.workers.stores.ledger import agents
from afterword.workers.stores.ledger.agents import Agent
from afterword.workers.stores.vectors import collection as c
from afterword.workers.stores.vectors.admin import StoreAdmin
from afterword.workers.stores.vectors.edge import EdgeStore
from afterword.workers.stores.vectors.owners import AgentOwner, Owner, SessionOwner, UserOwner
from afterword.workers.stores.vectors.port import VectorStore
from afterword.workers.stores.vectors.queries import Equals, Filter, Lexical, Newest, Point
from afterword.workers.stores.vectors.views import ScopedSearch, Views
from afterword.workers.text import analysis
from tests.support.fake_openai import Fact, FakeOpenAI, given
from tests.support.workshop import REPLY_TO, Workshop, event

ANN = UserOwner("default", "ann")
THREAD = SessionOwner("default", "ann", "s1")
COACH = AgentOwner("default", "coach")


def found(store: VectorStore, owner: Owner, word: str, where: Filter | None = None) -> list[str]:
    search = ScopedSearch(owner, Lexical(" ".join(analysis.terms(word))), 9, where)
    [hits] = Views(store).of(owner).search([search])
    return [each.memory.text for each in hits]


@pytest.mark.parametrize(
    ("owner", "scope"),
    [(ANN, Scope.USER), (THREAD, Scope.SESSION), (COACH, Scope.AGENT)],
    ids=["user", "session", "agent"],
)
def test_facts_of_each_scope(workshop: Workshop, llm: FakeOpenAI, owner: Owner, scope: Scope) -> None:
    llm.answer_with(given(Fact("The harpsichord is in Delft", scope.value)))
    workshop.take_in(event("Let us talk.", agent_id="coach", session_id="s1"))
    workshop.extract_all()
    assert found(workshop.store, owner, "harpsichord") == ["The harpsichord is in Delft"]
    others: list[Owner] = [COACH] if scope is not Scope.AGENT else [ANN, THREAD]
    assert [found(workshop.store, other, "harpsichord") for other in others] == [[] for _ in others]


def test_what_was_said(workshop: Workshop) -> None:
    workshop.take_in(event("I bought a harpsichord.", agent_id="coach", session_id="s1"))
    for owner in (ANN, THREAD):
        assert found(workshop.store, owner, "harpsichord") == ["I bought a harpsichord."]
    assert found(workshop.store, COACH, "harpsichord") == []


@pytest.mark.parametrize(
    ("owner", "given_by"),
    [
        (ANN, {"user_id": "ann"}),
        (THREAD, {"user_id": "ann", "session_id": "s1"}),
        (COACH, {"agent_id": "coach", "by": "club"}),
    ],
    ids=["user", "session", "agent"],
)
def test_notes(workshop: Workshop, owner: Owner, given_by: dict[str, str]) -> None:
    with workshop.database.transaction() as connection:
        agents.put(connection, Agent("default", "coach", "club"))
    commands = workshop.house.commands.commands(workshop.broker)
    commands.run(AddMemory.model_validate({**given_by, "text": "The harpsichord is in Delft", "reply_to": REPLY_TO}))
    assert found(workshop.store, owner, "harpsichord") == ["The harpsichord is in Delft"]


@pytest.fixture
def copied(tmp_path: Path) -> Iterator[EdgeStore]:
    with closing(EdgeStore(tmp_path / "copied")) as store:
        yield store


def test_what_mem0_wrote_once_it_is_adopted_and_copied(workshop: Workshop, copied: EdgeStore) -> None:
    texts = {"ann": "Ann has a harpsichord", "coach": "A harpsichord is tuned weekly"}
    owners: dict[str, dict[str, str]] = {"ann": {c.USER: "ann"}, "coach": {c.AGENT: "coach"}}
    vectors = dict(zip(texts, workshop.embedder.embed(list(texts.values())), strict=True))
    plain = [
        Point(str(uuid.uuid4()), vectors[name], {c.TEXT: text, c.HASH: "h", **owners[name]})
        for name, text in texts.items()
    ]
    workshop.store.insert(plain)
    adoption = Adoption(
        admin=StoreAdmin(workshop.store),
        database=workshop.database,
        books=workshop.house.memories.books,
        embedder=workshop.embedder,
        topics=workshop.house.memories.topics,
    )
    assert adoption.adopt("acme").memories == 2
    reembed(source=StoreAdmin(workshop.store), target=StoreAdmin(copied), embedder=HashingEmbedder(64))
    for store in (workshop.store, copied):
        assert found(store, UserOwner("acme", "ann"), "harpsichord") == [texts["ann"]]
        assert found(store, AgentOwner("acme", "coach"), "harpsichord") == [texts["coach"]]


def test_one_request_may_ask_for_1_and_for_true(workshop: Workshop) -> None:
    commands = workshop.house.commands.commands(workshop.broker)
    for value in (1, True):
        note = {"user_id": "ann", "text": f"It is {value!r}", "metadata": {"level": value}, "request_id": repr(value)}
        commands.run(AddMemory.model_validate({**note, "reply_to": REPLY_TO}))
    field = c.metadata_field("level")
    wheres = [Filter((Equals(field, value),)) for value in (1, True)]
    answers = Views(workshop.store).of(ANN).search([ScopedSearch(ANN, Newest(), 9, where) for where in wheres])
    assert [[each.memory.text for each in hits] for hits in answers] == [["It is 1"], ["It is True"]]
