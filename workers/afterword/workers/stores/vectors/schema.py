"""Recognises by their payloads who wrote the points of a collection. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from afterword.workers.stores.vectors import collection as c
from afterword.workers.stores.vectors.payload import KNOWN

OWNER: Final = "user_id or agent_id"
"""Listed as missing for a point that names neither."""

_ENTITY: Final = "entity_type"
_FIELDS_TOLD = 20


class Shape(StrEnum):
    """Who wrote a point. mem0 2 keeps the lemmas of a text beside it, mem0 1 does not; an entity is of mem0's own
    collection of names, which holds no memories."""

    AFTERWORD = "Afterword"
    MEM0_2 = "mem0 2.x"
    MEM0_1 = "mem0 1.x"
    MEM0_ENTITY = "mem0 entity"
    UNKNOWN = "unknown"


_NEEDED: Final[dict[Shape, tuple[str, ...]]] = {
    Shape.AFTERWORD: (
        *(c.TEXT, c.HASH, c.TENANT, c.SCOPE, c.KIND, c.LANGUAGE, c.LEXICAL, c.OCCURRED_AT, c.CREATED_AT),
    ),
    Shape.MEM0_2: (c.TEXT, c.HASH, c.CREATED_AT, c.UPDATED_AT),
    Shape.MEM0_1: (c.TEXT, c.HASH, c.CREATED_AT),
    Shape.MEM0_ENTITY: (),
    Shape.UNKNOWN: (),
}


@dataclass(frozen=True, slots=True)
class Recognised:
    """The points of one shape. `missing` counts, by field, the points that lack a needed one; `unknown` counts those
    with a field that is no part of the shape, most frequent first. Metadata of mem0's callers is among the unknown."""

    points: int
    missing: dict[str, int]
    unknown: dict[str, int]


Schema = dict[Shape, Recognised]
"""The points that were recognised, by shape; shapes that were not seen are left out."""

Signature = dict[str, dict[str, list[str]]]
"""A schema without its counts, as JSON: it stays the same while only the number of points changes."""


def recognise(payload: Mapping[str, Any]) -> Shape:
    """Who wrote a point with this payload."""
    has = {field for field, value in payload.items() if value is not None}
    # The tenant first: an adopted point keeps all of mem0's fields.
    if c.TENANT in has:
        return Shape.AFTERWORD
    if {_ENTITY, c.LINKED} <= has and c.HASH not in has:
        return Shape.MEM0_ENTITY
    if not {c.TEXT, c.HASH} <= has:
        return Shape.UNKNOWN
    return Shape.MEM0_2 if c.LEMMAS in has else Shape.MEM0_1


def schema_of(payloads: Iterable[Mapping[str, Any]]) -> Schema:
    """The schema of these payloads, in the order of `Shape`."""
    points: Counter[Shape] = Counter()
    missing: dict[Shape, Counter[str]] = {shape: Counter() for shape in Shape}
    unknown: dict[Shape, Counter[str]] = {shape: Counter() for shape in Shape}
    for payload in payloads:
        shape = recognise(payload)
        points[shape] += 1
        missing[shape].update(_missing(shape, payload))
        unknown[shape].update(_unknown(payload))
    return {
        shape: Recognised(points[shape], dict(missing[shape]), dict(unknown[shape].most_common(_FIELDS_TOLD)))
        for shape in Shape
        if points[shape]
    }


def signature(schema: Schema) -> Signature:
    """The signature that a later start compares its own with."""
    return {
        shape.value: {"missing": sorted(found.missing), "unknown": sorted(found.unknown)}
        for shape, found in schema.items()
    }


def changes(before: Signature, after: Signature) -> list[str]:
    """The differences, in words; empty when there are none."""
    told = [f"points of {shape} have appeared" for shape in sorted(after.keys() - before.keys())]
    told += [f"points of {shape} are seen no more" for shape in sorted(before.keys() - after.keys())]
    for shape in sorted(before.keys() & after.keys()):
        for what, fields in after[shape].items():
            known = set(before[shape].get(what, ()))
            told += [f"{shape}: {what} now: {field}" for field in sorted(set(fields) - known)]
            told += [f"{shape}: {what} no more: {field}" for field in sorted(known - set(fields))]
    return told


def _missing(shape: Shape, payload: Mapping[str, Any]) -> list[str]:
    needed = [field for field in _NEEDED[shape] if payload.get(field) is None]
    nobodys = shape in _WITH_OWNER and not (payload.get(c.USER) or payload.get(c.AGENT))
    return [*needed, OWNER] if nobodys else needed


_WITH_OWNER = frozenset({Shape.AFTERWORD, Shape.MEM0_2, Shape.MEM0_1})


def _unknown(payload: Mapping[str, Any]) -> set[str]:
    # An adopted point keeps what mem0 spread over its payload, and names it once more as its metadata.
    named = payload.get(c.METADATA)
    return payload.keys() - KNOWN - (named.keys() if isinstance(named, dict) else set())
