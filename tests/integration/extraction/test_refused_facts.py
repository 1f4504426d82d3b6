"""A fact that the embedder refuses is written by its words alone, and listed; the rest of its batch goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from afterword.schemas import Kind
from afterword.workers.models.embedders.fitting import FittingEmbedder
from afterword.workers.models.embedders.limits import EmbeddingLimits
from afterword.workers.models.embedders.port import EmbedderIdentity, Vector
from afterword.workers.models.embedders.refusals import Cause, RequestRefused
from afterword.workers.stores.vectors.payload import from_payload
from afterword.workers.stores.vectors.queries import Dense, Filter, Match, Search
from tests.fixtures.workshops import OpenWorkshop
from tests.support.extractions import count, facts
from tests.support.fake_openai import Fact, FakeOpenAI, given
from tests.support.workshop import Crash, Workshop, crash, event, question

GOOD, REFUSED, SHARED = "Ann plays the cello", "Ann's bassoon is from Leipzig", "Bassoon jokes go down well"


@pytest.fixture
def said(workshop: Workshop, llm: FakeOpenAI) -> Workshop:
    """A conversation is taken in; of its three facts the embedder refuses those with a bassoon."""
    llm.answer_with(given(Fact(GOOD), Fact(REFUSED), Fact(SHARED, "agent")))
    workshop.take_in(event("I play the cello.", agent_id="coach"))
    workshop.embedder.refuses = lambda text: "assoon" in text
    return workshop


def id_of(workshop: Workshop, text: str) -> str:
    [found] = [memory.id for memory in workshop.memories(kind=Kind.FACT) if memory.text == text]
    return found


def saved(workshop: Workshop) -> list[Any]:
    """The audit rows of batches of facts."""
    rows = [row for row in workshop.audited() if row.type == "memory_save"]
    return [row for row in rows if row.metadata["kind"] == "fact"]


def listed(workshop: Workshop) -> list[str]:
    """The facts without a vector, as the only row of a batch lists them."""
    [row] = saved(workshop)
    return list(row.metadata.get("without_vector", ()))


def near(workshop: Workshop, text: str) -> list[str]:
    """The texts of all memories that have a vector, nearest first."""
    [vector] = workshop.embedder.embed([text])
    everything = Filter(must_not=(Match("tenant_id", ("no such tenant",)),))
    [hits] = workshop.store.search([Search(Dense(vector), everything, 100)])
    return [from_payload(hit.id, hit.payload).text for hit in hits]


def attempts(workshop: Workshop) -> int:
    burned: int = workshop.subject().attempts
    return burned


class TestOneBesideGoodOnes:
    def test_all_are_written_and_it_is_listed(self, said: Workshop, llm: FakeOpenAI) -> None:
        assert said.extract_all() == 1

        assert said.statuses() == ["done"]
        assert (len(llm.chats), attempts(said)) == (1, 0)
        assert facts(said) == [GOOD, REFUSED, SHARED]
        assert listed(said) == [id_of(said, REFUSED), id_of(said, SHARED)]
        assert saved(said)[0].result_count == 3
        assert said.rows("SELECT 1 FROM journal") == []

    def test_it_is_found_by_its_words(self, said: Workshop) -> None:
        said.extract_all()
        said.embedder.refuses = lambda _: False

        found = said.ask(question("Where is the bassoon from?"))

        assert REFUSED in [memory.text for memory in found.memories]

    def test_one_that_its_owner_has_already_is_not_listed_again(self, said: Workshop) -> None:
        said.extract_all()
        said.take_in(event("Did I say that I play the cello?", agent_id="coach"))

        said.extract_all()

        assert facts(said) == [GOOD, REFUSED, SHARED]
        [first, second] = saved(said)
        assert len(first.metadata["without_vector"]) == 2
        assert (second.metadata["duplicates"], "without_vector" in second.metadata) == (3, False)

    def test_nothing_is_listed_where_nothing_is_refused(self, said: Workshop) -> None:
        said.embedder.refuses = lambda _: False
        said.extract_all()
        assert "without_vector" not in saved(said)[0].metadata


class TestAllOfThem:
    def test_they_are_written_and_listed(self, said: Workshop) -> None:
        """The end of the batch, by which mem0 looks for what is known, is refused too."""
        said.embedder.refuses = lambda _: True

        said.extract_all()

        assert (said.statuses(), attempts(said)) == (["done"], 0)
        assert facts(said) == [GOOD, REFUSED, SHARED]
        assert set(listed(said)) == {memory.id for memory in said.memories(kind=Kind.FACT)}
        assert said.extract_all() == 0


class TestResuming:
    @pytest.mark.parametrize("where", ["before insert", "half-way through insert", "after insert", "before get"])
    def test_each_is_there_once_and_listed_once(self, said: Workshop, llm: FakeOpenAI, where: str) -> None:
        moment, _, call = where.rpartition(" ")
        said.store.keep_first = moment.startswith("half")
        (said.store.before if moment == "before" else said.store.after)[call] = crash
        with pytest.raises(Crash):
            said.extract_all()
        journalled = {fact["id"] for fact in said.rows("SELECT facts FROM journal")[0].facts}
        said.store.up()
        said.lease_runs_out()

        assert said.extract_all() == 1

        assert len(llm.chats) == 1
        assert facts(said) == [GOOD, REFUSED, SHARED]
        assert {memory.id for memory in said.memories(kind=Kind.FACT)} == journalled
        assert listed(said) == [id_of(said, REFUSED), id_of(said, SHARED)]
        assert said.audit_types().count("memory_add") == 3

    def test_those_that_are_taken_by_then_get_their_vector_and_are_not_listed(self, said: Workshop) -> None:
        said.store.after["insert"] = crash
        with pytest.raises(Crash):
            said.extract_all()
        said.store.up()
        said.lease_runs_out()
        said.embedder.refuses = lambda _: False

        assert said.extract_all() == 1

        assert listed(said) == []
        assert {REFUSED, SHARED} <= set(near(said, REFUSED))


class TestAway:
    def test_an_embedder_that_is_away_burns_no_attempt(self, said: Workshop, llm: FakeOpenAI) -> None:
        said.embedder.fails = lambda text: "assoon" in text
        said.extract_all()
        assert (facts(said), attempts(said)) == ([], 0)
        assert len(said.rows("SELECT 1 FROM journal")) == 1

        said.embedder.fails = said.embedder.refuses = lambda _: False
        said.due_now()
        said.extract_all()

        assert (said.statuses(), len(llm.chats)) == (["done"], 1)
        assert facts(said) == [GOOD, REFUSED, SHARED]
        assert listed(said) == []


class _Choosy:
    """An embedding server, one request at a time, that takes no text with this word."""

    def __init__(self, takes: Callable[[Sequence[str]], list[Vector]], identity: EmbedderIdentity, word: str) -> None:
        self._takes = takes
        self._word = word
        self.identity = identity

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        if any(self._word in text for text in texts):
            raise RequestRefused("HTTP 400", texts, Cause.UNSAID)
        return self._takes(texts)


def test_a_server_that_refuses_one_is_asked_for_the_others_and_it_is_counted(
    open_workshop: OpenWorkshop, llm: FakeOpenAI
) -> None:
    workshop = open_workshop()
    choosy = _Choosy(workshop.embedder.embed, workshop.embedder.identity, "bassoon")
    workshop.house.models.embedder = FittingEmbedder(choosy, EmbeddingLimits("of a test"), workshop.house.metrics)
    llm.answer_with(given(Fact(GOOD), Fact(REFUSED)))
    workshop.take_in(event("I play the cello."))

    workshop.extract_all()

    assert (workshop.statuses(), attempts(workshop)) == (["done"], 0)
    assert facts(workshop) == [GOOD, REFUSED]
    assert listed(workshop) == [id_of(workshop, REFUSED)]
    assert count(workshop, "afterword_embedder_refused_total", outcome="given_up") == 1
