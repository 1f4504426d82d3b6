"""Phrases: what a person said in their own words, kept as hashes, to be looked for in stores, keys and files. Pure.

A single word tells nothing: everybody says it. A few in a row are hardly ever said by two people.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator

_WORD = re.compile(r"\w+")
_RUN = re.compile(rb"[^\x00-\x1f]{8,}")
"""Stretches of a file that may be text; the pages of stores are zeros for the most part."""

_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})|\\[nrt]")
"""Characters as JSON may write them."""

_IN_A_ROW = 4
_SHORTEST = 14
"""Characters of a phrase. Four short words in a row, such as "it is what it", are anybody's."""
_WITHOUT_SPACES = 8
"""Characters in a row that make a phrase in writing without spaces, such as Chinese."""

_A_TEXT = 3
_MOST = 3_000


def phrases_in(text: str) -> Iterator[str]:
    """The phrases of a text, each as often as it stands there.

    >>> list(phrases_in("My sister Imelda plays the viola."))
    ['my sister imelda plays', 'sister imelda plays the', 'imelda plays the viola']
    """
    words = [word.lower() for word in _WORD.findall(text)]
    for place, word in enumerate(words):
        if not word.isascii() and len(word) >= _WITHOUT_SPACES:
            yield from (word[start : start + _WITHOUT_SPACES] for start in range(len(word) - _WITHOUT_SPACES + 1))
        phrase = " ".join(words[place : place + _IN_A_ROW])
        if place + _IN_A_ROW <= len(words) and len(phrase) >= _SHORTEST:
            yield phrase


def hashed(key: bytes, phrase: str) -> str:
    """The keyed hash of a phrase. Without the key nobody can try phrases against it."""
    return hmac.new(key, phrase.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:24]


def sampled(texts: Iterable[str], key: bytes) -> tuple[str, ...]:
    """The hashes of some phrases of each text, from its beginning, middle and end."""
    found: dict[str, None] = {}
    for text in texts:
        phrases = list(phrases_in(text))
        step = max(1, len(phrases) // _A_TEXT)
        found.update(dict.fromkeys(hashed(key, phrase) for phrase in phrases[::step][:_A_TEXT]))
        if len(found) >= _MOST:
            break
    return tuple(found)[:_MOST]


class PhraseFinder:
    """Finds phrases whose hashes are known."""

    def __init__(self, key: bytes, hashes: Iterable[str]) -> None:
        self._key = key
        self._hashes = frozenset(hashes)

    def in_text(self, text: str) -> set[str]:
        """The hashes among ours of the phrases that a text holds."""
        if not self._hashes:
            return set()
        return {found for phrase in phrases_in(text) if (found := hashed(self._key, phrase)) in self._hashes}

    def in_bytes(self, data: bytes) -> set[str]:
        """The same, of anything: a message, a reply, a page of a file."""
        found: set[str] = set()
        if self._hashes:
            for run in _RUN.findall(data):
                found |= self.in_text(_ESCAPED.sub(_unescaped, run.decode(errors="replace")))
        return found


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else " "
