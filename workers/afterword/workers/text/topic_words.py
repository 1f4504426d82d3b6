"""The topic of a text, told by its words, which are in `en` and `zh`. No model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from enum import StrEnum
from itertools import chain
from typing import Final

from afterword.workers.text import analysis
from afterword.workers.text.en import topics as english
from afterword.workers.text.zh import topics as chinese


class Topic(StrEnum):
    """The subject that a memory is about; OTHER when that cannot be told."""

    FAMILY = "family"
    WORK = "work"
    HEALTH = "health"
    FOOD = "food"
    TRAVEL = "travel"
    HOME = "home"
    MONEY = "money"
    PETS = "pets"
    SPORT = "sport"
    ARTS = "arts"
    LEARNING = "learning"
    TECHNOLOGY = "technology"
    FEELINGS = "feelings"
    SOCIAL = "social"
    PLANS = "plans"
    OTHER = "other"


_UNSURE: Final = frozenset({Topic.PLANS, Topic.FAMILY, Topic.SOCIAL, Topic.HOME})
"""Any text may mention people, dates and places, so these words count for less than words of an activity."""
_UNSURE_VOTE = 0.7


def _topics() -> dict[str, tuple[Topic, ...]]:
    found: defaultdict[str, list[Topic]] = defaultdict(list)
    for topic in Topic:
        # Of a pair of characters, the pair alone: its single characters are of many words.
        pairs = chinese.TOPIC_WORDS.get(topic, "").split()
        words = english.TOPIC_WORDS.get(topic, "").split()
        # The first term alone, which is the English stem: another language's comes second.
        for term in dict.fromkeys([*chain.from_iterable(analysis.terms(word)[:1] for word in words), *pairs]):
            found[term].append(topic)
    return {term: tuple(topics) for term, topics in found.items()}


_TOPICS: Final = _topics()


def votes(terms: Iterable[str]) -> dict[Topic, float]:
    """How much the search terms of a text speak for each topic, in the order in which they are first named; topics that
    nothing speaks for are left out.
    """
    found: defaultdict[Topic, float] = defaultdict(float)
    # No set: its order differs between processes, and the order decides between two topics with as many votes.
    for term in dict.fromkeys(terms):
        topics = _TOPICS.get(term, ())
        for topic in topics:
            found[topic] += (_UNSURE_VOTE if topic in _UNSURE else 1.0) / len(topics)
    return dict(found)
