"""mem0's filters, read into a tree that says of any memory whether it is meant.

| field | operators |
|---|---|
| `user_id`, `agent_id`, `run_id`, `app_id` | `eq`, `ne`, `in`, `"*"` |
| `created_at`, `timestamp`, `updated_at` | `eq`, `ne`, `gt`, `gte`, `lt`, `lte` |
| `categories` | `eq`, `ne`, `in`, `contains`, `icontains`, `"*"` |
| `keywords` (the text) | `contains`, `icontains` |
| `memory_ids` | `eq`, `in`, or a list |
| `metadata`, key by key | all of them |
| `kind`, `scope` (ours) | `eq`, `ne`, `in` |

As with mem0, `eq` is implied, `"*"` is anything but null, `ne` holds for null as well, and several keys of one object
must all hold. `NOT` of a list holds when none of them does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from afterword.gateway.compat.mem0.moments import read_moment
from afterword.schemas import InvalidInput, Memory
from afterword.schemas.errors import described, shortened

APP_ID: Final = "app_id"
"""mem0's name for an application. Here it is metadata of that name."""
OWNERS: Final = ("user_id", "agent_id", "run_id")
ENTITIES: Final = (*OWNERS, APP_ID)
TIMES: Final = ("created_at", "timestamp", "updated_at")
METADATA: Final = "metadata."
ANYTHING: Final = "*"

_MOST_CONDITIONS = 100
_DEEPEST = 8
_ORDER = ("gt", "gte", "lt", "lte")
_OPERATORS: Final = {
    **dict.fromkeys(ENTITIES, ("eq", "ne", "in")),
    **dict.fromkeys(TIMES, ("eq", "ne", *_ORDER)),
    "categories": ("eq", "ne", "in", "contains", "icontains"),
    "keywords": ("contains", "icontains"),
    "memory_ids": ("eq", "in"),
    "kind": ("eq", "ne", "in"),
    "scope": ("eq", "ne", "in"),
}
_EVERY_OPERATOR = ("eq", "ne", "in", *_ORDER, "contains", "icontains")
_WITHOUT_WILDCARD = (*TIMES, "keywords", "memory_ids", "kind", "scope")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One field compared with a value. `operator` is `exists` for the wildcard, whose `value` is None."""

    field: str
    operator: str
    value: Any = None

    def holds(self, memory: Memory) -> bool:
        """Whether a memory meets it."""
        found = _value(self.field, memory)
        values = found if isinstance(found, list) else [found]
        if self.operator == "ne":
            return not any(_equal(each, self.value) for each in values)
        return any(_TESTS[self.operator](each, self.value) for each in values)


@dataclass(frozen=True, slots=True)
class AllOf:
    """Holds when all parts hold; also when there is none."""

    parts: tuple[Expression, ...]

    def holds(self, memory: Memory) -> bool:
        """Whether a memory meets all of them."""
        return all(part.holds(memory) for part in self.parts)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Holds when one of the parts holds."""

    parts: tuple[Expression, ...]

    def holds(self, memory: Memory) -> bool:
        """Whether a memory meets one of them."""
        return any(part.holds(memory) for part in self.parts)


@dataclass(frozen=True, slots=True)
class NoneOf:
    """Holds when none of the parts holds."""

    parts: tuple[Expression, ...]

    def holds(self, memory: Memory) -> bool:
        """Whether a memory meets none of them."""
        return not any(part.holds(memory) for part in self.parts)


Expression = Comparison | AllOf | AnyOf | NoneOf
_LOGICAL: Final[dict[str, Callable[[tuple[Expression, ...]], Expression]]] = {
    "AND": AllOf,
    "OR": AnyOf,
    "NOT": NoneOf,
}


def read_filters(given: Any) -> Expression:
    """The tree of a `filters` object; null is one without conditions.

    >>> read_filters({"AND": [{"user_id": "ada"}, {"run_id": "*"}]}).parts[0].parts[1]
    AllOf(parts=(Comparison(field='run_id', operator='exists', value=None),))

    Raises: InvalidInput, which names the part that has no meaning here.
    """
    return _Reader().read({} if given is None else given, "filters", 0)


