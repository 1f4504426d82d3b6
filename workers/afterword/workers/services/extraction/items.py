"""The items of an LLM's answer: found in whatever shape it came. Pure.

Models think aloud before the answer, wrap it in code fences or a call of a tool, name its list as they like, and add
remarks. `listed` takes what is there; it never guesses that there is nothing: no items are an answer only when the
model gave an empty list under a name that we know.

>>> listed('<think>{"memory": ["a draft"]}</think> {"facts": [{"text": "likes tea"}]}')
[{'text': 'likes tea'}]
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from typing import Any

from afterword.schemas.spoken import without_thinking
from afterword.workers.core.errors import BadAnswer

MOST_CHARACTERS = 2_000_000
"""A longer answer is not read: no model writes as much, and it would take seconds."""
_MOST_FALSE_STARTS = 500
"""An error of the JSON decoder costs a look at the whole text: in the longest one, this many cost about a second."""
_MOST_VALUES = 2_000
"""Objects on their own, a line each, are facts as well; there are fewer of them than this."""
_DEEPEST = 6
"""How many wrappings an answer may have: a list of parts, of calls, of a function, of its arguments, as a string."""

_LISTS = frozenset(
    {"memory", "memories", "fact", "facts", "new_memories", "new_facts", "user_facts", "user_memories"}
    | {"extracted_facts", "extracted_memories", "memory_items", "memory_list", "facts_list"}
)
_ARGUMENTS = frozenset({"arguments", "args", "parameters", "input"})
_WRAPPERS = _ARGUMENTS | frozenset(
    {"tool_calls", "tool_call", "tool_uses", "function_call", "function", "json"}
    | {"data", "result", "results", "response", "output", "answer", "content", "items", "message", "properties"}
)
_TEXTS = ("text", "memory", "fact", "content", "statement", "data", "value")

_START = re.compile(r'\{(?=\s*")|\[(?=\s*["\[{])')
_LIST_START = re.compile(r'\[\s*\{|\{\s*"\w{0,30}(?:memor|fact)\w{0,30}"\s*:', re.IGNORECASE)
_EXAMPLE = re.compile(
    r"\b(?:examples?|e\.\s?g\.|for instance|such as|would (?:be|have|look)|if\b)|例如|比如|示例", re.IGNORECASE
)
_EXAMPLE_BEFORE = 120
"""How many characters before an object can call it an example: about a sentence."""
_PLACE = "\ue000"
"""Stands for a JSON value while the thinking around it is cut out. Private use: no model means anything by it."""


class _Evidence(IntEnum):
    """How sure it is that a value is the answer. Only the surest of a text count."""

    NONE = 0
    ITEM = 1  # an object with a text, or a list of strings
    LIST = 2  # a list of objects with texts
    NAMED = 3  # a list under a name that says so


@dataclass(frozen=True, slots=True)
class _Found:
    evidence: _Evidence
    items: tuple[Any, ...] = ()


_NOTHING = _Found(_Evidence.NONE)


def listed(text: str) -> list[Any]:
    """The items of all JSON values in an answer that fit, as the model gave them; drafts and examples left out.

    Raises: BadAnswer, when nothing fits, or a list was cut off.
    """
    if len(text) > MOST_CHARACTERS:
        raise BadAnswer(f"the answer is longer than {MOST_CHARACTERS} characters")
    found = [(_fitting(value), example) for value, example in _values(text)]
    best = max((each.evidence for each, _ in found), default=_Evidence.NONE)
    if best is _Evidence.NONE:
        raise BadAnswer("the answer lists no memories in any JSON that we know")
    fitting = [(each, example) for each, example in found if each.evidence is best]
    meant = [each for each, example in fitting if not example] or [fitting[0][0]]
    return [item for each in meant for item in each.items]


def text_of(item: Any) -> str | None:
    """The words of an item: a string, or an object with a text; None where there are none."""
    if isinstance(item, str):
        return item
    if not isinstance(item, dict):
        return None
    return next((item[name] for name in _TEXTS if isinstance(item.get(name), str) and item[name].strip()), None)


def _values(text: str) -> Iterator[tuple[Any, bool]]:
    """The JSON values outside of thinking, each with whether the words before it call it an example."""
    values: list[Any] = []
    between: list[str] = []
    place = 0
    for start, end, value in islice(_decoded(text.replace(_PLACE, " ")), _MOST_VALUES):
        between.append(text[place:start])
        values.append(value)
        place = end
    # Thinking is told by its marks, but not by marks within a value: those are words of a fact.
    skeleton = "".join(f"{words}{_PLACE}{n}{_PLACE}" for n, words in enumerate(between)) + text[place:]
    parts = without_thinking(skeleton).split(_PLACE)
    for before, number in zip(parts[::2], parts[1::2], strict=False):
        yield values[int(number)], bool(_EXAMPLE.search(before[-_EXAMPLE_BEFORE:]))


def _decoded(text: str) -> Iterator[tuple[int, int, Any]]:
    """Where JSON objects and lists stand in a text, and their values; in time that grows with the text alone."""
    decoder = json.JSONDecoder(strict=False)
    place, errors, last = 0, 0, len(text.rstrip())
    while errors < _MOST_FALSE_STARTS and (start := _START.search(text, place)):
        begin = start.start()
        try:
            value, place = decoder.raw_decode(text, begin)
        except json.JSONDecodeError as error:
            ended = error.pos >= last or error.msg.startswith("Unterminated")
            if ended and _LIST_START.match(text, begin):
                raise BadAnswer("the answer was cut off within its list") from None
            errors, place = errors + 1, begin + 1
        except (ValueError, RecursionError):
            errors, place = errors + 1, begin + 1
        else:
            yield begin, place, value


def _fitting(value: Any, depth: int = 0) -> _Found:
    """What of a value is a list of memories, taken out of its wrappings."""
    if depth > _DEEPEST:
        return _NOTHING
    if isinstance(value, str):
        return _fitting_string(value, depth)
    if isinstance(value, list):
        return _fitting_list(value, depth)
    if isinstance(value, dict):
        return _fitting_object(value, depth)
    return _NOTHING


def _fitting_string(value: str, depth: int) -> _Found:
    """Arguments of a call are JSON within JSON."""
    if value.lstrip()[:1] not in ("{", "["):
        return _NOTHING
    try:
        return _fitting(json.loads(value, strict=False), depth + 1)
    except (ValueError, RecursionError):
        return _NOTHING


def _fitting_list(value: list[Any], depth: int) -> _Found:
    wrapped = _union(_fitting(each, depth + 1) for each in value if isinstance(each, dict))
    if wrapped.evidence is _Evidence.NAMED:
        return wrapped
    if any(isinstance(each, dict) and text_of(each) for each in value):
        return _Found(_Evidence.LIST, tuple(value))
    if wrapped.evidence is not _Evidence.NONE:
        return wrapped
    if any(isinstance(each, str) for each in value):
        return _Found(_Evidence.ITEM, tuple(value))
    return _NOTHING


def _fitting_object(value: dict[str, Any], depth: int) -> _Found:
    named = [items for name, held in value.items() if _plain(name) in _LISTS and (items := _items_of(held)) is not None]
    if named:
        return _Found(_Evidence.NAMED, tuple(item for items in named for item in items))
    wrapped = _union(
        _wrapped(_plain(name), held, depth) for name, held in value.items() if _plain(name) in _WRAPPERS | _LISTS
    )
    if wrapped.evidence is not _Evidence.NONE:
        return wrapped
    text = value.get("text")
    if not isinstance(text, str) or not text.strip():
        return _NOTHING
    within = _fitting_string(text, depth)
    return within if within.evidence is not _Evidence.NONE else _Found(_Evidence.ITEM, (value,))


def _wrapped(name: str, held: Any, depth: int) -> _Found:
    found = _fitting(held, depth + 1)
    if found.evidence is _Evidence.NONE and name in _ARGUMENTS and isinstance(held, dict) and text_of(held):
        return _Found(_Evidence.ITEM, (held,))  # one call a memory
    return found


def _items_of(held: Any) -> Iterable[Any] | None:
    """The items under a name of ours: a list of them, one alone, or several by number. None: something else."""
    if isinstance(held, list):
        return held
    if not isinstance(held, dict) or not held:
        return None
    if "text" in held and text_of(held):
        return [held]
    return held.values() if all(isinstance(each, dict) and text_of(each) for each in held.values()) else None


def _union(found: Iterable[_Found]) -> _Found:
    """The items of those that are surest."""
    each = list(found)
    best = max((one.evidence for one in each), default=_Evidence.NONE)
    return _Found(best, tuple(item for one in each if one.evidence is best for item in one.items))


def _plain(name: str) -> str:
    return name.strip().lower().replace("-", "_").replace(" ", "_")
