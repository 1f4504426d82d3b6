"""From mem0's filters to searches of ours: a clause is one search, and a test of what it finds.

Whatever our search can look for itself is left to it (the owner, the session, times, one category, equal metadata), so
that it finds the best or the newest of exactly those. The rest of the filters is tested on each memory found.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, product
from typing import Any

from afterword.gateway.compat.mem0.expressions import APP_ID, METADATA, OWNERS, AllOf, AnyOf, Comparison, Expression
from afterword.schemas import InvalidInput, Memory

MOST_CLAUSES = 16
"""Searches that one request may be turned into."""

_MOST_METADATA = 20
_PLAIN = {"user_id": "user_id", "agent_id": "agent_id", "run_id": "session_id", "kind": "kind", "scope": "scope"}
_OCCURRED = ("created_at", "timestamp")
_SMALLEST = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Clause:
    """`fields` are those of our search, `rest` is tested on each memory that it finds."""

    fields: dict[str, Any]
    rest: AllOf

    @property
    def is_exact(self) -> bool:
        """Whether the search alone finds what is meant."""
        return not self.rest.parts

    def holds(self, memory: Memory) -> bool:
        """Whether a memory that was found is meant."""
        return self.rest.holds(memory)


def clauses_of(expression: Expression, *, user_id: str | None = None) -> list[Clause]:
    """The searches that together find what an expression means; none where it contradicts itself.

    `user_id` is the owner where the expression names none.

    >>> from afterword.gateway.compat.mem0.expressions import read_filters
    >>> clauses_of(read_filters({"user_id": {"in": ["ada", "bob"]}, "metadata": {"channel": "web"}}))[1].fields
    {'user_id': 'bob', 'metadata': {'channel': 'web'}}

    Raises: InvalidInput, when a part of it names no owner, or there would be too many searches.
    """
    alternatives = _alternatives(expression)
    if len(alternatives) > MOST_CLAUSES:
        mend = f"may name {MOST_CLAUSES} owners at most: ask in several requests"
        raise InvalidInput("filters", "more", mend)
    drafts = [_Draft.of(parts) for parts in alternatives]
    return [Clause(draft.search_fields(user_id), AllOf(tuple(draft.rest))) for draft in drafts if not draft.is_empty]


def _alternatives(expression: Expression) -> list[list[Expression]]:
    """For each set of owners that the expression names, the parts that must hold together."""
    match expression:
        case AllOf(parts):
            found: list[list[Expression]] = [[]]
            for part in parts:
                found = [[*left, *right] for left, right in product(found, _alternatives(part))]
                # Each part multiplies: ends before it grows.
                if len(found) > MOST_CLAUSES:
                    return found
            return found
        case AnyOf(parts) if any(_names_owner(part) for part in parts):
            return list(chain.from_iterable(_alternatives(part) for part in parts))
        case Comparison(name, "in", values) if name in OWNERS:
            return [[Comparison(name, "eq", value)] for value in values]
    # Alternatives that all have the same owners need no search each.
    return [[expression]]


def _names_owner(expression: Expression) -> bool:
    match expression:
        case Comparison(name, operator, _):
            return name in OWNERS and operator in ("eq", "in")
        case AllOf(parts) | AnyOf(parts):
            return any(_names_owner(part) for part in parts)
    return False


@dataclass(slots=True)
class _Draft:
    """A clause while its parts are gone through."""

    fields: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    rest: list[Expression] = field(default_factory=list)
    since: datetime | None = None
    until: datetime | None = None
    contradicts: bool = False

    @classmethod
    def of(cls, parts: list[Expression]) -> _Draft:
        draft = cls()
        for part in parts:
            if not draft._push(part):
                draft.rest.append(part)
        return draft

    @property
    def is_empty(self) -> bool:
        """Whether no memory can be meant."""
        period = self.since is not None and self.until is not None and self.until <= self.since
        return self.contradicts or period

    def search_fields(self, user_id: str | None) -> dict[str, Any]:
        """The fields of our search. Raises: InvalidInput, when nobody owns what it looks for."""
        given = {"since": self.since, "until": self.until, "metadata": self.metadata or None}
        fields = {**self.fields, **{name: value for name, value in given.items() if value is not None}}
        if user_id is not None and ("session_id" in fields or "agent_id" not in fields):
            fields.setdefault("user_id", user_id)
        if "session_id" in fields and "user_id" not in fields:
            raise InvalidInput("filters.run_id", "a run alone", "belongs to a user: give user_id as well")
        if "user_id" not in fields and "agent_id" not in fields:
            raise InvalidInput(
                "filters", "no owner", "must name a user_id or an agent_id, in each alternative of an OR"
            )
        return fields

    def _push(self, part: Expression) -> bool:
        """Leave a part to the search; False where it has no field that says the same."""
        match part:
            case Comparison(name, "eq", str() as value) if name in _PLAIN:
                return self._set(self.fields, _PLAIN[name], value)
            case Comparison("categories", "eq", str() as topic) | Comparison("categories", "in", [topic]):
                return self._set(self.fields, "topic", topic)
            case Comparison(name, "eq", str() as value) if name == APP_ID:
                return self._set_metadata(APP_ID, value)
            case Comparison(name, "eq", value) if name.startswith(METADATA):
                return self._set_metadata(name.removeprefix(METADATA), value)
            case Comparison(name, operator, datetime() as moment) if name in _OCCURRED and operator != "ne":
                self._narrow(operator, moment)
                return True
        return False

    def _set(self, fields: dict[str, Any], name: str, value: Any) -> bool:
        self.contradicts |= fields.setdefault(name, value) != value
        return True

    def _set_metadata(self, name: str, value: Any) -> bool:
        # A name with these cannot be asked for, and nothing equals null: both are tested instead.
        if value is None or '"' in name or "\\" in name or len(self.metadata) >= _MOST_METADATA:
            return False
        return self._set(self.metadata, name, value)

    def _narrow(self, operator: str, moment: datetime) -> None:
        """The search takes times from `since` up to, and without, `until`."""
        if operator in ("eq", "gte", "gt"):
            start = _after(moment) if operator == "gt" else moment
            self.since = start if self.since is None else max(self.since, start)
        if operator in ("eq", "lte", "lt"):
            end = moment if operator == "lt" else _after(moment)
            self.until = end if self.until is None else min(self.until, end)


def _after(moment: datetime) -> datetime:
    """The next time that a store tells from it."""
    try:
        return moment + _SMALLEST
    except OverflowError:
        return moment
