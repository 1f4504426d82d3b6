"""A context when a part of the house is away, hangs, or is slow: what can still be found, and what was missing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any, cast

import pytest
from sqlalchemy import text

from afterword.schemas import ContextReply, Kind, Scope
from afterword.workers.embedded.completions import HttpReply
from afterword.workers.models.embedders.factory import build_embedder
from afterword.workers.services.recall.answering import RelevanceVerdict
from afterword.workers.stores.ledger import agents
from afterword.workers.stores.ledger.agents import Agent
from afterword.workers.stores.vectors import collection
from afterword.workers.stores.vectors.port import VectorStore
from afterword.workers.stores.vectors.queries import Condition, Either, Filter, Hit, Match, Search
from tests.fixtures.workshops import OpenWorkshop
from tests.support import openai_faults as faults
from tests.support.fake_openai import EMBEDDINGS, Fact, FakeOpenAI, by_content
from tests.support.workshop import NOON, Workshop, event, question, store_down

WITHIN = 3.0
"""Seconds that an answer may take: of each step's share, whatever works is done in a small part."""

ASKED = "Who plays the cello?"
OF_ALL = "Cello lessons, the cello concert, the luthier of the cello"


def ask(workshop: Workshop, query: str | None = ASKED, within: float = WITHIN, **about: Any) -> ContextReply:
    return workshop.house.recall.answerer.answer(question(query, **about), within).reply


def texts(reply: ContextReply) -> list[str]:
    return [memory.text for memory in reply.memories]


@pytest.fixture
def open_workshop(open_workshop: OpenWorkshop) -> OpenWorkshop:
    """Over servers, as far as it knows: what hangs is left behind."""

    def opened(**settings: Any) -> Workshop:
        workshop = open_workshop(**settings)
        workshop.with_servers()
        return workshop

    return opened


LedgerLock = Callable[[str], AbstractContextManager[None]]


