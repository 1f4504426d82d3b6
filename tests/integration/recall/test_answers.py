"""The content of a context: the relevance floor, what is always kept in, what completes, budgets, explanations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afterword.schemas import ContextReply, Kind, Scope
from afterword.workers.actors import context
from afterword.workers.actors.requests import Responder
from afterword.workers.models.embedders.port import EmbedderIdentity, Vector
from afterword.workers.models.tokenizers.port import EstimatingTokenizer
from afterword.workers.services.recall.answering import RelevanceVerdict
from tests.fixtures.workshops import OpenWorkshop
from tests.integration.commands.test_memory_search import COACH, THREAD, keep, stored
from tests.integration.observing.test_metrics import count
from tests.support.workshop import Workshop, event, question


def ask(workshop: Workshop, query: str | None, **about: Any) -> ContextReply:
    reply: ContextReply = workshop.ask(question(query, **about))
    return reply


def texts(reply: ContextReply) -> list[str]:
    return [memory.text for memory in reply.memories]


class KnowingEmbedder:
    """Knows which texts are of one subject, and that nothing else has to do with them."""

    identity = EmbedderIdentity("test", "knowing", 128)
    _SUBJECTS = (
        ("cello", "instrument", "rehears"),
        ("Porto", "live", "flat"),
        ("allerg", "peanut", "eat"),
    )

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        if len(texts) > 20:  # questions with their answers
            return [self._axis(20 + number // 2) for number in range(len(texts))]
        return [self._axis(self._subject(text)) for text in texts]

    def _subject(self, text: str) -> int:
        known = [place for place, words in enumerate(self._SUBJECTS) if any(word in text for word in words)]
        return known[0] if known else 60 + sum(text.encode()) % 60

    def _axis(self, place: int) -> Vector:
        return [float(each == place) for each in range(128)]


@pytest.fixture
def knowing(workshop: Workshop) -> None:
    """The workshop's embedder is one that knows."""
    workshop.house.models.embedder = KnowingEmbedder()


@pytest.mark.usefixtures("knowing", "said")
class TestTheRelevanceFloor:
    SAID = ("I play the cello.", "We found a flat in Porto.", "Peanuts make me ill: an allergy.")

    @pytest.fixture
    def said(self, workshop: Workshop) -> None:
        for number, each in enumerate(self.SAID):
            workshop.take_in(event(each, session_id=f"s{number}"))

    def test_what_shares_its_meaning_passes_without_a_word_in_common(self, workshop: Workshop) -> None:
        for query, expected in zip(
            ("Which instrument was it?", "Where do they live?", "What may he not eat?"), self.SAID, strict=True
        ):
            answer = workshop.house.recall.answerer.answer(question(query))
            assert texts(answer.reply) == [expected]
            assert answer.verdict is RelevanceVerdict.PASSED
            assert 0.9 < (answer.reply.memories[0].score or 0) <= 1

    @pytest.mark.parametrize(
        "query", ["Translate this poem into Welsh", "quantum chromodynamics", "明日の天気は？", "2 + 2"]
    )
    def test_what_has_nothing_to_do_with_it_is_stopped(self, workshop: Workshop, query: str) -> None:
        answer = workshop.house.recall.answerer.answer(question(query))
        assert (answer.reply.memories, answer.reply.text, answer.reply.degraded) == ((), "", ())
        assert (answer.verdict, answer.has_memories) == (RelevanceVerdict.STOPPED, True)

    def test_scores_are_between_0_and_1_and_the_best_is_first(self, workshop: Workshop) -> None:
        reply = ask(workshop, "Which instrument is played in the flat in Porto?")
        scores = [memory.score for memory in reply.memories if memory.score is not None]
        assert scores
        assert all(0 <= score <= 1 for score in scores)

    def test_the_verdict_is_counted_and_what_was_retrieved(self, workshop: Workshop) -> None:
        broker, metrics = workshop.broker, workshop.house.metrics
        context.declare(broker, workshop.house.recall.answerer, Responder(broker.client, broker.clock), None, metrics)
        answer = broker.get_actor("answer_context").fn

        def counted() -> tuple[float, ...]:
            gate = (count(workshop, "relevance_gate_total", outcome=outcome) for outcome in RelevanceVerdict)
            found = (
                count(workshop, "retrievals_total", outcome=outcome) for outcome in ("success", "empty", "degraded")
            )
            return (*gate, *found)

        assert counted() == (0, 0, 0, 0, 0, 0)
        answer(question("Which instrument was it?").model_dump(mode="json"))
        assert counted() == (1, 0, 0, 1, 0, 0)
        answer(question("Translate this poem into Welsh").model_dump(mode="json"))
        assert counted() == (1, 1, 0, 1, 0, 0), "there was nothing to retrieve"
        answer(question("thanks!").model_dump(mode="json"))
        assert counted() == (1, 2, 0, 1, 0, 0)
        answer(question(None).model_dump(mode="json"))
        assert counted() == (1, 2, 0, 1, 0, 0), "nothing was asked"
        answer(question("Which instrument was it?", user="nobody").model_dump(mode="json"))
        assert counted()[3:] == (1, 0, 0), "who has no memories cannot be found any"
        answer(question("Which instrument was it?", token_budget=1).model_dump(mode="json"))
        assert counted()[3:] == (1, 1, 0)


