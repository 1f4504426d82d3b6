"""mem0's `update` as our command: a text, metadata, or both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from afterword.gateway.callers import Fields
from afterword.schemas import InvalidInput

_TAKEN = ("text", "metadata")
# They say whose key it is, and the key does that.
_IGNORED = frozenset({"memory_id", "org_id", "project_id"})


@dataclass(frozen=True, slots=True)
class Correction:
    """The memory that is corrected, and the fields of our `update`."""

    memory_id: str
    fields: Fields


def read_correction(memory_id: str, given: Mapping[str, Any]) -> Correction:
    """A correction as mem0's client sends it.

    Raises: InvalidInput, for what would be lost without a word, such as `timestamp` and `expiration_date`.

    >>> read_correction("7d3f", {"text": "Lives in Lisbon"}).fields
    {'text': 'Lives in Lisbon'}
    """
    for name in given:
        if name not in _TAKEN and name not in _IGNORED:
            raise InvalidInput(name, "an option", f"must be left out: a memory is corrected in {' and '.join(_TAKEN)}")
    fields = {name: given[name] for name in _TAKEN if given.get(name) is not None}
    if not fields:
        raise InvalidInput("text", "nothing", "give what is to be corrected: text or metadata")
    return Correction(memory_id, fields)