class _Reader:
    """Reads one object, and counts what it has read of it."""

    def __init__(self) -> None:
        self._conditions = 0

    def read(self, given: Any, place: str, depth: int) -> Expression:
        if not isinstance(given, Mapping):
            raise InvalidInput(place, described(given), 'must be an object, such as {"user_id": "ada"}')
        if depth > _DEEPEST:
            raise InvalidInput(place, "a deeper one", f"may be nested {_DEEPEST} deep at most")
        return AllOf(tuple(self._part(str(name), value, place, depth) for name, value in given.items()))

    def _part(self, name: str, value: Any, place: str, depth: int) -> Expression:
        here = f"{place}.{name}"
        if name in _LOGICAL:
            parts = value if isinstance(value, list) else [value]
            return _LOGICAL[name](
                tuple(self.read(part, f"{here}.{number}", depth + 1) for number, part in enumerate(parts))
            )
        if name == "metadata":
            return self._metadata(value, here)
        if name not in _OPERATORS:
            known = ", ".join((*_LOGICAL, *_OPERATORS, "metadata"))
            raise InvalidInput(here, shortened(name), f"must be one of {known}; a field of your own is under metadata")
        return self._field(name, value, here, _OPERATORS[name])

    def _metadata(self, value: Any, place: str) -> Expression:
        """Each key of the object is a field of its own."""
        if not isinstance(value, Mapping):
            raise InvalidInput(place, described(value), 'must be an object, such as {"channel": "web"}')
        operators = [name for name in value if name in _EVERY_OPERATOR and isinstance(value[name], Mapping)]
        parts = [
            self._field(f"{METADATA}{name}", each, f"{place}.{name}", _EVERY_OPERATOR)
            for name, each in value.items()
            if name not in operators
        ]
        return AllOf((*parts, *(self._metadata_operator(name, value[name], place) for name in operators)))

    def _metadata_operator(self, operator: str, value: Mapping[str, Any], place: str) -> Expression:
        """The other way round: `{"ne": {"channel": "web"}}`."""
        fields = [
            self._field(f"{METADATA}{name}", {operator: each}, f"{place}.{operator}.{name}", _EVERY_OPERATOR)
            for name, each in value.items()
        ]
        return AllOf(tuple(fields))

    def _field(self, field: str, value: Any, place: str, operators: tuple[str, ...]) -> Expression:
        if not isinstance(value, Mapping):
            operator = "in" if isinstance(value, list) else "eq"
            return self._condition(field, operator, value, place, operators)
        if not value:
            raise InvalidInput(place, "an empty object", f"must hold one of {', '.join(operators)}")
        # Several operators of one field, such as a range, must all hold.
        return AllOf(tuple(self._condition(field, str(each), value[each], place, operators) for each in value))

    def _condition(self, field: str, operator: str, value: Any, place: str, operators: tuple[str, ...]) -> Expression:
        self._conditions += 1
        if self._conditions > _MOST_CONDITIONS:
            raise InvalidInput("filters", "more", f"may hold {_MOST_CONDITIONS} conditions at most")
        if operator not in operators:
            raise InvalidInput(f"{place}.{operator}", shortened(operator), f"must be one of {', '.join(operators)}")
        if ANYTHING in (value if isinstance(value, list) else [value]) and operator in ("eq", "in"):
            if field in _WITHOUT_WILDCARD:
                raise InvalidInput(place, "'*'", "has no wildcard: every memory has one")
            return Comparison(field, "exists")
        return Comparison(field, operator, _checked(field, operator, value, place))


def _checked(field: str, operator: str, value: Any, place: str) -> Any:
    """A value that the operator can compare with."""
    if operator == "in":
        if not isinstance(value, list):
            raise InvalidInput(place, described(value), "must be a list of values")
        return [_checked(field, "eq", each, place) for each in value]
    if field in TIMES:
        return read_moment(value, place)
    if operator in ("contains", "icontains") and not isinstance(value, str):
        raise InvalidInput(place, described(value), "must be a text")
    if field in ENTITIES and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not field.startswith(METADATA) and value is not None and not isinstance(value, str):
        raise InvalidInput(place, described(value), "must be a text")
    if isinstance(value, Mapping | list):
        raise InvalidInput(place, described(value), "must be a text, a number, true, false or null: metadata is flat")
    return value


def _value(field: str, memory: Memory) -> Any:
    """The value of a memory in one of mem0's fields; a list where any of them may match."""
    if field.startswith(METADATA):
        return memory.metadata.get(field.removeprefix(METADATA))
    return _VALUES[field](memory)


_VALUES: Final[dict[str, Callable[[Memory], Any]]] = {
    "user_id": lambda memory: memory.user_id,
    "agent_id": lambda memory: memory.agent_id,
    "run_id": lambda memory: memory.session_id,
    APP_ID: lambda memory: memory.metadata.get(APP_ID),
    "created_at": lambda memory: memory.occurred_at,
    "timestamp": lambda memory: memory.occurred_at,
    "updated_at": lambda memory: memory.updated_at or memory.created_at or memory.occurred_at,
    "categories": lambda memory: categories(memory) or None,
    "keywords": lambda memory: memory.text,
    "memory_ids": lambda memory: memory.id,
    "kind": lambda memory: memory.kind.value,
    "scope": lambda memory: memory.scope.value,
}


def categories(memory: Memory) -> list[str]:
    """mem0's categories of a memory: its topic, where that could be told."""
    return [memory.topic] if memory.topic and memory.topic != "other" else []


def _equal(found: Any, wanted: Any) -> bool:
    # To Python True is 1, and to JSON it is not.
    return isinstance(found, bool) == isinstance(wanted, bool) and bool(found == wanted)


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(found: Any, wanted: Any) -> bool:
        try:
            return found is not None and test(found, wanted)
        # A text and a number have no order: neither is the greater.
        except TypeError:
            return False

    return compare


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


_TESTS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "eq": _equal,
    "in": lambda found, wanted: any(_equal(found, each) for each in wanted),
    "exists": lambda found, _: found is not None,
    "gt": _ordered(lambda found, wanted: found > wanted),
    "gte": _ordered(lambda found, wanted: found >= wanted),
    "lt": _ordered(lambda found, wanted: found < wanted),
    "lte": _ordered(lambda found, wanted: found <= wanted),
    "contains": lambda found, wanted: wanted in _text(found),
    "icontains": lambda found, wanted: wanted.casefold() in _text(found).casefold(),
}
