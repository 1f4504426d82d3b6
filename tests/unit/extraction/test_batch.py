from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterword.schemas import Scope
from afterword.workers.services.extraction.batch import Line, lines_of, take
from afterword.workers.stores.ledger.ingest.conversations import Conversation
from tests.support.batches import NOON, batch_of, conversation, texts, turn


def made(sizes: list[list[int]]) -> list[Conversation]:
    """Conversations of turns of so many tokens each."""
    return [
        conversation(
            number, [turn(f"{number}.{place} ".ljust(4 * size, "x"), place) for place, size in enumerate(turns)]
        )
        for number, turns in enumerate(sizes)
    ]


conversations = st.lists(st.lists(st.integers(2, 30), max_size=8), max_size=6).map(made)
limits = st.integers(1, 100)


@given(conversations, limits)
def test_it_takes_what_fits_in_order_and_one_line_at_least(given_: list[Conversation], tokens: int) -> None:
    lines, slices = take(given_, tokens=tokens)
    everything = [each for conversation in given_ for each in conversation.turns]
    taken = [line.turn for line in lines]
    assert taken == everything[: len(taken)]
    assert bool(taken) == bool(everything)
    filled = sum(each.tokens for each in taken)
    assert filled <= tokens or len(taken) == 1
    if len(taken) < len(everything):
        assert filled + everything[len(taken)].tokens > tokens
    assert all(part.first < part.last for part in slices)


@given(conversations, limits)
def test_lines_of_gives_back_what_take_took(given_: list[Conversation], tokens: int) -> None:
    lines, slices = take(given_, tokens=tokens)
    assert lines_of(given_, slices) == lines
    assert lines_of(given_[::-1], slices) == lines


@given(conversations, limits)
def test_batch_after_batch_takes_every_turn_once(given_: list[Conversation], tokens: int) -> None:
    everything = [each.text for conversation in given_ for each in conversation.turns]
    left, taken = list(given_), list[str]()
    while True:
        lines, slices = take(left, tokens=tokens)
        if not lines:
            break
        taken += texts(lines)
        left = [_advanced(each, {part.conversation_id: part.last for part in slices}) for each in left]
    assert taken == everything


def _advanced(given_: Conversation, last: dict[int, int]) -> Conversation:
    extracted = last.get(given_.id, given_.extracted_turns)
    return conversation(given_.id, given_.turns, extracted_turns=extracted)


def test_a_long_conversation_is_continued_before_the_next_begins() -> None:
    long, short = made([[10, 10, 10], [2]])
    lines, slices = take([long, short], tokens=20)
    assert [(part.conversation_id, part.first, part.last) for part in slices] == [(0, 0, 2)]
    rest, slices = take([conversation(0, long.turns, extracted_turns=2), short], tokens=20)
    assert texts(rest) == [long.turns[2].text, short.turns[0].text]
    assert [(part.conversation_id, part.first, part.last) for part in slices] == [(0, 2, 3), (1, 0, 1)]
    assert len(lines) == 2


def test_nothing_new_is_no_batch() -> None:
    assert take([], tokens=10) == ((), ())
    assert take([conversation(1, [turn("old")], extracted_turns=1)], tokens=10) == ((), ())


def test_a_conversation_that_has_gone_gives_no_lines() -> None:
    first, second = made([[2], [2]])
    _, slices = take([first, second], tokens=100)
    assert lines_of([second], slices) == (Line(second.turns[0], second),)


def test_it_is_observed_when_its_last_turn_was_said() -> None:
    assert batch_of(conversation(1, [turn("a", 0), turn("b", 7)])).observed_at == NOON + timedelta(minutes=7)


@pytest.mark.parametrize(("scope", "owner"), [(Scope.USER, "ada"), (Scope.AGENT, "guide"), (Scope.SESSION, "thread")])
def test_who_owns_a_fact(scope: Scope, owner: str) -> None:
    owned = batch_of(conversation(1, [turn("x")], agent_id="guide", session_id="thread"))
    assert owned.owner(scope, owned.lines[0]) == owner
    bare = batch_of(conversation(1, [turn("x")]))
    assert bare.owner(scope, bare.lines[0]) == "ada"


def test_a_line_knows_its_thread() -> None:
    assert batch_of(conversation(1, [turn("x")], session_id="s")).lines[0].thread == "s"
    assert batch_of(conversation(1, [turn("x")])).lines[0].thread == "event:e1"
