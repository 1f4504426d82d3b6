"""Evidence: how each memory found compares with the others by the two signals, and how much it is worth alone. Pure.

*Dense*: the cosine similarity as evidence above chance (see `calibration`). A memory that only its words proposed is
not in the dense list; it counts as near as the last of that list. *Lexical*: BM25 (Robertson and Zaragoza 2009), as a
share of the question's best score, since the height of scores depends on the question. The weighted sum of both orders
memories: on the development part of the recall benchmark it beats reciprocal ranks, min-max and z-score fusion.

*Relevance*, from 0 to 1, is the score that users see and the threshold applies to. It is the chance that a memory is
about the question, as if both signals were independent. Its two curves are logistic. They are fitted to the best memory
of answerable questions against that of messages that ask for no memory. BM25 sums grow with the number of memories and,
where characters stand for words, with each character; both effects are taken out first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, log1p

from afterword.workers.services.memories.in_context import TURNS_BEFORE
from afterword.workers.services.recall.corners import Listing
from afterword.workers.services.recall.question.calibration import Scale

# All fitted on the development part of `make bench-recall`.
_DENSE_MIDDLE, _DENSE_SLOPE = 4.8, 1.6
_LEXICAL_MIDDLE, _LEXICAL_SLOPE = 8.0, 2.5
_UNPARTED_EXCESS = 0.65
_MEMORIES_FITTED = 250  # of a person, where the curves were fitted


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence for one memory.

    `dense` is above chance; an answer has about 5. `lexical` is from 0 to 1 of the best. `words` is the BM25 sum as it
    would be with parted words among a few hundred memories.
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
            # A memory that only its words proposed is at most as near as the last of the dense list.
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
    """The factor that makes a BM25 sum one of parted words among as many memories as the curve was fitted to."""
    parted = 1 - _UNPARTED_EXCESS * min(1.0, unparted)
    counted = [listing.counted_over for listing in listings]
    if not counted or None in counted:
        return parted
    memories = sum(each or 0 for each in counted)
    # Only sums over fewer memories are raised: below the number fitted, rare words score less than on the curve.
    return parted * max(1.0, _rarest(_MEMORIES_FITTED) / _rarest(max(memories, 1)))


def _rarest(memories: int) -> float:
    """The inverse document frequency, among so many memories, of a word that one turn holds."""
    holding = min(memories, 1 + TURNS_BEFORE)
    return log(1 + (memories - holding + 0.5) / (holding + 0.5))


def _logistic(x: float) -> float:
    # exp overflows beyond 709.
    return 1 / (1 + exp(-x)) if x > -700 else 0.0
