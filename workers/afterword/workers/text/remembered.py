"""Functions of a text that are asked about the same text again and again, and remember their answers.

A cache that is bounded by number alone holds, for a few hundred notes of 64 KiB, more than the rest of a worker. The
texts are what people said: all of them are forgotten together, when an erasure asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Final, TypeVar

_R = TypeVar("_R")

_SHORT: Final = 4_000
"""Characters of a text that many others may be remembered beside: nearly every turn, fact and question."""

_LONG_TEXTS: Final = 8
"""Texts that are longer are asked about several times in a row while they are written, and seldom again."""

# The caches belong to functions of modules, so that the list of them does as well.
_CLEARING: Final[list[Callable[[], None]]] = []


def remembered(texts: int) -> Callable[[Callable[[str], _R]], Callable[[str], _R]]:
    """Remember the answers about the texts asked about last: so many short ones, and a few long ones. Thread-safe.

    >>> @remembered(100)
    ... def length(text: str) -> int:
    ...     return len(text)
    >>> length("tea")
    3
    """

    def decorate(function: Callable[[str], _R]) -> Callable[[str], _R]:
        of_short, of_long = lru_cache(texts)(function), lru_cache(_LONG_TEXTS)(function)
        _CLEARING.extend((of_short.cache_clear, of_long.cache_clear))

        @wraps(function)
        def ask(text: str) -> _R:
            return of_short(text) if len(text) <= _SHORT else of_long(text)

        return ask

    return decorate


def forget_texts() -> None:
    """Forget all texts, and all answers about them.

    >>> asked = []
    >>> ask = remembered(100)(asked.append)
    >>> ask("tea"), forget_texts(), ask("tea")
    (None, None, None)
    >>> asked
    ['tea', 'tea']
    """
    for clear in _CLEARING:
        clear()
