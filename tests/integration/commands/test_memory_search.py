"""Searching memories and finding related ones over real stores."""

from __future__ import annotations

import threading
import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from afterword.schemas import (
    DeleteMemory,
    FindRelated,
    InvalidEvent,
    Kind,
    Memory,
    RelatedMemories,
    Relation,
    Scope,
    SearchMemories,
    SearchPage,
)
from afterword.workers.core.errors import Denied, NotFound, VectorStoreUnavailable
from afterword.workers.stores.vectors.owners import AgentOwner, Owner, SessionOwner, UserOwner
from afterword.workers.stores.vectors.payload import StoredMemory
from afterword.workers.stores.vectors.views import Views
from tests.fixtures.workshops import OpenWorkshop
from tests.integration.commands.test_commands import add, own_agent, run
from tests.support.workshop import NOON, REPLY_TO, Workshop, event

ANN = UserOwner("default", "ann")
THREAD = SessionOwner("default", "ann", "s1")
COACH = AgentOwner("default", "coach")


def stored(text: str, owner: Owner = ANN, *, days: int = 0, **more: Any) -> StoredMemory:
    """A fact of an owner, so many days after noon."""
    given: dict[str, Any] = {"scope": Scope.USER, "kind": Kind.FACT}
    match owner:
        case UserOwner(_, user):
            given |= {"user_id": user}
        case SessionOwner(_, user, session):
            given |= {"user_id": user, "session_id": session, "scope": Scope.SESSION}
        case AgentOwner(_, agent):
            given |= {"agent_id": agent, "scope": Scope.AGENT}
    at = NOON + timedelta(days=days)
    given |= {"id": str(uuid.uuid4()), "occurred_at": at, "created_at": at, **more}
    return StoredMemory(text=text, tenant_id=owner.tenant_id, **given)


def keep(workshop: Workshop, *memories: StoredMemory, owner: Owner = ANN) -> None:
    vectors = workshop.embedder.embed([memory.text for memory in memories])
    Views(workshop.store).of(owner).insert(list(zip(memories, vectors, strict=True)))


def search(workshop: Workshop, query: str | None = None, **asked: Any) -> SearchPage:
    owner = asked if {"user_id", "agent_id"} & asked.keys() else {"user_id": "ann", **asked}
    page: SearchPage = run(workshop, SearchMemories, query=query, **owner)
    return page


def texts(workshop: Workshop, query: str | None = None, **asked: Any) -> list[str]:
    return [memory.text for memory in search(workshop, query, **asked).memories]


def in_time(workshop: Workshop, seconds: float) -> SearchPage:
    """Ann's memories of Clara, asked for by somebody who waits so long."""
    command = SearchMemories(user_id="ann", query="Clara", reply_to=REPLY_TO)
    page = workshop.house.commands.commands(workshop.broker).run(command, within=seconds)
    assert isinstance(page, SearchPage)
    return page


def pages(workshop: Workshop, query: str | None, limit: int, **asked: Any) -> list[Memory]:
    found: list[Memory] = []
    cursor = None
    while True:
        page = search(workshop, query, limit=limit, cursor=cursor, **asked)
        found.extend(page.memories)
        cursor = page.next_cursor
        if cursor is None:
            return found
        assert len(page.memories) == limit


