"""The values that a vector store is asked with, and those it answers with: points, filters, searches, hits. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Match:
    """The keyword field holds one of these values; without values nothing matches."""

    field: str
    any_of: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Equals:
    """The field holds this value. Text equals only text, and true only true. Numbers are compared by value, so that 3
    equals 3.0; beyond 2**53 a whole number equals only itself. No index is needed: the owner's filter comes first.
    """

    field: str
    value: str | int | float | bool


@dataclass(frozen=True, slots=True)
class TimeRange:
    """The time in the field is at or after `since`, and before `until`. A point without the field does not match."""

    field: str
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ids:
    """The point is one of these."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """The point has no value in the field."""

    field: str


@dataclass(frozen=True, slots=True)
class Either:
    """The point matches at least one of these filters; without filters nothing does."""

    filters: tuple[Filter, ...]


Condition = Match | Equals | TimeRange | Ids | Missing | Either


@dataclass(frozen=True, slots=True)
class Filter:
    """All of `must`, none of `must_not`."""

    must: tuple[Condition, ...] = ()
    must_not: tuple[Condition, ...] = ()

    def narrowed(self, *must: Condition, must_not: tuple[Condition, ...] = ()) -> Filter:
        """This filter and more."""
        return Filter(self.must + must, self.must_not + must_not)


@dataclass(frozen=True, slots=True)
class Point:
    """A point to be written: an id (a UUID's text), a dense vector, a payload.

    A point without a vector is found by its words and its payload only.
    """

    id: str
    vector: Sequence[float] | None
    payload: Payload


@dataclass(frozen=True, slots=True)
class Dense:
    """Rank by cosine similarity to a vector; the score is the similarity, from -1 to 1."""

    vector: Sequence[float]


@dataclass(frozen=True, slots=True)
class Lexical:
    """Rank by BM25 over the lexical field; `terms` as it holds them: those of `text.analysis`, to which a view adds the
    owner's partition. The score is 0 or more.

    `corpus` are the points over which the rarity of a word is counted; None means all points. One tenant's everyday
    word may be rare for another.
    """

    terms: str
    corpus: Filter | None = None


@dataclass(frozen=True, slots=True)
class Newest:
    """Newest first by `occurred_at`; the score is 0.

    `start`: the store begins to look there, and so passes over no newer points. Else it walks past all of them, however
    the filter bounds the time.
    """

    start: datetime | None = None


Signal = Dense | Lexical | Newest


@dataclass(frozen=True, slots=True)
class Search:
    """One ranked question to the store. Without `payload` the hits are ids and scores: most hits are not chosen, and
    their payloads would cost more than the search. A vector or filter that is one object in several searches is
    converted once for all of them.
    """

    signal: Signal
    filter: Filter
    limit: int
    payload: bool = True


@dataclass(frozen=True, slots=True)
class Hit:
    """A point found, with the raw score of the signal that found it."""

    id: str
    score: float
    payload: Payload


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a listing; `next_cursor` is None on the last."""

    hits: tuple[Hit, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class CollectionSize:
    """How large the collection is. Bytes are None where the store does not tell them."""

    points: int
    dimensions: int
    disk_bytes: int | None = None
    memory_bytes: int | None = None
    """Resident memory of the whole server."""
