"""Copying memories into another collection: with new vectors, and with search terms as they are made today."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from afterword.schemas import Kind, Scope
from afterword.workers.models.embedders.hashing import HashingEmbedder
from afterword.workers.services.collections.reembedding import reembed
from afterword.workers.services.memories import in_context
from afterword.workers.stores.vectors import collection as c
from afterword.workers.stores.vectors.admin import StoreAdmin
from afterword.workers.stores.vectors.edge import EdgeStore
from afterword.workers.stores.vectors.owners import UserOwner
from afterword.workers.stores.vectors.payload import StoredMemory
from afterword.workers.stores.vectors.queries import Dense, Filter, Lexical, Point
from afterword.workers.stores.vectors.views import ScopedSearch, Views
from afterword.workers.text import analysis

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
ANN = UserOwner("t", "ann")
SMALL, LARGE = HashingEmbedder(64), HashingEmbedder(128)


def turn(number: int, text: str, *previous: str) -> StoredMemory:
    return StoredMemory(
        id=str(uuid.UUID(int=number)),
        text=text,
        scope=Scope.USER,
        kind=Kind.EXCERPT,
        tenant_id="t",
        user_id="ann",
        occurred_at=NOON,
        created_at=NOON,
        speaker="Clara",
        previous=previous,
    )


QUESTION = turn(1, "How long have you been married?")
ANSWER = turn(2, "About seven years now.", QUESTION.id)


@pytest.fixture
def source(tmp_path: Path) -> Iterator[EdgeStore]:
    store = EdgeStore(tmp_path / "small")
    store.prepare(SMALL.identity)
    Views(store).of(ANN).insert([(each, SMALL.embed([each.text])[0]) for each in (QUESTION, ANSWER)])
    with closing(store):
        yield store


@pytest.fixture
def target(tmp_path: Path) -> Iterator[EdgeStore]:
    with closing(EdgeStore(tmp_path / "large")) as store:
        yield store


def copy(source: EdgeStore, target: EdgeStore) -> int:
    return reembed(source=StoreAdmin(source), target=StoreAdmin(target), embedder=LARGE)


def found(store: EdgeStore, words: str) -> set[str]:
    [hits] = Views(store).of(ANN).search([ScopedSearch(ANN, Lexical(" ".join(analysis.terms(words))), 9)])
    return {each.memory.id for each in hits}


def test_terms_that_were_made_in_another_way_are_made_anew(source: EdgeStore, target: EdgeStore) -> None:
    source.set_payload([QUESTION.id, ANSWER.id], {c.LEXICAL: "made long ago"})
    assert found(source, "married") == set()

    assert copy(source, target) == 2

    assert found(target, "married") == {QUESTION.id, ANSWER.id}, "the answer is found by the turn before it"
    assert found(target, "seven years") == {ANSWER.id}
    assert found(target, "Clara") == {QUESTION.id, ANSWER.id}, "and by who said it"
    assert {hit.id: hit.payload for hit in source.get([ANSWER.id])}[ANSWER.id][c.LEXICAL] == "made long ago"


def test_everything_else_stays_as_it_is(source: EdgeStore, target: EdgeStore) -> None:
    def payloads(store: EdgeStore) -> dict[str, object]:
        return {hit.id: {**hit.payload, c.LEXICAL: None} for hit in store.scan(Filter())}

    before = payloads(source)
    copy(source, target)
    assert payloads(target) == before


def test_vectors_carry_what_was_said_before(source: EdgeStore, target: EdgeStore) -> None:
    copy(source, target)
    own, before = LARGE.embed([ANSWER.text, QUESTION.text])
    view = Views(target).of(ANN)
    [hits] = view.search([ScopedSearch(ANN, Dense(in_context.vector(own, [before])), 1)])
    assert hits[0].memory.id == ANSWER.id
    assert hits[0].score == pytest.approx(1, abs=1e-4)


def test_what_plain_mem0_wrote_gets_a_vector_and_no_terms(source: EdgeStore, target: EdgeStore) -> None:
    plain = Point(str(uuid.UUID(int=3)), SMALL.embed(["tea"])[0], {c.TEXT: "Likes tea", c.USER: "ann"})
    source.insert([plain])
    assert copy(source, target) == 3
    [hit] = target.get([plain.id])
    assert hit.payload == plain.payload


def test_run_again_it_writes_what_is_missing(source: EdgeStore, target: EdgeStore) -> None:
    copy(source, target)
    target.delete([ANSWER.id])
    assert copy(source, target) == 2
    assert found(target, "married") == {QUESTION.id, ANSWER.id}