class TestByQuestion:
    def test_the_best_comes_first_with_its_relevance(self, workshop: Workshop) -> None:
        keep(workshop, stored("The weather is fine"), stored("My sister Clara lives in Porto"), stored("Ann runs"))
        found = search(workshop, "Where does my sister Clara live?").memories
        assert found[0].text == "My sister Clara lives in Porto"
        assert len(found) == 3, "what is irrelevant is told by its score"
        scores = [memory.score for memory in found]
        assert all(score is not None and 0 <= score <= 1 for score in scores)
        assert max(score or 0 for score in scores) == scores[0]
        assert search(workshop, "Where does my sister Clara live?").next_cursor is None

    def test_a_filter_changes_no_relevance(self, workshop: Workshop) -> None:
        keep(workshop, *(stored(f"Tea was had on day {number}") for number in range(30)))
        note = stored("Tea is on the shelf", kind=Kind.NOTE, topic="home")
        keep(workshop, note)
        scores = {memory.id: memory.score for memory in search(workshop, "tea", limit=100).memories}
        narrowings: list[Any] = [{"kind": Kind.NOTE}, {"topic": "home"}]
        for narrowed in narrowings:
            [found] = search(workshop, "tea", **narrowed).memories
            assert found.score == pytest.approx(scores[note.id], abs=0.001)

    def test_each_is_explained_where_it_is_asked_for(self, workshop: Workshop) -> None:
        keep(workshop, stored("My sister Clara lives in Porto"), stored("Ann runs"))
        assert search(workshop, "Clara").explanations == ()
        page = search(workshop, "Clara", explain=True, limit=1)
        [explanation] = page.explanations
        assert [explanation.memory] == list(page.memories)
        assert explanation.score == pytest.approx(sum(explanation.signals.values()), abs=1e-3)
        assert explanation.signals["lexical"] > 0
        assert explanation.left_out is None

    def test_a_page_with_explanations_ends_by_bytes_too(self, workshop: Workshop) -> None:
        keep(workshop, *(stored(f"{number} " + "tea " * 10_000) for number in range(7)))
        assert len(search(workshop, "tea").memories) == 6
        page = search(workshop, "tea", explain=True)
        assert (len(page.memories), len(page.explanations)) == (3, 3)

    def test_without_the_embedder_words_alone_find_and_it_says_so(self, workshop: Workshop) -> None:
        keep(workshop, stored("My sister Clara lives in Porto"), stored("Ann runs"))
        workshop.embedder.fails = lambda _: True
        page = search(workshop, "Clara")
        assert [memory.text for memory in page.memories] == ["My sister Clara lives in Porto"]
        assert page.degraded == ("embedder",)

    def test_without_the_store_there_is_an_error(self, workshop: Workshop) -> None:
        workshop.store.down()
        for query in ("Clara", None):
            with pytest.raises(VectorStoreUnavailable):
                search(workshop, query)

    def test_an_embedder_that_hangs_is_left_behind(self, workshop: Workshop) -> None:
        workshop.with_servers()
        keep(workshop, stored("My sister Clara lives in Porto"), stored("Ann runs"))
        released = threading.Event()
        workshop.embedder.fails = lambda _: released.wait(60)
        page = in_time(workshop, 5)
        assert [memory.text for memory in page.memories] == ["My sister Clara lives in Porto"]
        assert page.degraded == ("embedder",)
        released.set()

    def test_a_store_that_hangs_is_an_error_in_time(self, workshop: Workshop) -> None:
        workshop.with_servers()
        released = threading.Event()

        def hang() -> None:
            released.wait(60)

        workshop.store.before["search"] = hang
        with pytest.raises(VectorStoreUnavailable, match="in time"):
            in_time(workshop, 1)
        released.set()

    def test_chinese(self, workshop: Workshop) -> None:
        keep(workshop, stored("用户喜欢喝乌龙茶"), stored("用户住在杭州"))
        assert texts(workshop, "喜欢喝什么茶？")[0] == "用户喜欢喝乌龙茶"


class TestPaging:
    @pytest.mark.parametrize("query", ["tea in the morning", None])
    @pytest.mark.parametrize("limit", [1, 7, 23, 100])
    def test_each_once_and_all(self, workshop: Workshop, query: str | None, limit: int) -> None:
        memories = [stored(f"Tea number {number} was had", days=number % 5) for number in range(23)]
        keep(workshop, *memories)
        found = pages(workshop, query, limit)
        assert sorted(memory.id for memory in found) == sorted(memory.id for memory in memories)
        assert [memory.id for memory in found] == [memory.id for memory in pages(workshop, query, 100)]

    def test_what_comes_and_goes_between_pages(self, workshop: Workshop) -> None:
        memories = [stored(f"Tea number {number} was had") for number in range(12)]
        keep(workshop, *memories)
        first = search(workshop, "tea", limit=5)
        keep(workshop, *(stored(f"Tea, tea and tea {number}") for number in range(3)))
        run(workshop, DeleteMemory, user_id="ann", memory_id=first.memories[0].id)
        given = {memory.id for memory in first.memories}
        rest = {memory.id for memory in pages_from(workshop, "tea", first.next_cursor)}
        assert not given & rest
        assert {memory.id for memory in memories} == (given | rest) & {memory.id for memory in memories}

    def test_a_question_finds_two_hundred_at_most(self, workshop: Workshop) -> None:
        keep(workshop, *(stored(f"Tea number {number}") for number in range(210)))
        found = pages(workshop, "tea", 60)
        assert len({memory.id for memory in found}) == len(found) == 200

    @pytest.mark.parametrize("query", ["tea", None])
    @pytest.mark.parametrize("cursor", ["x", "nonsense", "ü", "cmFua2VkMTIz", "WzEsMl0="])
    def test_a_cursor_that_no_page_gave_is_the_caller_s_mistake(
        self, workshop: Workshop, query: str | None, cursor: str
    ) -> None:
        with pytest.raises(InvalidEvent, match="cursor"):
            search(workshop, query, cursor=cursor)

    def test_a_cursor_of_the_other_kind_is_refused(self, workshop: Workshop) -> None:
        keep(workshop, *(stored(f"Tea number {number}") for number in range(3)))
        for one, other in (("tea", None), (None, "tea")):
            cursor = search(workshop, one, limit=1).next_cursor
            with pytest.raises(InvalidEvent, match="cursor"):
                search(workshop, other, cursor=cursor)


