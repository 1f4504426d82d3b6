"""Acknowledgements: answers of an assistant that tell nothing, such as "Let me think about that for you." Pure; English
and Chinese, whose words are in `en` and `zh`.
"""

from __future__ import annotations

import re
from typing import Final

from afterword.workers.text.en import phrases as english
from afterword.workers.text.remembered import remembered
from afterword.workers.text.zh import phrases as chinese

_MOST = 200
"""Characters; an answer that is longer tells something."""

_TEXTS_CACHED = 1_000  # a turn is found again and again
_BREAK: Final = re.compile(r"[.!?,;:…—–。！？，；：、~～\n]+|\s-+\s")
_CLAUSE: Final = re.compile("|".join((*english.SAYS_NOTHING, *chinese.SAYS_NOTHING)))
_YES_OR_NO: Final = re.compile(f"{english.YES_OR_NO}|{chinese.YES_OR_NO}")
_WORD: Final = re.compile(r"\w")


def says_nothing(text: str) -> bool:
    """Whether every clause of an assistant's answer acknowledges, promises or puts off. A mere yes or no is an answer.

    >>> says_nothing("Sure! Let me think about that for you.")
    True
    >>> says_nothing("Let me think: you are allergic to peanuts.")
    False
    """
    return len(text) <= _MOST and _acknowledges(text)


@remembered(_TEXTS_CACHED)
def _acknowledges(text: str) -> bool:
    parts = _BREAK.split(text.lower().replace("’", "'"))
    clauses = [part.strip() for part in parts if _WORD.search(part)]
    others = [clause for clause in clauses if not _CLAUSE.fullmatch(clause)]
    # A yes or no beside an acknowledgement adds nothing; alone it answers a question.
    return not others or (len(others) < len(clauses) and all(map(_YES_OR_NO.fullmatch, others)))
