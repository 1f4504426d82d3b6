"""Which turns of an incoming window are new."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from afterword.workers.core.turns import Turn
from afterword.workers.services.ingest.overlap import KEPT, align

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def turns(texts: Sequence[str], ids: Sequence[str | None] | None = None) -> list[Turn]:
    names = ids or [None] * len(texts)
    return [Turn(place, "user", text, NOON, name) for place, (text, name) in enumerate(zip(texts, names, strict=True))]


def fresh_of(*windows: Sequence[str]) -> list[str]:
    """The new texts of each window, one window after the other."""
    seen: Sequence[str] = ()
    found = []
    for window in windows:
        alignment = align(seen, turns(window))
        seen = alignment.seen
        found.append("".join(window[place] for place in alignment.fresh))
    return found


def test_windows_that_slide_over_a_thread() -> None:
    assert fresh_of("abcde", "cdefg", "efghi") == ["abcde", "fg", "hi"]


def test_a_window_that_comes_late_brings_what_was_before() -> None:
    assert fresh_of("efgh", "cdef") == ["efgh", "cd"]


def test_a_window_inside_of_what_was_seen_brings_nothing() -> None:
    assert fresh_of("abcdef", "cde", "abcdef") == ["abcdef", "", ""]


def test_a_word_said_again_is_new_where_the_windows_do_not_lie_over_each_other() -> None:
    assert fresh_of("abok", "xoky") == ["abok", "xoky"]
    assert fresh_of("aba", "ababa") == ["aba", "ba"]


def test_message_ids_tell_turns_apart_that_say_the_same_wherever_they_stand() -> None:
    first = align((), turns(["ok", "ok", "fine"], ["1", "2", "3"]))
    again = align(first.seen, turns(["ok", "fine", "new", "new"], ["2", "3", "4", "4"]))
    assert first.fresh == (0, 1, 2)
    assert again.fresh == (2,)


def test_equal_ids_with_other_text_are_not_the_same_turn() -> None:
    first = align((), turns(["Yes.", "No."], ["__fake_id__", "__fake_id__"]))
    again = align(first.seen, turns(["No.", "Perhaps."], ["__fake_id__", "__fake_id__"]))
    assert first.fresh == (0, 1)
    assert again.fresh == (1,)


def test_a_session_that_knew_its_turns_by_id_alone_still_knows_them() -> None:
    assert align(["id:1", "id:2"], turns(["a", "b", "c"], ["1", "2", "3"])).fresh == (2,)


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=60, unique=True), st.integers(1, 12), st.data())
def test_overlapping_windows_cost_as_much_as_their_union(thread: list[int], size: int, data: st.DataObject) -> None:
    said = [str(number) for number in thread]
    seen: Sequence[str] = ()
    taken: list[str] = []
    end = 0
    while end < len(said):
        end = min(end + data.draw(st.integers(1, size)), len(said))
        start = max(0, end - size)
        alignment = align(seen, turns(said[start:end]))
        seen = alignment.seen
        taken += [said[start + place] for place in alignment.fresh]
    assert taken == said, "each turn once, in order"


@given(st.lists(st.sampled_from("ab"), max_size=30), st.lists(st.sampled_from("ab"), max_size=12))
def test_what_a_session_has_seen_is_never_lost_and_the_window_is_part_of_it(
    before: list[str], window: list[str]
) -> None:
    seen = align((), turns(before)).seen
    alignment = align(seen, turns(window))
    assert len(alignment.seen) == len(seen) + len(alignment.fresh)
    assert align(alignment.seen, turns(window)).fresh == ()


def slow_offset(seen: Sequence[str], window: Sequence[str]) -> int | None:
    """Where a window lies over a session, by trying every place: the last of those that share the most."""
    best = None
    for offset in range(-len(window) + 1, len(seen)):
        shared = range(max(offset, 0), min(offset + len(window), len(seen)))
        if shared and all(seen[place] == window[place - offset] for place in shared):
            best = max(best or (0, 0), (len(shared), offset))
    return best[1] if best else None


@given(st.text("ab", max_size=12), st.text("ab", min_size=1, max_size=12))
def test_a_window_lies_where_it_shares_the_most(before: str, window: str) -> None:
    offset = slow_offset(before, window)

    fresh = align(align((), turns(before)).seen, turns(window)).fresh

    there = () if offset is None else range(-offset, len(before) - offset)
    assert fresh == tuple(place for place in range(len(window)) if place not in there)


def test_a_window_of_tens_of_thousands_of_turns_is_aligned_at_once() -> None:
    """Each place agrees with the session for long, and differs at last: to try them all took seconds."""
    seen = align((), turns("a" * (KEPT - 1) + "b")).seen
    window = turns("a" * 50_000)
    begun = time.process_time()

    alignment = align(seen, window)

    assert time.process_time() - begun < 1
    assert len(alignment.fresh) == 50_000 - (KEPT - 1)


def test_a_session_keeps_its_newest_keys() -> None:
    seen = align((), turns([str(number) for number in range(KEPT + 100)])).seen
    assert len(seen) == KEPT
    assert align(seen, turns([str(number) for number in range(KEPT + 90, KEPT + 110)])).fresh == tuple(range(10, 20))
