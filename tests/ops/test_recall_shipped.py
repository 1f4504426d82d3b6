"""The conversations that ship with the recall benchmark: as many, and of as many kinds, as its figures need."""

from __future__ import annotations

from collections import Counter
from itertools import chain

import pytest

from afterword.workers.text import analysis
from ops.recall.corpus import PARTS, SHIPPED, Conversation, QuestionKind, load

LANGUAGES = {"en", "zh"}


@pytest.fixture(scope="module")
def parts() -> dict[str, list[Conversation]]:
    return {part: load(SHIPPED, part) for part in PARTS}


@pytest.fixture(scope="module")
def every(parts: dict[str, list[Conversation]]) -> list[Conversation]:
    return list(chain.from_iterable(parts.values()))


def test_there_are_enough_of_them(every: list[Conversation]) -> None:
    assert len(every) >= 20
    assert sum(len(conversation.questions) for conversation in every) >= 300
    assert len({conversation.id for conversation in every}) == len(every)


def test_each_is_long_and_of_many_sessions(every: list[Conversation]) -> None:
    for conversation in every:
        turns = [turn.text for session in conversation.sessions for turn in session.turns]
        assert len(conversation.sessions) >= 8, conversation.id
        assert len(turns) >= 180, conversation.id
        assert len(set(turns)) == len(turns), f"{conversation.id}: a turn stands there twice"
        assert (conversation.sessions[-1].at - conversation.sessions[0].at).days >= 150, conversation.id


def test_each_part_has_both_languages_and_all_kinds(parts: dict[str, list[Conversation]]) -> None:
    for part, conversations in parts.items():
        assert {conversation.language for conversation in conversations} == LANGUAGES, part
        for language in LANGUAGES:
            kinds = Counter(
                question.kind
                for conversation in conversations
                if conversation.language == language
                for question in conversation.questions
            )
            assert set(kinds) == set(QuestionKind), (part, language)
            assert min(kinds.values()) >= 5, (part, language)


def test_evidence_lies_all_over_the_conversations(every: list[Conversation]) -> None:
    """Also in what the agent said; and most turns are evidence of nothing."""
    by_agent = 0
    for conversation in every:
        evidence = {turn for question in conversation.questions for turn in question.evidence}
        sessions = {turn.partition(":")[0] for turn in evidence}
        turns = [turn for session in conversation.sessions for turn in session.turns]
        assert len(sessions) >= len(conversation.sessions) / 2, conversation.id
        assert len(evidence) < len(turns) / 4, conversation.id
        by_agent += sum(turn.by_agent for turn in turns if turn.id in evidence)
    assert by_agent >= len(every)


def test_every_question_is_asked_once(every: list[Conversation]) -> None:
    for conversation in every:
        questions = [question.text for question in conversation.questions]
        assert len(set(questions)) == len(questions), conversation.id


def test_what_was_learned_comes_from_turns_all_over_too(every: list[Conversation]) -> None:
    for conversation in every:
        assert len(conversation.facts) >= 20, conversation.id
        evidence = {turn for question in conversation.questions for turn in question.evidence}
        learned = {fact.turn_id for fact in conversation.facts}
        assert len(evidence & learned) >= 0.75 * len(evidence), conversation.id
        assert learned - evidence, f"{conversation.id}: only what is asked for was learned"


def test_a_paraphrase_shares_no_content_word_with_its_evidence(every: list[Conversation]) -> None:
    """But for the speakers' names, and for a few words that the analysis does not know to say nothing."""
    sharing, asked = [], 0
    for conversation in every:
        names = set(analysis.terms(f"{conversation.user} {conversation.agent}"))
        texts = {turn.id: turn.text for session in conversation.sessions for turn in session.turns}
        for question in conversation.questions:
            if question.kind is QuestionKind.PARAPHRASE:
                asked += len(question.evidence)
                words = _words(question.text) - names
                sharing += [question.text for turn in question.evidence if words & _words(texts[turn])]
    assert len(sharing) <= 0.08 * asked, sharing


def _words(text: str) -> set[str]:
    """Search terms; of Chinese the pairs only, since single characters are parts of many words."""
    return {term for term in analysis.terms(text) if len(term) > 1 or term.isascii()}