@pytest.fixture
def ledger_lock(workshop: Workshop) -> LedgerLock:
    """Locks a table against everybody, as long as the block lasts."""

    @contextmanager
    def lock(table: str) -> Iterator[None]:
        with workshop.database.transaction() as connection:
            connection.execute(text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
            yield

    return lock


class SlowStore:
    """A real store that holds up what is asked of some memories until `released`."""

    def __init__(self, store: VectorStore, is_slow: Callable[[Filter], bool]) -> None:
        self._store = store
        self._is_slow = is_slow
        self.released = threading.Event()

    def search(self, searches: Sequence[Search]) -> list[list[Hit]]:
        if any(self._is_slow(search.filter) for search in searches):
            self.released.wait(60)
        return self._store.search(searches)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def of_scope(scope: Scope) -> Callable[[Filter], bool]:
    """Whether a search is of memories of this scope, among others."""
    return lambda where: _names(where.must, Match(collection.SCOPE, (scope.value,)))


def _names(conditions: Sequence[Condition], match: Match) -> bool:
    either = [part for condition in conditions if isinstance(condition, Either) for part in condition.filters]
    return match in conditions or any(_names(part.must, match) for part in either)


@pytest.fixture
def slow(workshop: Workshop) -> Iterator[Callable[[Callable[[Filter], bool]], SlowStore]]:
    """Makes the store slow for some searches, until the test is over."""
    made: list[SlowStore] = []

    def slow_down(is_slow: Callable[[Filter], bool]) -> SlowStore:
        store = SlowStore(workshop.house.stores.vectors, is_slow)
        workshop.house.stores.vectors = cast(VectorStore, store)
        workshop.house.stores.__dict__.pop("views", None)
        made.append(store)
        return store

    yield slow_down
    for store in made:
        store.released.set()


def learn(workshop: Workshop, llm: FakeOpenAI) -> None:
    """A fact of each scope that has to do with the cello, each of a turn of its own, and a turn that has."""
    facts = {
        "Let us talk.": [Fact("Ann's cello is by a luthier of Cremona")],
        "About what?": [Fact("Cello lessons are best in the morning", "agent", "assistant")],
        "Plans!": [Fact("A cello concert is being planned", "session")],
    }
    llm.answer_with(by_content(facts))
    workshop.take_in(event(*facts, "I play the cello.", agent_id="coach", session_id="s1"))
    workshop.extract_all()


class TestTheEmbedder:
    @pytest.fixture
    def remote(self, workshop: Workshop, llm: FakeOpenAI) -> Workshop:
        """Something was said, and questions are embedded by another server."""
        workshop.take_in(event("I play the cello.", "And I have a dog."))
        workshop.house.models.embedder = build_embedder(
            provider="openai", model="small", dimensions=128, base_url=llm.url, api_key="k", timeout=30
        )
        return workshop

    def test_all_is_well(self, remote: Workshop) -> None:
        reply = ask(remote)
        assert reply.degraded == ()
        assert texts(reply)[0] == "I play the cello."

    @pytest.mark.parametrize("fault", [faults.unauthorised(), faults.unknown_model(), faults.bad_request()])
    def test_fails(self, remote: Workshop, llm: FakeOpenAI, fault: HttpReply) -> None:
        llm.fail_when(lambda request: fault if request.path == EMBEDDINGS else None)
        reply = ask(remote)
        assert reply.degraded == ("embedder",)
        assert texts(reply)[0] == "I play the cello."
        assert reply.memories[0].score is not None

    def test_hangs(self, remote: Workshop, llm: FakeOpenAI) -> None:
        llm.fail_when(lambda request: faults.Hang() if request.path == EMBEDDINGS else None)
        reply = ask(remote)
        assert reply.degraded == ("embedder",)
        assert texts(reply)[0] == "I play the cello."
        assert llm.embeddings, "it was asked, and still hangs"

    def test_hangs_when_it_is_asked_for_more_than_there_are_threads(
        self, open_workshop: OpenWorkshop, llm: FakeOpenAI
    ) -> None:
        workshop = open_workshop(threads=1)
        workshop.take_in(event("I play the cello."))
        workshop.house.models.embedder = build_embedder(
            provider="openai", model="small", dimensions=128, base_url=llm.url, api_key="k", timeout=30
        )
        llm.fail_when(lambda request: faults.Hang() if request.path == EMBEDDINGS else None)
        for _ in range(8):
            reply = ask(workshop, within=1.0)
            assert (texts(reply), reply.degraded) == (["I play the cello."], ("embedder",))

    def test_is_back(self, remote: Workshop, llm: FakeOpenAI) -> None:
        llm.fail_when(lambda request: faults.unauthorised() if request.path == EMBEDDINGS else None)
        remote.house.recall.question_embedder.prepare()
        assert ask(remote).degraded == ("embedder",)
        llm.fail_when(lambda _: None)
        assert ask(remote).degraded == ()

    def test_a_question_without_a_word_that_is_known_finds_nothing(self, remote: Workshop, llm: FakeOpenAI) -> None:
        llm.fail_when(lambda request: faults.unauthorised() if request.path == EMBEDDINGS else None)
        assert texts(ask(remote, "quantum chromodynamics")) == []


class TestTheStore:
    @pytest.mark.parametrize("query", [ASKED, None])
    def test_down_the_last_turns_come_from_the_ledger_newest_first(self, workshop: Workshop, query: str | None) -> None:
        workshop.take_in(
            event("Long ago.", occurred_at=NOON - timedelta(days=1)),
            event("First.", "Second."),
            event("Of another.", user="bob"),
            event("Of another tenant.", tenant_id="other"),
        )
        workshop.store.down()
        reply = ask(workshop, query)
        assert texts(reply) == ["Second.", "First.", "Long ago."]
        assert reply.degraded == ("vector_store",)
        assert all(memory.text in reply.text for memory in reply.memories)
        assert all((memory.kind, memory.score) == (Kind.EXCERPT, None) for memory in reply.memories)

    def test_down_only_the_user_has_turns(self, workshop: Workshop) -> None:
        workshop.take_in(event("First."))
        workshop.store.down()
        assert texts(ask(workshop, agent_id="coach", scopes=(Scope.AGENT,))) == []
        assert texts(ask(workshop, user="nobody")) == []

    def test_down_what_is_found_is_within_limit_and_budget(self, workshop: Workshop) -> None:
        workshop.take_in(event(*(f"Turn number {number}." for number in range(30))))
        workshop.store.down()
        assert len(ask(workshop, limit=5).memories) == 5
        assert texts(ask(workshop, token_budget=1)) == []

    def test_hangs(self, workshop: Workshop, slow: Callable[..., SlowStore]) -> None:
        workshop.take_in(event("I play the cello."))
        store = slow(lambda _: True)
        for query in (ASKED, None):
            reply = ask(workshop, query)
            assert (texts(reply), reply.degraded) == (["I play the cello."], ("vector_store",))
        assert not store.released.is_set()

    def test_is_away_between_finding_and_reading(self, workshop: Workshop) -> None:
        workshop.take_in(event("I play the cello."))
        workshop.store.before["get"] = store_down
        reply = ask(workshop)
        assert (texts(reply), reply.degraded) == (["I play the cello."], ("vector_store",))

    def test_is_away_when_the_answer_could_be_completed(self, workshop: Workshop) -> None:
        workshop.take_in(event("I play the cello.", "Every evening.", "It rains."))

        def down_after_reading() -> None:
            if "get" in workshop.store.calls:
                store_down()

        workshop.store.calls.clear()
        workshop.store.before["search"] = down_after_reading
        reply = ask(workshop)
        assert texts(reply)[0] == "I play the cello."
        assert reply.degraded == (), "the answer stands as it is"

    def test_is_back(self, workshop: Workshop) -> None:
        workshop.take_in(event("I play the cello."))
        workshop.store.down()
        assert ask(workshop).degraded == ("vector_store",)
        workshop.store.up()
        assert ask(workshop).degraded == ()

    def test_down_and_the_ledger_too(self, open_workshop: OpenWorkshop) -> None:
        workshop = open_workshop(postgres_url="postgresql://nobody@127.0.0.1:1/none")
        workshop.store.down()
        reply = ask(workshop)
        assert (reply.memories, reply.text, reply.degraded) == ((), "", ("vector_store", "ledger"))

    def test_down_and_the_embedder_too(self, workshop: Workshop) -> None:
        workshop.take_in(event("I play the cello."))
        workshop.store.down()
        workshop.embedder.fails = lambda _: True
        reply = ask(workshop)
        assert texts(reply) == ["I play the cello."]
        assert "vector_store" in reply.degraded


class TestAScope:
    @pytest.mark.parametrize("scope", list(Scope))
    @pytest.mark.parametrize("query", [OF_ALL, None])
    def test_that_is_slow_does_not_hold_back_the_others(
        self, workshop: Workshop, llm: FakeOpenAI, slow: Callable[..., SlowStore], scope: Scope, query: str | None
    ) -> None:
        learn(workshop, llm)
        about: dict[str, Any] = {"agent_id": "coach", "session_id": "s1"}
        whole = {memory.scope for memory in ask(workshop, query, within=30, **about).memories}
        assert whole == set(Scope)

        store = slow(of_scope(scope))
        # What was built over the store before it was slow is built anew.
        for name in ("search", "finder", "answerer"):
            workshop.house.recall.__dict__.pop(name, None)
        reply = ask(workshop, query, **about)

        assert not store.released.is_set()
        assert reply.degraded == (scope.value,)
        assert {memory.scope for memory in reply.memories} == set(Scope) - {scope}

    def test_that_is_slow_and_holds_what_is_always_kept_in(
        self, workshop: Workshop, llm: FakeOpenAI, slow: Callable[..., SlowStore]
    ) -> None:
        learn(workshop, llm)
        slow(of_scope(Scope.USER))
        reply = ask(workshop, OF_ALL, agent_id="coach", session_id="s1", always=3)
        assert reply.degraded == ("user",)
        assert {memory.scope for memory in reply.memories} == {Scope.AGENT, Scope.SESSION}

        answer = workshop.house.recall.answerer.answer(question("thanks!", always=3), WITHIN)
        assert (answer.reply.memories, answer.reply.degraded, answer.verdict) == (
            (),
            ("user",),
            RelevanceVerdict.STOPPED,
        )


def test_a_registry_that_hangs_does_not_hold_an_answer_back(workshop: Workshop, ledger_lock: LedgerLock) -> None:
    workshop.take_in(event("I play the cello."))
    with workshop.database.transaction() as connection:
        agents.put(connection, Agent("default", "silent", memory_enabled=False))
    with ledger_lock("agents"):
        reply = ask(workshop, agent_id="coach")
        assert (texts(reply), reply.degraded) == (["I play the cello."], ()), "there was time for the rest"
    assert ask(workshop, agent_id="silent").degraded == ("memory_off",)


def test_without_any_time_left_an_answer_says_what_was_missing(workshop: Workshop) -> None:
    workshop.take_in(event("I play the cello."))
    reply = ask(workshop, within=0.0)
    assert "vector_store" in reply.degraded