class TestSmallTalk:
    @pytest.mark.parametrize("query", ["thanks!", "谢谢你", "ありがとう", "👍🎉", "ok"])
    def test_asks_for_nothing_and_of_nobody(self, workshop: Workshop, query: str) -> None:
        workshop.take_in(event("Thanks a lot!", "ok then", "谢谢"))
        workshop.store.calls.clear()
        workshop.embedder.batches.clear()
        answer = workshop.house.recall.answerer.answer(question(query))
        assert (answer.reply.memories, answer.reply.text, answer.reply.degraded) == ((), "", ())
        assert answer.verdict is RelevanceVerdict.STOPPED
        assert workshop.store.calls == []
        assert workshop.embedder.batches == []


class TestAlways:
    @pytest.fixture(autouse=True)
    def facts(self, workshop: Workshop) -> None:
        keep(
            workshop,
            stored("Her name is Ann", importance=0.9),
            stored("She is allergic to peanuts", importance=1.0),
            stored("She likes trains", importance=0.2),
            stored("She has a severe cold", THREAD, importance=1.0),
        )

    def test_a_few_facts_of_who_it_is_stay_in_whatever_is_asked(self, workshop: Workshop) -> None:
        for query in ("thanks!", "quantum chromodynamics"):
            assert texts(ask(workshop, query)) == []
            assert texts(ask(workshop, query, always=1)) == ["She is allergic to peanuts"]
            assert texts(ask(workshop, query, always=True)) == ["She is allergic to peanuts", "Her name is Ann"]

    def test_they_come_first_and_each_once(self, workshop: Workshop) -> None:
        reply = ask(workshop, "Does she like trains, and what is she allergic to?", always=2)
        assert texts(reply)[:2] == ["She is allergic to peanuts", "Her name is Ann"]
        assert "She likes trains" in texts(reply)
        assert len(set(texts(reply))) == len(texts(reply))

    def test_the_turn_that_one_was_learned_from_says_nothing_new(self, workshop: Workshop) -> None:
        fact = stored("Ann has a nut allergy", importance=1.0, event_id="e", message=1)
        turn = stored("No walnuts for me", kind=Kind.EXCERPT, event_id="e", message=1)
        keep(workshop, fact, turn)
        assert "No walnuts for me" in texts(ask(workshop, "walnuts"))
        assert "No walnuts for me" not in texts(ask(workshop, "walnuts", always=20))

    def test_not_where_the_user_is_not_asked_for(self, workshop: Workshop) -> None:
        assert texts(ask(workshop, "thanks!", always=3, scopes=(Scope.SESSION,), session_id="s1")) == []

    def test_limit_and_budget_hold_for_them_too(self, workshop: Workshop) -> None:
        assert texts(ask(workshop, "thanks!", always=3, limit=1)) == ["She is allergic to peanuts"]
        assert texts(ask(workshop, "thanks!", always=3, token_budget=1)) == []


class TestNeighbours:
    @pytest.mark.usefixtures("knowing")
    def test_the_turns_around_a_match_complete_it(self, workshop: Workshop) -> None:
        workshop.take_in(event("Which piece?", "The cello sonata.", "By whom?", "By Brahms."))
        reply = ask(workshop, "What did she rehearse?")
        assert texts(reply)[0] == "The cello sonata."
        assert {"Which piece?", "By whom?"} <= set(texts(reply))
        alone = next(memory for memory in reply.memories if memory.text == "Which piece?")
        assert alone.score is None or alone.score < (reply.memories[0].score or 0)

    @pytest.mark.usefixtures("knowing")
    def test_they_come_last_and_push_no_match_out(self, workshop: Workshop) -> None:
        """Bob said the same, and nothing around it."""
        said = [f"Number {number} on the cello." for number in range(6)]
        for number, each in enumerate(said):
            workshop.take_in(event(f"Before {number}", each, f"After {number}", session_id=f"s{number}"))
            workshop.take_in(event(each, session_id=f"s{number}", user="bob"))
        for budget in (60, 90, 200, 1500):
            for shares in (None, {Scope.SESSION: 0.5, Scope.USER: 0.2}):
                about = {"limit": 8, "token_budget": budget, "session_id": "s0", "shares": shares}
                reply = ask(workshop, "Which instrument?", **about)
                matches = [text for text in texts(reply) if text in said]
                assert texts(reply)[: len(matches)] == matches
                assert len(matches) == len(ask(workshop, "Which instrument?", user="bob", **about).memories)
        assert (len(matches), len(reply.memories)) == (6, 8), "there was room for two more"

    def test_the_question_said_before_is_no_neighbour(self, workshop: Workshop) -> None:
        workshop.take_in(event("Who plays the harp?", "Clara plays the harp."))
        assert texts(ask(workshop, "Who plays the harp?")) == ["Clara plays the harp."]


