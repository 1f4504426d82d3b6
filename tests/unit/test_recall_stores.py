"""The recall benchmark's stores: the same answers in every run, and deafness to a signal."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import cast

from afterword.workers.stores.vectors.port import Dense, Filter, Hit, Lexical, Search, VectorStore
from ops.recall.stores import steady, without


class Store:
    """Nine points with one score and one with a better, in an order of chance, as many as asked for."""

    def search(self, searches: Sequence[Search]) -> list[list[Hit]]:
        return [self._found(search) for search in searches]

    def _found(self, search: Search) -> list[Hit]:
        equals = [Hit(f"{number}", 0.5, {}) for number in range(9)]
        random.shuffle(equals)
        return [Hit("best", 0.9 if isinstance(search.signal, Dense) else 9.0, {}), *equals][: search.limit]

    def version(self) -> str:
        return "of chance"


DENSE = Search(Dense([1.0]), Filter(), 4)
LEXICAL = Search(Lexical("word"), Filter(), 2)
STORE = cast(VectorStore, Store())


def ids(answers: list[list[Hit]]) -> list[list[str]]:
    return [[hit.id for hit in hits] for hits in answers]


def test_equals_come_in_the_order_of_their_ids_and_the_same_ones_are_within_the_limit() -> None:
    for _ in range(20):
        assert ids(steady(STORE, 10).search([DENSE, LEXICAL])) == [["best", "0", "1", "2"], ["best", "0"]]


def test_what_a_store_is_deaf_to_finds_nothing_and_the_rest_is_answered_in_order() -> None:
    searches = [LEXICAL, DENSE, LEXICAL]
    of_dense = [[hit.score for hit in hits[:1]] for hits in without(STORE, Lexical).search(searches)]
    of_lexical = [[hit.score for hit in hits[:1]] for hits in without(STORE, Dense).search(searches)]
    assert of_dense == [[], [0.9], []]
    assert of_lexical == [[9.0], [], [9.0]]


def test_all_else_is_the_stores_own() -> None:
    assert steady(STORE, 10).version() == without(STORE, Dense).version() == "of chance"
