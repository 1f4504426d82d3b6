from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterword.schemas import Kind, Scope
from afterword.workers.services.excerpts import PIECE_CHARACTERS, excerpts_of, pieces
from tests.support.batches import NOON, conversation, turn

prose = st.text(st.sampled_from("ab.!? \n。？你")) | st.text(st.characters(codec="utf-8"))


def words(text: str) -> str:
    return "".join(text.split())


@given(prose, st.integers(1, 30))
def test_pieces_hold_every_word_in_order_within_the_limit(text: str, limit: int) -> None:
    found = pieces(text, limit)
    assert words("".join(found)) == words(text)
    assert all(0 < len(piece) <= limit for piece in found)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("One. Two. Three.", ["One. Two.", "Three."]),
        ("It is 3.14 at a.example.com", ["It is 3.14", "at", "a.example.com"]),
        ("一。二三四五六七八。九十十一", ["一。二三四五六七八。", "九十十一"]),
        ("x" * 30, ["x" * 13, "x" * 13, "x" * 4]),
        ("short", ["short"]),
    ],
)
def test_a_long_text_is_cut_between_sentences_else_words(text: str, found: list[str]) -> None:
    assert pieces(text, 13) == found


def test_an_excerpt_is_the_users_and_tells_where_it_comes_from() -> None:
    (excerpt,) = excerpts_of(
        conversation(
            1,
            [turn("hello", 4, message_id="m")],
            agent_id="guide",
            session_id="s",
            metadata={"channel": "web"},
        )
    )
    assert (excerpt.text, excerpt.scope, excerpt.kind, excerpt.role) == ("hello", Scope.USER, Kind.EXCERPT, "user")
    assert (excerpt.tenant_id, excerpt.user_id) == ("default", "ada")
    assert (excerpt.agent_id, excerpt.session_id, excerpt.event_id) == ("guide", "s", "e1")
    assert (excerpt.message, excerpt.message_id, excerpt.occurred_at) == (4, "m", NOON + timedelta(minutes=4))
    assert excerpt.metadata == {"channel": "web"}


def test_overlapping_windows_of_a_thread_store_a_turn_once() -> None:
    said = [turn(text, place) for place, text in enumerate(["a", "b", "c", "d"])]
    windows = [conversation(number, said[number : number + 3], session_id="s") for number in range(2)]
    ids = [excerpt.id for window in windows for excerpt in excerpts_of(window)]
    assert len(ids) == 6
    assert len(set(ids)) == 4


def test_events_without_a_thread_are_apart() -> None:
    one, other = (excerpts_of(conversation(number, [turn("hello")])) for number in (1, 2))
    assert one[0].id != other[0].id


def test_said_twice_it_is_kept_once() -> None:
    assert len(excerpts_of(conversation(1, [turn("yes", 0), turn("yes", 2), turn("yes", 3, "assistant")]))) == 2


def test_a_long_turn_has_an_id_for_each_piece() -> None:
    found = excerpts_of(conversation(1, [turn("word. " * PIECE_CHARACTERS)]))
    assert len({excerpt.id for excerpt in found}) == len(found) > 4


def test_no_turns_are_no_excerpts() -> None:
    assert excerpts_of(conversation(1, [])) == []
