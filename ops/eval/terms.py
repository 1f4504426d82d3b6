"""Whether a term occurs in a text: case, width and kind of apostrophe do not matter. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


def normalised(text: str) -> str:
    """A text as terms and dates are looked for in it."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    return " ".join(folded.split())


def occurs(term: str, text: str) -> bool:
    """Whether a normalised text holds the term: at the start of a word, or anywhere where the term is Chinese or
    Japanese. A number is not found within a longer one.
    """
    wanted = normalised(term)
    if _CJK.search(wanted):
        return wanted in text
    # Within CJK text a word has no space before it.
    before = r"(?<![^\W_\u3040-\u30ff\u3400-\u9fff])"
    after = r"(?!\d)" if wanted[-1:].isdigit() else ""
    return re.search(before + re.escape(wanted) + after, text) is not None


def any_of(terms: Iterable[str], text: str) -> bool:
    """Whether one of the terms occurs."""
    return any(occurs(term, text) for term in terms)


def all_of(groups: Sequence[Sequence[str]], text: str) -> bool:
    """Whether of every group one term occurs."""
    return all(any_of(group, text) for group in groups)
