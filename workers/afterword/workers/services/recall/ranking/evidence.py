"""What the two signals say of each memory found: how it compares with the others, and what it is worth by itself. Pure.

*Dense*: the cosine similarity as evidence above chance (see `calibration`). A memory that only its words proposed was
not in the dense list: it is taken for as near as the last of that list. *Lexical*: BM25 (Robertson and Zaragoza 2009),
as a share of the best score of the question, since its height depends on the question. Their sum orders memories:
on the development part of the recall benchmark it beats reciprocal ranks, min-max and z-score fusion.

*Relevance*, from 0 to 1, is what users see, and what the threshold is for: the chance that a memory is about what is
asked, were both signals independent. Its two curves are logistic, fitted to the best memory of answerable questions
against that of messages that ask for no memory. BM25 sums grow with the number of memories and, where characters stand
for words, with each character; both are taken out before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, log1p

from afterword.workers.services.memories.in_context import TURNS_BEFORE
from afterword.workers.services.recall.question.calibration import Scale

_DENSE_MIDDLE, _DENSE_SLOPE = 4.8, 1.6
_LEXICAL_MIDDLE, _LEXICAL_SLOPE = 8.0, 2.5
_UNPARTED_EXCESS = 0.65
_MEMORIES_FITTED = 250

Scored = tuple[str, float]
"""An id with its raw score."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What one corner of the memory holds for a question, best first, by both signals; at most `depth` of each.

    `dense` is None when there was no vector. How rare a word is, was counted over `corpus` memories; None: over those
    of the corner, as far as they are all here.
    """

    dense: Sequence[Scored] | None
    lexical: Sequence[Scored]
    depth: int
    corpus: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether all memories of the corner are in the dense list."""
        return self.dense is not None and len(self.dense) < self.depth

    @property
    def counted_over(self) -> int | None:
        """Of how many memories the rarity of words is, as far as that is known."""
        if self.dense is None:
            return None
        return len(self.dense) if self.corpus is None and self.is_whole else self.corpus


@dataclass(frozen=True, slots=True)
class Evidence:
    """Of one memory: `dense` above chance (about 5 is an answer), `lexical` from 0 to 1 of the best, `words` the BM25
    sum as it would be of parted words among some hundred memories.
    """

    id: str
    dense: float
    lexical: float
    words: float

    @property
    def relevance(self) -> float:
        """From 0 to 1."""
        return relevance(self.dense, self.words)


def weigh(listings: Sequence[Listing], scale: Scale | None, unparted: float) -> list[Evidence]:
    """The evidence of every memory found, in no order. `scale` is None when there was no vector."""
    best = max((listing.lexical[0][1] for listing in listings if listing.lexical), default=0.0)
    worth = _lexical_worth(listings, unparted)
    found: dict[str, Evidence] = {}
    for listing in listings:
        words = dict(listing.lexical)
        similarities = dict(listing.dense or ())
        last = 0.0 if listing.is_whole or not listing.dense else listing.dense[-1][1]
        for key in {**similarities, **words}:
            dense = scale.evidence(similarities.get(key, last)) if scale else 0.0
            score = words.get(key, 0.0)
            found[key] = Evidence(key, dense, score / best if best else 0.0, score * worth)
    return list(found.values())


def relevance(dense: float, lexical: float) -> float:
    """From 0 to 1; rises with each signal. `lexical` is a BM25 sum as `Evidence.words` is."""
    by_meaning = _logistic(_DENSE_SLOPE * (dense - _DENSE_MIDDLE)) if dense > 0 else 0.0
    by_words = _logistic(_LEXICAL_SLOPE * (log1p(lexical) - log1p(_LEXICAL_MIDDLE))) if lexical > 0 else 0.0
    return 1 - (1 - by_meaning) * (1 - by_words)


def _lexical_worth(listings: Sequence[Listing], unparted: float) -> float:
    """What a BM25 sum is multiplied with, to be as one of parted words among as many memories as the curve knows."""
    parted = 1 - _UNPARTED_EXCESS * min(1.0, unparted)
    counted = [listing.counted_over for listing in listings]
    if not counted or None in counted:
        return parted
    memories = sum(each or 0 for each in counted)
    return parted * max(1.0, _rarest(_MEMORIES_FITTED) / _rarest(max(memories, 1)))


def _rarest(memories: int) -> float:
    """The inverse document frequency, among so many memories, of a word that one turn holds."""
    holding = min(memories, 1 + TURNS_BEFORE)
    return log(1 + (memories - holding + 0.5) / (holding + 0.5))


def _logistic(x: float) -> float:
    return 1 / (1 + exp(-x)) if x > -700 else 0.0
