from __future__ import annotations

import hashlib
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterword.schemas import Kind, Scope
from afterword.workers.core import ids
from afterword.workers.models.embedders.port import Vector
from afterword.workers.services.memories.excerpts import PIECE_CHARACTERS, embedded, excerpts_of, in_batches, pieces
from tests.support.batches import NOON, conversation, turn
from tests.support.workshop import WatchedEmbedder

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
    (found,) = excerpts_of(
        conversation(
            1,
            [turn("hello", 4, message_id="m")],
            agent_id="guide",
            session_id="s",
            metadata={"channel": "web"},
        )
    )
    excerpt = found.memory
    assert (excerpt.text, excerpt.scope, excerpt.kind, excerpt.role) == ("hello", Scope.USER, Kind.EXCERPT, "user")
    assert (excerpt.tenant_id, excerpt.user_id) == ("default", "ada")
    assert (excerpt.agent_id, excerpt.session_id, excerpt.event_id) == ("guide", "s", "e1")
    assert (excerpt.message, excerpt.message_id, excerpt.occurred_at) == (4, "m", NOON + timedelta(minutes=4))
    assert excerpt.metadata == {"channel": "web"}


def test_overlapping_windows_of_a_thread_store_a_turn_once() -> None:
    said = [turn(text, place) for place, text in enumerate(["a", "b", "c", "d"])]
    windows = [conversation(number, said[number : number + 3], session_id="s") for number in range(2)]
    ids = [excerpt.memory.id for window in windows for excerpt in excerpts_of(window)]
    assert len(ids) == 6
    assert len(set(ids)) == 4


def test_events_without_a_thread_are_apart() -> None:
    one, other = (excerpts_of(conversation(number, [turn("hello")])) for number in (1, 2))
    assert one[0].memory.id != other[0].memory.id


def test_said_twice_it_is_kept_once() -> None:
    assert len(excerpts_of(conversation(1, [turn("yes", 0), turn("yes", 2), turn("yes", 3, "assistant")]))) == 2


def test_a_long_turn_has_an_id_for_each_piece() -> None:
    found = excerpts_of(conversation(1, [turn("word. " * PIECE_CHARACTERS)]))
    assert len({excerpt.memory.id for excerpt in found}) == len(found) > 4


def test_a_turn_of_many_pieces_is_digested_once(monkeypatch: pytest.MonkeyPatch) -> None:
    digested = list[int]()

    def counting(data: bytes) -> Any:
        digested.append(len(data))
        return hashlib.sha256(data)

    monkeypatch.setattr(ids, "hashlib", SimpleNamespace(sha256=counting))
    text = "A sentence of some words. " * 5_000
    found = excerpts_of(conversation(1, [turn(text)]))

    assert len(found) > 100
    assert sum(digested) < 2 * len(text)


def test_what_is_in_work_is_bounded_in_bytes() -> None:
    made = excerpts_of(conversation(1, [turn("A sentence of some words. " * 20_000)]))
    batches = list(in_batches(made, dimensions=1_536))

    assert [excerpt for batch in batches for excerpt in batch] == made
    assert len(made) > 400
    assert max(len(batch) for batch in batches) < 100
    assert [len(batch) for batch in in_batches(made[:3], dimensions=10**9)] == [1, 1, 1]
    assert list(in_batches(made[:3], dimensions=8)) == [made[:3]]
    assert list(in_batches([], dimensions=8)) == []


def test_no_turns_are_no_excerpts() -> None:
    assert excerpts_of(conversation(1, [])) == []


def test_a_turn_is_found_by_those_before_it() -> None:
    said = [turn("How long have you been married?"), turn("About seven years.", 1, "assistant"), turn("Nice!", 2)]
    question, answer, reply = excerpts_of(conversation(1, said, session_id="s"))
    assert question.before == ()
    assert answer.before == ("How long have you been married?",)
    assert answer.memory.previous == (question.memory.id,)
    assert reply.memory.previous == (answer.memory.id, question.memory.id)
    assert "marri" in (answer.memory.terms or "").split()


def test_the_first_turn_of_an_event_is_found_by_the_last_of_the_session() -> None:
    window = conversation(2, [turn("Seven years.", 1)], session_id="s")
    (alone,), (after,) = excerpts_of(window), excerpts_of(window, [turn("How long have you been married?")])
    assert alone.memory.previous == ()
    assert after.before == ("How long have you been married?",)
    assert after.memory.id == alone.memory.id


def test_what_was_said_long_before_is_no_context() -> None:
    said = [turn("How long have you been married?", 0), turn("Good morning!", 90)]
    assert [excerpt.before for excerpt in excerpts_of(conversation(1, said, session_id="s"))] == [(), ()]


def test_pieces_of_a_long_turn_follow_each_other() -> None:
    first, second, *_ = excerpts_of(conversation(1, [turn("word. " * PIECE_CHARACTERS)]))
    assert second.memory.previous == (first.memory.id,)


def test_one_call_embeds_turns_and_what_was_before_them() -> None:
    embedder = WatchedEmbedder()
    said = [turn("How long have you been married?"), turn("About seven years.", 1, "assistant")]
    (_, asked), (_, answered) = embedded(excerpts_of(conversation(1, said, session_id="s")), embedder)
    assert len(embedder.batches) == 1
    alone = embedder.embed(["About seven years."])[0]
    assert dot(asked, answered) > dot(asked, alone) + 0.2
    assert dot(answered, answered) == pytest.approx(1)


def dot(one: Vector | None, other: Vector | None) -> float:
    assert one is not None
    assert other is not None
    return sum(a * b for a, b in zip(one, other, strict=True))