def pages_from(workshop: Workshop, query: str, cursor: str | None) -> list[Memory]:
    found: list[Memory] = []
    while cursor is not None:
        page = search(workshop, query, limit=5, cursor=cursor)
        found.extend(page.memories)
        cursor = page.next_cursor
    return found


@pytest.mark.parametrize("query", ["What about tea?", None])
class TestFilters:
    @pytest.fixture(autouse=True)
    def _memories(self, workshop: Workshop) -> None:
        metadata = {"source": "form", "level": 3, "sure": True}
        keep(
            workshop,
            stored("Tea fact", days=1, topic="food", metadata=metadata),
            stored("Tea note", kind=Kind.NOTE, days=2, topic="home", metadata={"level": 3.5, "sure": False}),
            stored("Tea turn", kind=Kind.EXCERPT, days=3, agent_id="coach", session_id="s1", topic="food"),
            stored("Tea talk", THREAD, days=4, metadata={"level": "3", "a.b": "x"}),
        )
        keep(workshop, stored("Tea rule", COACH, days=5, metadata=metadata), owner=COACH)

    @pytest.mark.parametrize(
        ("asked", "found"),
        [
            ({}, ["fact", "note", "talk", "turn"]),
            ({"scope": Scope.USER}, ["fact", "note", "turn"]),
            ({"scope": Scope.SESSION}, ["talk"]),
            ({"kind": Kind.EXCERPT}, ["turn"]),
            ({"session_id": "s1"}, ["talk", "turn"]),
            ({"session_id": "s2"}, []),
            ({"agent_id": "coach", "user_id": "ann"}, ["turn"]),
            ({"agent_id": "other", "user_id": "ann"}, []),
            ({"since": NOON + timedelta(days=2)}, ["note", "talk", "turn"]),
            ({"until": NOON + timedelta(days=2)}, ["fact"]),
            ({"since": NOON + timedelta(days=2), "until": NOON + timedelta(days=4)}, ["note", "turn"]),
            ({"topic": "food"}, ["fact", "turn"]),
            ({"metadata": {"source": "form"}}, ["fact"]),
            ({"metadata": {"level": 3}}, ["fact"]),
            ({"metadata": {"level": 3.5}}, ["note"]),
            ({"metadata": {"level": "3"}}, ["talk"]),
            ({"metadata": {"sure": True}}, ["fact"]),
            ({"metadata": {"sure": False}}, ["note"]),
            ({"metadata": {"a.b": "x"}}, ["talk"]),
            ({"metadata": {"source": "form", "level": 4}}, []),
            ({"scope": Scope.USER, "topic": "food", "kind": Kind.FACT, "metadata": {"level": 3}}, ["fact"]),
        ],
    )
    def test_each_narrows(self, workshop: Workshop, query: str | None, asked: dict[str, Any], found: list[str]) -> None:
        owner = {"user_id": "ann"} | asked
        assert sorted(texts(workshop, query, **owner)) == [f"Tea {each}" for each in found]

    def test_a_topic_there_is_not_is_named(self, workshop: Workshop, query: str | None) -> None:
        with pytest.raises(InvalidEvent, match="topic: must be one of family"):
            search(workshop, query, topic="tea")

    def test_an_agent_s_own_are_open_to_its_owner_only(self, workshop: Workshop, query: str | None) -> None:
        own_agent(workshop)
        assert texts(workshop, query, agent_id="coach", by="acme", metadata={"sure": True}) == ["Tea rule"]
        for by in ("mallory", "ann", None):
            with pytest.raises(Denied):
                search(workshop, query, agent_id="coach", by=by)

    def test_nobody_searches_what_is_another_s(self, workshop: Workshop, query: str | None) -> None:
        with pytest.raises(Denied):
            search(workshop, query, user_id="ann", by="bob")
        assert texts(workshop, query, user_id="bob") == []
        assert texts(workshop, query, user_id="bob", agent_id="coach") == []
        assert texts(workshop, query, user_id="ann", tenant_id="other") == []


