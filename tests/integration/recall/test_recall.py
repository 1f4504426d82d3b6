"""Answering context requests over real stores: everything in one request, nothing of anybody else."""

from __future__ import annotations

import random
import time
from datetime import timedelta
from typing import Any

import pytest

from afterword.schemas import Kind, Scope
from afterword.workers.models.tokenizers.port import EstimatingTokenizer
from afterword.workers.stores.ledger import agents
from afterword.workers.stores.ledger.agents import Agent
from tests.fixtures.workshops import OpenWorkshop
from tests.support.fake_openai import Fact, FakeOpenAI, by_content, given
from tests.support.workshop import NOON, Workshop, event, question


def learn(workshop: Workshop, llm: FakeOpenAI, *facts: Fact, **said: Any) -> None:
    """Facts of one conversation of ann with the coach in session s1."""
    llm.answer_with(given(*facts))
    workshop.take_in(event("Let us talk.", **{"agent_id": "coach", "session_id": "s1", **said}))
    workshop.extract_all()


def texts(workshop: Workshop, query: str | None, **more: Any) -> list[str]:
    reply = workshop.ask(question(query, **more))
    assert reply.degraded == ()
    return [memory.text for memory in reply.memories]


class TestScopes:
    def test_facts_and_excerpts_of_all_scopes_come_in_one_request(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        learn(
            workshop,
            llm,
            Fact("Ann drinks green tea"),
            Fact("Tea questions deserve short answers", "agent"),
            Fact("A tea ceremony is being planned", "session"),
        )
        workshop.take_in(event("I also like black tea.", session_id="s0"))
        workshop.house.recall.question_embedder.prepare()
        workshop.store.calls.clear()
        workshop.embedder.batches.clear()
        reply = workshop.ask(question("What tea does Ann drink at the ceremony?", agent_id="coach", session_id="s1"))
        assert workshop.store.calls == ["search", "get", "search"], (
            "all scopes, what was found, what was said around it"
        )
        assert workshop.embedder.batches == [["What tea does Ann drink at the ceremony?"]]
        assert {(memory.scope, memory.kind) for memory in reply.memories} == {
            (Scope.USER, Kind.FACT),
            (Scope.AGENT, Kind.FACT),
            (Scope.SESSION, Kind.FACT),
            (Scope.USER, Kind.EXCERPT),
        }
        assert all(memory.text in reply.text for memory in reply.memories)
        assert set(reply.timings_ms) == {"embed", "search", "rank", "total"}

    def test_facts_of_other_sessions_and_agents_are_not_shown(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        learn(workshop, llm, Fact("tea for the agent", "agent"), Fact("tea for the session", "session"))
        assert texts(workshop, "tea", agent_id="other", session_id="s2") == []
        assert texts(workshop, "tea") == []
        assert texts(workshop, None, session_id="s2") == ["Let us talk."]

    def test_only_the_scopes_asked_for(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        learn(workshop, llm, Fact("tea one"), Fact("tea two", "agent"), Fact("tea three", "session"))
        assert texts(workshop, "tea", agent_id="coach", session_id="s1", scopes=(Scope.AGENT,)) == ["tea two"]
        assert texts(workshop, "tea", scopes=(Scope.AGENT, Scope.SESSION)) == []

    def test_nobody_sees_what_is_not_theirs(self, open_workshop: OpenWorkshop, llm: FakeOpenAI) -> None:
        """Owners by chance, all speaking of the same thing; each answer is compared with who may see it."""
        workshop = open_workshop(relevance_floor=0.0)
        seed = random.randrange(10**6)
        chance = random.Random(seed)
        owners = [
            (tenant, user, agent, session)
            for tenant in ("t1", "t2")
            for user in ("ann", "bob")
            for agent in ("coach", "cook")
            for session in ("s1", "s2")
        ]
        rules = {}
        for number, owner in enumerate(owners):
            name = "/".join(owner)
            rules[name] = [Fact(f"tea {scope} of {name}", scope) for scope in ("user", "agent", "session")]
            tenant, user, agent, session = owner
            said = event(name, user=user, tenant_id=tenant, agent_id=agent, session_id=session, event_id=f"e{number}")
            workshop.take_in(said)
        llm.answer_with(by_content(rules))
        workshop.extract_all()
        for tenant, user, agent, session in chance.sample(owners, 8):
            query = chance.choice(["tea", None])
            found = texts(
                workshop, query, user=user, tenant_id=tenant, agent_id=agent, session_id=session, limit=100,
                token_budget=10_000,
            )  # fmt: skip
            expected = {
                *(f"tea user of {name}" for name in rules if name.startswith(f"{tenant}/{user}/")),
                *(f"tea agent of {name}" for name in rules if name.startswith(f"{tenant}/") and f"/{agent}/" in name),
                *(f"tea session of {name}" for name in rules if name.startswith(f"{tenant}/{user}/")
                  and name.endswith(f"/{session}")),
            }  # fmt: skip
            assert {text for text in found if text.startswith("tea")} == expected, f"seed {seed}"
            assert all(text.startswith(("tea", f"{tenant}/{user}/")) for text in found), f"seed {seed}"


class TestDegrading:
    def test_without_the_embedder_words_alone_find(self, workshop: Workshop) -> None:
        workshop.take_in(event("I play the cello."))
        workshop.embedder.fails = lambda _: True
        reply = workshop.ask(question("Who plays the cello?"))
        assert [memory.text for memory in reply.memories] == ["I play the cello."]
        assert reply.degraded == ("embedder",)

    def test_switched_off(self, open_workshop: OpenWorkshop) -> None:
        workshop = open_workshop(memory_enabled=False)
        reply = workshop.ask(question("cello"))
        assert (reply.memories, reply.degraded) == ((), ("memory_off",))
        assert workshop.store.calls == []

    def test_an_agent_that_does_not_remember(self, workshop: Workshop) -> None:
        with workshop.database.transaction() as connection:
            agents.put(connection, Agent("default", "silent", memory_enabled=False))
        workshop.take_in(event("I play the cello."))
        assert workshop.ask(question("cello", agent_id="silent")).degraded == ("memory_off",)
        assert texts(workshop, "cello", agent_id="other") == ["I play the cello."]

    def test_the_registry_out_of_reach_does_not_stop_an_answer(self, open_workshop: OpenWorkshop) -> None:
        workshop = open_workshop(postgres_url="postgresql://nobody@127.0.0.1:1/none")
        assert texts(workshop, "cello", agent_id="coach") == []


class TestChoosing:
    def test_without_a_question_what_was_learned_comes_first_then_the_newest(
        self, workshop: Workshop, llm: FakeOpenAI
    ) -> None:
        learn(workshop, llm, Fact("Ann drinks tea"))
        for hour in (1, 3, 2):
            workshop.take_in(event(f"hour {hour}", occurred_at=NOON + timedelta(hours=hour)))
        reply = workshop.ask(question(None))
        assert [memory.text for memory in reply.memories] == [
            "Ann drinks tea",
            "hour 3",
            "hour 2",
            "hour 1",
        ], "the turn that the fact was learned from says nothing new"
        assert all(memory.score is None for memory in reply.memories)

    def test_asked_what_is_known_of_them_everybody_is_told(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        learn(workshop, llm, Fact("Ann drinks tea"), Fact("Ann plays the cello"))
        for query in ("What do you know about me?", "你知道我什么？"):
            assert texts(workshop, query) == texts(workshop, None)
            assert {"Ann drinks tea", "Ann plays the cello"} <= set(texts(workshop, query))

    def test_limit_and_budget_hold(self, open_workshop: OpenWorkshop) -> None:
        workshop = open_workshop(relevance_floor=0.0)
        workshop.take_in(event(*(f"Tea number {number} is rather good." for number in range(20))))
        assert len(texts(workshop, "tea", limit=3)) == 3
        assert len(texts(workshop, "tea", limit=100)) == 20
        few = workshop.ask(question("tea", limit=100, token_budget=120))
        assert 0 < len(few.memories) < 20
        assert texts(workshop, "tea", token_budget=1) == []

    def test_the_best_comes_first(self, workshop: Workshop) -> None:
        workshop.take_in(event("The weather is fine.", "My sister Clara lives in Porto.", "Porto is a city."))
        assert texts(workshop, "Where does my sister Clara live?")[0] == "My sister Clara lives in Porto."

    def test_what_has_nothing_to_do_with_it_is_left_out(self, workshop: Workshop) -> None:
        workshop.take_in(event("My sister Clara lives in Porto."))
        assert texts(workshop, "quantum chromodynamics") == []

    def test_the_question_itself_is_not_an_answer(self, workshop: Workshop) -> None:
        workshop.take_in(event("Where did I leave my keys?", "My keys are on the shelf."))
        assert texts(workshop, "Where did I leave  my keys?") == ["My keys are on the shelf."]

    @pytest.mark.parametrize("query", ["", "   ", "the", "?!", "🙂", "half \ud83d", "nul \x00", "long " * 20_000])
    def test_no_question_is_too_odd(self, workshop: Workshop, query: str) -> None:
        workshop.take_in(event("My sister Clara lives in Porto."))
        workshop.ask(question(query))

    def test_chinese(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        learn(workshop, llm, Fact("用户喜欢喝乌龙茶"), Fact("用户住在杭州"))
        reply = workshop.ask(question("我喜欢喝什么茶？", agent_id="coach", session_id="s1"))
        assert reply.memories[0].text == "用户喜欢喝乌龙茶"
        assert "关于用户" in reply.text

    def test_traditional_chinese(self, workshop: Workshop, llm: FakeOpenAI) -> None:
        learn(workshop, llm, Fact("用戶喜歡喝烏龍茶"), Fact("用戶住在杭州"))
        reply = workshop.ask(question("我喜歡喝什麼茶？", agent_id="coach", session_id="s1"))
        assert reply.memories[0].text == "用戶喜歡喝烏龍茶"
        assert "關於使用者" in reply.text


@pytest.mark.parametrize("others", ["我喜歡喝烏龍茶", "我喜欢喝乌龙茶", "お茶が好き"])
def test_the_budget_holds_where_memories_of_several_languages_compete(workshop: Workshop, others: str) -> None:
    workshop.take_in(event(*(f"{others} {number}" for number in range(4)), session_id="s0"))
    long = [" ".join([f"In year {number} I moved to another town and began again."] * 4) for number in range(3)]
    workshop.take_in(event(*long, occurred_at=(NOON + timedelta(days=1)).isoformat(), session_id="s1"))
    given = 0
    for budget in range(16, 160, 3):
        reply = workshop.ask(question(None, token_budget=budget))
        assert EstimatingTokenizer().count(reply.text) <= budget
        given += len(reply.memories)
    assert given


def test_a_store_in_this_process_that_is_too_slow_is_named_and_nothing_else(workshop: Workshop) -> None:
    workshop.take_in(event("I play the cello."))
    workshop.house.recall.question_embedder.prepare()
    workshop.store.before["search"] = lambda: time.sleep(1.1)
    reply = workshop.house.recall.answerer.answer(question("Who plays the cello?"), 1.0).reply
    assert reply.degraded == ("vector_store",)
    assert reply.memories == ()
