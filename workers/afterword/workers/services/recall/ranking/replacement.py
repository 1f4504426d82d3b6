"""Replacement: "Ann moved to Paris" takes the place of "Ann lives in Rome". Pure; English and Chinese.

Extraction only ever adds, so both facts are kept. Two learned memories cannot both hold when they tell the same
attribute of one subject (a home, a job ...) and the newer tells of a change. The same is true of two that the
extraction linked, and of a memory that was added in the place of another. The older one then ranks right below the
newer: how things were is worth knowing, but not first. Where this is not certain, the order stays.

On the development part of `make bench-recall` this raises the share of changed facts whose newer one stands first
from .45 to .71.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from afterword.schemas import Kind
from afterword.workers.services.recall.ranking.scores import RankedMemory
from afterword.workers.stores.vectors.payload import StoredMemory
from afterword.workers.text.en import phrases as english
from afterword.workers.text.remembered import remembered
from afterword.workers.text.zh import phrases as chinese

_TEXTS_CACHED = 1_000  # each fact is compared with all others
_LONGEST = 2_000  # characters of a fact; a note that is longer says at its beginning what it is about
_PAST: Final = re.compile(f"{english.ASKS_FOR_PAST}|{chinese.ASKS_FOR_PAST}", re.IGNORECASE)
_TIME_FIRST: Final = re.compile(f"^(?:{english.TIME_FIRST}|{chinese.TIME_FIRST})", re.IGNORECASE)
_SUBJECT: Final = re.compile(english.SUBJECT, re.IGNORECASE)
_HAN_SUBJECT: Final = re.compile(chinese.SUBJECT)
_WORD: Final = re.compile(english.WORD)


def below_what_replaced_them(
    ranked: Sequence[RankedMemory], question: str
) -> tuple[list[RankedMemory], dict[str, str]]:
    """The memories with each replaced one right below its replacement, and the newer one's id by that of the older.

    When the question is about the past, nothing is replaced.
    """
    if _PAST.search(question):
        return list(ranked), {}
    ordered = list(ranked)
    replaced: dict[str, str] = {}
    # Newest first, so that an older fact is placed below the newest one that replaces it.
    named = {each.memory.replaces for each in ranked}
    # What somebody said was true when they said it, unless a person says that it no longer holds.
    meant = (each for each in ranked if each.memory.kind is not Kind.EXCERPT or each.memory.id in named)
    learned = sorted(meant, key=_at, reverse=True)
    for place, newer in enumerate(learned):
        for older in learned[place + 1 :]:
            if older.memory.id not in replaced and replaces(newer.memory, older.memory):
                replaced[older.memory.id] = newer.memory.id
                # One that stands below already stays where its own score put it.
                if ordered.index(older) < ordered.index(newer):
                    ordered.remove(older)
                    ordered.insert(ordered.index(newer) + 1, older)
    return ordered, replaced


def replaces(newer: StoredMemory, older: StoredMemory) -> bool:
    """Whether the newer memory tells how things are now, and the older how they were."""
    if newer.replaces == older.id:
        return True
    if Kind.EXCERPT in (newer.kind, older.kind):
        return False
    if newer.scope is not older.scope or newer.told_at <= older.told_at:
        return False
    since, before = _told(newer.text[:_LONGEST]), _told(older.text[:_LONGEST])
    if since.subject is not None and since.subject == before.subject:
        return (since.is_state and before.is_state) or (since.is_change and bool(since.attributes & before.attributes))
    return since.is_change and older.id in newer.linked_memory_ids


@dataclass(frozen=True, slots=True)
class _Content:
    """The content of a fact: its subject, its attributes, whether it tells of a change (`is_change`), and whether it
    says what a thing of somebody's is, such as "Ann's band is called ..." (`is_state`).
    """

    subject: str | None
    attributes: frozenset[str]
    is_change: bool
    is_state: bool


class _Words:
    """Words, of scripts that part them and of Chinese; `in_` tells whether a text holds one."""

    def __init__(self, parted: str, unparted: str) -> None:
        self._parted = frozenset(parted.split())
        self._unparted = tuple(unparted.split())

    def in_(self, text: str, words: frozenset[str]) -> bool:
        """`words` are those of the text, in lower case."""
        if not self._parted.isdisjoint(words):
            return True
        return not text.isascii() and any(word in text for word in self._unparted)


_ATTRIBUTES: Final = {name: _Words(words, chinese.ATTRIBUTES[name]) for name, words in english.ATTRIBUTES.items()}
_CHANGE: Final = _Words(english.CHANGE, chinese.CHANGE)


@remembered(_TEXTS_CACHED)
def _told(text: str) -> _Content:
    subject = _subject(text)
    words = frozenset(_WORD.findall(text.lower()))
    return _Content(
        subject=subject,
        attributes=frozenset(name for name, told_by in _ATTRIBUTES.items() if told_by.in_(text, words)),
        is_change=_CHANGE.in_(text, words),
        is_state=subject is not None and "'s " in subject and _is_said_of(subject, text),
    )


def _is_said_of(subject: str, text: str) -> bool:
    return bool(re.search(re.escape(subject) + english.IS_SOMETHING, text, re.IGNORECASE))


def _subject(text: str) -> str | None:
    """Whom or what a fact is about: its first name, with what belongs to it where that is meant."""
    begins = _TIME_FIRST.sub("", text.strip())
    pattern = _HAN_SUBJECT if chinese.HAN.match(begins) else _SUBJECT
    found = pattern.match(begins)
    return found.group(found.lastindex or 0).casefold() if found else None


def _at(ranked: RankedMemory) -> tuple[float, str]:
    return ranked.memory.told_at.timestamp(), ranked.memory.id