def related(workshop: Workshop, memory: StoredMemory | Memory, **asked: Any) -> list[tuple[str, str]]:
    found: RelatedMemories = run(workshop, FindRelated, memory_id=memory.id, **({"user_id": "ann"} | asked))
    return [(each.memory.text, each.relation.value) for each in found.related]


class TestRelated:
    def test_linked_both_ways_then_the_nearest(self, workshop: Workshop) -> None:
        old = stored("Ann lives in Rome")
        new = stored("Moved to Paris for love", linked_memory_ids=(old.id,))
        newer = stored("The flat has a balcony", linked_memory_ids=(new.id, str(uuid.uuid4())))
        near = stored("Moved to Paris by train")
        keep(workshop, old, new, newer, near, stored("Likes olives"))
        found = related(workshop, new, limit=3)
        assert set(found[:2]) == {("Ann lives in Rome", "linked"), ("The flat has a balcony", "linked")}
        assert found[2:] == [("Moved to Paris by train", "similar")]
        assert related(workshop, old)[0] == ("Moved to Paris for love", "linked")
        assert len(related(workshop, new)) == 4, "itself is not among them, and each other once"

    def test_the_score_tells_how_near(self, workshop: Workshop) -> None:
        memories = [stored("Ann plays the cello in Porto"), stored("Ann plays the cello"), stored("Olives")]
        keep(workshop, *memories)
        found: RelatedMemories = run(workshop, FindRelated, user_id="ann", memory_id=memories[0].id)
        assert [each.memory.text for each in found.related] == ["Ann plays the cello", "Olives"]
        scores = [each.memory.score for each in found.related]
        assert all(each is not None and 0 <= each <= 1 for each in scores)
        assert (scores[0] or 0) > (scores[1] or 0)

    def test_only_the_owner_s(self, workshop: Workshop) -> None:
        bobs = stored("Bob moved to Paris", UserOwner("default", "bob"))
        rule = stored("Paris is answered in French", COACH)
        mine = stored("Ann moved to Paris", linked_memory_ids=(bobs.id, rule.id))
        naming = replace(bobs, id=str(uuid.uuid4()), linked_memory_ids=(mine.id,))
        keep(workshop, mine)
        keep(workshop, bobs, naming, owner=UserOwner("default", "bob"))
        keep(workshop, rule, owner=COACH)
        own_agent(workshop)
        assert related(workshop, mine) == []
        assert related(workshop, rule, user_id=None, agent_id="coach", by="acme") == []
        for denied in ({"by": "bob"}, {"user_id": None, "agent_id": "coach"}):
            with pytest.raises(Denied):
                related(workshop, mine, **denied)
        for stranger in ({"user_id": "bob"}, {"tenant_id": "other"}):
            with pytest.raises(NotFound):
                related(workshop, mine, **stranger)

    def test_a_note_and_an_excerpt_have_neighbours_too(self, workshop: Workshop) -> None:
        workshop.take_in(event("I play the cello."))
        note = add(workshop, "Ann plays the cello")
        assert related(workshop, note) == [("I play the cello.", Relation.SIMILAR)]

    def test_it_ends_where_a_page_does(self, workshop: Workshop) -> None:
        mine = stored("Ann plays the cello")
        linked = stored("cello " * 8_000, linked_memory_ids=(mine.id,))
        keep(workshop, mine, linked, *(stored(f"{number} " + "cello " * 8_000) for number in range(7)))
        found: RelatedMemories = run(workshop, FindRelated, user_id="ann", memory_id=mine.id)
        assert [each.relation for each in found.related] == [Relation.LINKED, *4 * [Relation.SIMILAR]]

    def test_without_the_embedder_it_says_so(self, workshop: Workshop) -> None:
        mine = stored("Ann plays the cello")
        keep(workshop, mine, stored("A cello is large"), stored("Olives"))
        workshop.embedder.fails = lambda _: True
        found: RelatedMemories = run(workshop, FindRelated, user_id="ann", memory_id=mine.id)
        assert [each.memory.text for each in found.related] == ["A cello is large"]
        assert found.degraded == ("embedder",)


def test_what_has_expired_is_not_found(open_workshop: OpenWorkshop) -> None:
    workshop = open_workshop()
    gone = stored("Tea is over", expires_at=datetime.fromisoformat("2026-05-02T00:00:00+00:00"))
    mine = stored("Tea is on", linked_memory_ids=(gone.id,))
    keep(workshop, gone, mine)
    assert texts(workshop, "tea") == texts(workshop) == ["Tea is on"]
    assert related(workshop, mine) == []
