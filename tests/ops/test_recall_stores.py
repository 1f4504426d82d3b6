"""The recall benchmark's store: the same answers in every run."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import cast

import pytest

from afterword.workers.stores.vectors.port import VectorStore
from afterword.workers.stores.vectors.queries import Dense, Filter, Hit, Lexical, Search
from ops.recall.stores import steady


class Store:
    """Points with one score and one with a better, in an order of chance, as many as asked for."""

    def __init__(self, equals: int) -> None:
        self._equals = equals
        self.asked = 0

    def search(self, searches: Sequence[Search]) -> list[list[Hit]]:
        self.asked += 1
        return [self._found(search) for search in searches]

    def _found(self, search: Search) -> list[Hit]:
        equals = [Hit(f"{number}", 0.5, {}) for number in range(100, 100 + self._equals)]
        random.shuffle(equals)
        return [Hit("best", 0.9 if isinstance(search.signal, Dense) else 9.0, {}), *equals][: search.limit]

    def version(self) -> str:
        return "of chance"


DENSE = Search(Dense([1.0]), Filter(), 4)
LEXICAL = Search(Lexical("word"), Filter(), 2)


def ids(answers: list[list[Hit]]) -> list[list[str]]:
    return [[hit.id for hit in hits] for hits in answers]


@pytest.mark.parametrize("equals", [9, 80])
def test_equals_come_in_the_order_of_their_ids_and_the_same_ones_are_within_the_limit(equals: int) -> None:
    for _ in range(20):
        store = steady(cast(VectorStore, Store(equals)), most=equals + 1)
        assert ids(store.search([DENSE, LEXICAL])) == [["best", "100", "101", "102"], ["best", "100"]]


def test_a_search_is_repeated_only_where_equals_go_beyond_the_margin() -> None:
    few, many = Store(9), Store(80)
    for store in (few, many):
        steady(cast(VectorStore, store), most=81).search([DENSE])
    assert (few.asked, many.asked) == (1, 2)


def test_all_else_is_the_stores_own() -> None:
    store = cast(VectorStore, Store(9))
    assert steady(store, 10).version() == "of chance"