class TestBudget:
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        budget=st.integers(1, 400),
        limit=st.integers(1, 40),
        always=st.integers(0, 20),
        query=st.sampled_from(["cello", "Where does Clara live with her cello?", "谁拉大提琴", None, "thanks"]),
        shares=st.one_of(
            st.none(),
            st.fixed_dictionaries({Scope.USER: st.floats(0, 0.5), Scope.SESSION: st.floats(0, 0.5)}),
        ),
    )
    def test_neither_limit_nor_budget_is_ever_exceeded(
        self,
        stocked: Workshop,
        budget: int,
        limit: int,
        always: int,
        query: str | None,
        shares: dict[Scope, float] | None,
    ) -> None:
        about = {"agent_id": "coach", "session_id": "s1", "shares": shares, "always": always}
        reply = ask(stocked, query, token_budget=budget, limit=limit, **about)
        assert len(reply.memories) <= limit
        assert EstimatingTokenizer().count(reply.text) <= budget
        assert all(memory.text.strip() in reply.text for memory in reply.memories), "never half of one"
        assert len({memory.id for memory in reply.memories}) == len(reply.memories)

    @pytest.fixture
    def stocked(self, open_workshop: OpenWorkshop) -> Workshop:
        workshop = open_workshop(relevance_floor=0.05)
        for number in range(8):
            keep(workshop, stored(f"Clara's cello number {number} has a name {'la ' * number}", importance=number / 8))
            keep(workshop, stored(f"The cello of thread {number} 大提琴 {'很' * number}", THREAD), owner=THREAD)
            keep(workshop, stored(f"Cello rule {number}", COACH), owner=COACH)
        workshop.take_in(event(*(f"Clara said {number} about the cello." for number in range(9)), session_id="s1"))
        return workshop


class TestExplaining:
    def test_each_memory_found_and_why_it_ranks_there(self, workshop: Workshop) -> None:
        keep(
            workshop,
            stored("Clara plays the cello", importance=0.8),
            stored("Clara plays the cello!", THREAD),
            stored("Clara lives in Porto", days=-30),
            stored("Olives are green"),
        )
        asked = "Where does Clara who plays the cello live now?"
        reply = ask(workshop, asked, explain=True, session_id="s1", limit=1)
        told = reply.explanations
        assert len(told) == 4, "those that were not given, too"
        for each in told:
            assert sum(each.signals.values()) == pytest.approx(each.score, abs=1e-3)
            assert 0 <= each.relevance <= 1
        given = {memory.id for memory in reply.memories}
        assert [each.left_out is None for each in told] == [each.memory.id in given for each in told]
        assert sum(each.left_out is None for each in told) == 1
        assert ask(workshop, asked, session_id="s1", limit=1).explanations == ()

    @pytest.mark.usefixtures("knowing")
    def test_nothing_passed_the_gate(self, workshop: Workshop) -> None:
        workshop.take_in(event("Clara plays the cello"))
        reply = ask(workshop, "quantum chromodynamics", explain=True)
        assert reply.memories == ()
        assert [(each.memory.text, bool(each.left_out)) for each in reply.explanations] == [
            ("Clara plays the cello", True)
        ]


def test_how_things_are_now_is_told_by_the_newer_memory(workshop: Workshop) -> None:
    keep(workshop, stored("Ann rents a room in Rome", days=-400), stored("Ann rents a room in Oslo", days=-1))
    assert texts(ask(workshop, "Where does Ann rent a room now?"))[0] == "Ann rents a room in Oslo"


def test_the_time_of_a_question_is_when_it_is_asked(workshop: Workshop) -> None:
    keep(workshop, stored("Ann saw a heron at the lake", days=-40), stored("Ann saw an owl at the lake", days=-300))
    asked = question("What did Ann see at the lake last month?")
    at = stored("").occurred_at
    first = workshop.house.recall.answerer.answer(asked, now=at).reply.memories[0]
    assert first.text == "Ann saw a heron at the lake"
    earlier = workshop.house.recall.answerer.answer(asked, now=at - timedelta(days=265)).reply.memories[0]
    assert earlier.text == "Ann saw an owl at the lake"
