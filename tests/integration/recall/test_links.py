"""What is linked with a memory that matched completes a context, of the owners it is for and of nobody else."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from afterword.schemas import ContextReply, Kind, Scope
from afterword.workers.stores.vectors.owners import UserOwner
from tests.integration.commands.test_memory_search import COACH, THREAD, keep, stored
from tests.support.workshop import Workshop, event, question

ASKED = "Where does Clara live?"


def context(workshop: Workshop, query: str = ASKED, **more: Any) -> ContextReply:
    reply: ContextReply = workshop.ask(question(query, **{"agent_id": "coach", "session_id": "s1", **more}))
    return reply


def texts(reply: ContextReply) -> list[str]:
    return [memory.text for memory in reply.memories]


class TestLinks:
    def test_what_a_match_links_to_comes_after_the_matches(self, workshop: Workshop) -> None:
        thing = stored("Her balcony faces the river")
        keep(workshop, thing, stored("Clara lives in Porto", linked_memory_ids=(thing.id,)), stored("Olives are green"))
        reply = context(workshop)
        assert texts(reply) == ["Clara lives in Porto", "Her balcony faces the river"]
        assert reply.memories[0].score is not None
        assert reply.memories[1].score is None
        assert "balcony" in reply.text

    def test_what_links_to_a_match_comes_too(self, workshop: Workshop) -> None:
        match = stored("Clara lives in Porto")
        keep(workshop, match, stored("Her balcony faces the river", linked_memory_ids=(match.id,)))
        assert texts(context(workshop)) == ["Clara lives in Porto", "Her balcony faces the river"]

    def test_across_scopes_of_the_same_owners(self, workshop: Workshop) -> None:
        rule = stored("Answer with a map", COACH)
        match = stored("Clara lives in Porto", linked_memory_ids=(rule.id,))
        plan = stored("A visit is being planned", THREAD, linked_memory_ids=(match.id,))
        keep(workshop, rule, owner=COACH)
        keep(workshop, match, plan)
        assert set(texts(context(workshop))) == {match.text, rule.text, plan.text}
        assert set(texts(context(workshop, agent_id=None))) == {match.text, plan.text}
        assert texts(context(workshop, agent_id="other", session_id="s2")) == [match.text]
        assert texts(context(workshop, scopes=(Scope.USER,))) == [match.text]

    def test_never_another_s(self, workshop: Workshop) -> None:
        bob = UserOwner("default", "bob")
        theirs = stored("Bob hides a key", bob)
        match = stored("Clara lives in Porto", linked_memory_ids=(theirs.id,))
        keep(workshop, match)
        keep(workshop, theirs, stored("Bob knows where", bob, linked_memory_ids=(match.id,)), owner=bob)
        assert texts(context(workshop)) == [match.text]

    def test_what_has_expired_stays_away(self, workshop: Workshop) -> None:
        gone = stored("Her balcony faces the river", expires_at=datetime.now(UTC) - timedelta(hours=1))
        keep(workshop, gone, stored("Clara lives in Porto", linked_memory_ids=(gone.id, str(uuid.uuid4()))))
        assert texts(context(workshop)) == ["Clara lives in Porto"]

    def test_only_where_there_is_room(self, workshop: Workshop) -> None:
        thing = stored("Her balcony faces the river")
        keep(workshop, thing, stored("Clara lives in Porto", linked_memory_ids=(thing.id,)))
        assert texts(context(workshop, limit=1)) == ["Clara lives in Porto"]
        assert texts(context(workshop, token_budget=20)) == ["Clara lives in Porto"]

    def test_what_is_kept_in_anyhow_brings_nothing_along(self, workshop: Workshop) -> None:
        thing = stored("Her balcony faces the river")
        keep(workshop, thing, stored("Ann is a nurse", linked_memory_ids=(thing.id,), importance=0.9))
        assert texts(context(workshop, "quantum chromodynamics", always=3)) == ["Ann is a nurse"]

    def test_turns_and_links_come_in_one_request(self, workshop: Workshop) -> None:
        thing = stored("Her balcony faces the river")
        keep(workshop, thing, stored("Clara lives in Porto", linked_memory_ids=(thing.id,)))
        workshop.take_in(event("Shall we talk?", "Clara lives far from the sea."))
        workshop.store.calls.clear()
        reply = context(workshop)
        assert {memory.kind for memory in reply.memories} == {Kind.FACT, Kind.EXCERPT}
        assert {"Her balcony faces the river", "Shall we talk?"} <= set(texts(reply))
        assert workshop.store.calls.count("search") == 2, "the question, and what completes its answer"

    def test_without_a_match_nothing_is_asked_for(self, workshop: Workshop) -> None:
        thing = stored("Her balcony faces the river")
        keep(workshop, thing, stored("Clara lives in Porto", linked_memory_ids=(thing.id,)))
        workshop.store.calls.clear()
        assert texts(context(workshop, "quantum chromodynamics")) == []
        assert workshop.store.calls.count("search") == 1
