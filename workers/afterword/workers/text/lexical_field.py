"""The search terms of a memory, as its lexical field holds them. Pure.

An answer is found by the question it answers: "About seven years now." shares no word with "How long has Ann been
married?", but the turn before it does. So the field of a turn also holds the terms of the turns before it, repeated
less often, and the speaker's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, repeat

from afterword.workers.text import analysis

# BM25 knows no weight of a term but how often it stands in the field, so that weights are numbers of repeats.
_OWN = 3
_BEFORE = (2, 1)


def lexical_field(text: str, speaker: str | None = None, before: Sequence[str] = ()) -> str:
    """The terms of the text and of its speaker's name three times, of the turn before it twice, of the one before that
    once. `before` is nearest first.
    """
    weighted = [(text, _OWN), (speaker or "", _OWN), *zip(before, _BEFORE, strict=False)]
    terms = chain.from_iterable(chain.from_iterable(repeat(analysis.terms(each), count) for each, count in weighted))
    # The own terms come first: only terms of the turns before are cut off.
    return " ".join(list(terms)[: analysis.MAX_TERMS])
