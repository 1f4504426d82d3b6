"""Looking into objects of other libraries: mappings, pydantic models, dataclasses, or anything with attributes."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any


def look(item: Any, *names: str) -> Any:
    """The first of these fields of an object that is not None, whoever's object it is; the value of an enum.

    >>> look({"type": "human", "content": None, "text": "Hi"}, "content", "text")
    'Hi'
    """
    for name in names:
        value = _field(item, name)
        if value is not None:
            return value.value if isinstance(value, Enum) else value
    return None


def label(item: Any, *names: str) -> str | None:
    """The first of these fields that is a text, as the names of roles and types are. A field may hold anything else, a
    list or an array, which can neither be looked up nor compared.

    >>> label({"type": ["text"], "kind": "text"}, "type", "kind")
    'text'
    """
    return next((value for name in names if isinstance(value := look(item, name), str)), None)


def _field(item: Any, name: str) -> Any:
    try:
        value = item.get(name) if isinstance(item, Mapping) else getattr(item, name, None)
    except Exception:  # noqa: BLE001 - a property of somebody else's, which may raise whatever it likes
        return None
    if isinstance(item, Mapping):
        return value
    # A method of that name is no field: LangChain's older messages have a method `text`.
    return None if callable(value) else value


def has(item: Any, *names: str) -> bool:
    """Whether an object has one of these fields, even if it is None."""
    try:
        # `dir` and not `hasattr`, which would run a property of somebody else's.
        fields = item if isinstance(item, Mapping) else dir(item)
        return any(name in fields for name in names)
    except Exception:  # noqa: BLE001 - as above
        return False


def kind_of(item: Any) -> str:
    """The name of an object's class, from which roles are read; "" for plain data."""
    plain = isinstance(item, Mapping | str | bytes | int | float | list | tuple) or item is None
    return "" if plain else type(item).__name__
