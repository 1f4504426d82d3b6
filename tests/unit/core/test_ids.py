from __future__ import annotations

from itertools import combinations, islice
from typing import Any
from uuid import UUID

from afterword.schemas import Scope
from afterword.workers.core import ids


def excerpt(**changes: Any) -> str:
    given: dict[str, Any] = {
        "tenant_id": "t",
        "user_id": "u",
        "thread": "s",
        "message_id": None,
        "role": "user",
        "text": "hello 你好",
        "piece": 0,
    }
    merged = {**given, **changes}
    piece = merged.pop("piece")
    return next(islice(ids.piece_ids(**merged), piece, None))


def test_ids_of_what_is_stored_never_change() -> None:
    assert excerpt() == "103a385c-3f57-516a-9815-2455ee9a123a"
    assert excerpt(message_id="m", piece=1) == "6d7d27bd-82fe-5679-9d88-286d50b78e13"
    assert ids.fact_id("t", Scope.USER, "u", "b", 0) == "ae8efa30-d70c-5f5e-a550-c09d36978454"
    assert ids.note_id("t", "u", None, None, "r") == "2aaab0c2-f5bf-55c3-bb4e-3bd5588d06f6"


def test_each_part_of_an_excerpt_id_counts() -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"tenant_id": "x"},
        {"user_id": "x"},
        {"thread": "x"},
        {"message_id": "x"},
        {"role": "assistant"},
        {"text": "x"},
        {"piece": 1},
    ]
    assert all(excerpt(**a) != excerpt(**b) for a, b in combinations(changes, 2))


def test_equal_message_ids_with_other_text_are_not_the_same_turn() -> None:
    assert excerpt(message_id="__fake_id__", text="Yes.") != excerpt(message_id="__fake_id__", text="No.")
    assert excerpt(message_id="m", role="assistant") != excerpt(message_id="m")
    # What parts the id from the text is no part of either.
    assert excerpt(message_id="m\nuser", text="x") != excerpt(message_id="m", text="user\nx")


def test_each_part_of_a_fact_id_counts() -> None:
    given = [
        ("t", Scope.USER, "o", "b", 0),
        ("x", Scope.USER, "o", "b", 0),
        ("t", Scope.AGENT, "o", "b", 0),
        ("t", Scope.USER, "x", "b", 0),
        ("t", Scope.USER, "o", "x", 0),
        ("t", Scope.USER, "o", "b", 1),
    ]
    assert len({ids.fact_id(*each) for each in given}) == len(given)


def test_the_same_request_of_two_owners_is_two_notes() -> None:
    owners: list[tuple[str, str | None, str | None, str | None]] = [
        ("t", "a", None, None),
        ("t", "b", None, None),
        ("t", None, "a", None),
        ("x", "a", None, None),
    ]
    owners += [("t", "a", None, "s"), ("t", "a", None, "t")]
    assert len({ids.note_id(*owner, "1") for owner in owners}) == len(owners)


def test_neighbours_do_not_run_together() -> None:
    assert excerpt(user_id="ab", thread="c") != excerpt(user_id="a", thread="bc")
    assert excerpt(user_id='a", "b', thread="c") != excerpt(user_id="a", thread='b", "c')


def test_every_kind_has_ids_of_its_own() -> None:
    all_ids = [excerpt(), ids.fact_id("t", Scope.USER, "u", "s", 0), ids.note_id("t", "u", None, "s", "r")]
    assert len(set(all_ids)) == 3
    assert all(UUID(each).version == 5 and str(UUID(each)) == each for each in all_ids)
