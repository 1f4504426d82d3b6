"""Generated input: a few seconds of the same in each run of the tests, long and anew by hand with `make fuzz`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from enum import Enum
from types import SimpleNamespace
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st

F = TypeVar("F", bound=Callable[..., Any])

TIMES = int(os.environ.get("FUZZ_TIMES") or 1)
"""How many times as many examples are tried as in each run of the tests."""
SEED = int(os.environ["FUZZ_SEED"]) if os.environ.get("FUZZ_SEED") else None
"""The seed of the examples; None for the same ones each time."""

HUGE = 10**5000
"""More digits than Python turns into a text."""


def fuzzed(examples: int, *, shrink: bool = True) -> Callable[[F], F]:
    """Try so many examples in each run of the tests. They are the same ones, unless FUZZ_SEED is set. `shrink` makes
    a failing one smaller, which is of no use to one that is drawn from a number.

    >>> @fuzzed(200)
    ... @given(json_values(["role", "content"]))
    ... def test_nothing_breaks_it(value): ...
    """
    many = settings(
        max_examples=examples * TIMES,
        derandomize=SEED is None,
        database=None,
        deadline=None,
        phases=[phase for phase in Phase if shrink or phase is Phase.generate],
        # Fixtures are servers, which all examples of a test share.
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
    )

    def decorated(test: F) -> F:
        return many(test if SEED is None else seed(SEED)(test))

    return decorated


def texts(known: Iterable[str] = ()) -> st.SearchStrategy[str]:
    """Any text: NUL, half characters and invisible ones as well; often one of those that the code knows."""
    odd = ["", " ", "\x00", "\ud83d", "a\u200db", "\r\n\x1b[31m", "x" * 600, "😀" * 200, "[" * 2000, '{"a":' * 2000]
    return st.one_of(st.sampled_from([*known, *odd]), st.text(st.characters(), max_size=20))


def scalars(known: Iterable[str] = ()) -> st.SearchStrategy[Any]:
    """Any value that JSON may hold by itself, such as other languages write it: NaN, and numbers without a bound."""
    numbers = st.sampled_from([0, 1, -1, 2**31, 2**63, 10**30, -(10**400), 1e308, 1_780_000_000, 1_780_000_000_000])
    return st.one_of(st.none(), st.booleans(), numbers, st.integers(), st.floats(), texts(known))


def json_values(keys: Iterable[str], known: Iterable[str] = (), leaves: int = 12) -> st.SearchStrategy[Any]:
    """Any nested value whose objects often have these fields."""
    names = st.one_of(st.sampled_from(list(keys)), st.text(max_size=5))
    return st.recursive(scalars(known), lambda inner: _nested(names, inner), max_leaves=leaves)


def _nested(names: st.SearchStrategy[str], inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=6))


class Odd(Enum):
    """Values of an enum stand for themselves."""

    USER = "user"
    LIST = ("user",)


class UserMessage(SimpleNamespace):
    """As frameworks name their classes."""


class Raises:
    """Whatever it is asked, it raises."""

    def __getattr__(self, name: str) -> Any:
        # Those of Python and of Hypothesis itself are not asked for by us.
        raise (AttributeError if name.startswith("_") else RuntimeError)(name)

    def __dir__(self) -> list[str]:
        raise RuntimeError("dir")

    def __iter__(self) -> Any:
        raise RuntimeError("iter")


class Elementwise:
    """Compares as arrays do: the answer is neither true nor false."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> Any:
        return self

    def __bool__(self) -> bool:
        raise ValueError("ambiguous")


def object_values(keys: Iterable[str], known: Iterable[str] = (), leaves: int = 12) -> st.SearchStrategy[Any]:
    """As `json_values`, with objects of libraries, tuples and bytes among them."""
    names = st.sampled_from([key for key in keys if key.isidentifier()])
    foreign = st.sampled_from([Odd.USER, Odd.LIST, Raises(), Elementwise(), b"\xff\x00words", object(), len, {1, 2}])

    def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        fields = st.dictionaries(names, inner, max_size=6)
        return st.one_of(
            _nested(names, inner),
            st.lists(inner, max_size=3).map(tuple),
            fields.map(lambda given: SimpleNamespace(**given)),
            fields.map(lambda given: UserMessage(**given)),
        )

    return st.recursive(st.one_of(scalars(known), foreign), nested, max_leaves=leaves)
