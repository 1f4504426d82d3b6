"""What is remembered of texts is bounded by their length as well: a worker outlives thousands of long notes."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from afterword.workers.services.recall.ranking.replacement import replaces
from afterword.workers.services.recall.ranking.shortlist import each_once
from afterword.workers.text import analysis
from afterword.workers.text.acknowledgement import says_nothing
from afterword.workers.text.language import detect
from afterword.workers.text.remembered import forget_texts, remembered
from tests.unit.recall.test_replacement import fact


def choose(text: str) -> None:
    each_once([fact(text)], most=1)


def compare(text: str) -> None:
    replaces(fact(text, days=1), fact("Ann's cat is black"))


ASKING = pytest.mark.parametrize("ask", [analysis.terms, detect, says_nothing, choose, compare])


@ASKING
def test_few_long_texts_are_kept(ask: Callable[[str], object]) -> None:
    texts = [f"{number} " + "cello " * 2_000 for number in range(30)]
    before = [sys.getrefcount(text) for text in texts]
    for text in texts:
        ask(text)
    kept = sum(now > then for now, then in zip(map(sys.getrefcount, texts), before, strict=True))
    assert kept <= 9


@ASKING
@pytest.mark.parametrize("length", [10, 10_000])
def test_all_are_forgotten_together(ask: Callable[[str], object], length: int) -> None:
    text = f"{ask} cello ".ljust(length, "!")
    before = sys.getrefcount(text)
    ask(text)
    forget_texts()
    assert sys.getrefcount(text) == before


def test_short_ones_are_remembered_in_number() -> None:
    asked: list[str] = []
    ask = remembered(50)(asked.append)
    for text in 2 * [str(number) for number in range(50)]:
        ask(text)
    assert len(asked) == 50


def test_a_long_one_is_remembered_while_it_is_asked_about() -> None:
    asked: list[str] = []
    ask = remembered(50)(asked.append)
    ask(10_000 * "x")
    ask(10_000 * "x")
    assert len(asked) == 1
