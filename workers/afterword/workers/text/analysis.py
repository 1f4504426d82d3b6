"""Text as search terms, the same for what is stored and what is asked.

The terms go into the payload's lexical field and into the query, so the same word must give the same term in both. The
language of a short query is often detected wrongly, so a stem never depends on the detected language alone. Latin words
always get their English stem, and words of other scripts the stem of their script. A language detected with confidence
only *adds* its own stems. Irregular English forms ("went") are brought to their base first, unless another language was
detected. Accents are folded ("Zürich" meets "Zurich"). Text in Chinese, Japanese, Korean and Thai becomes overlapping
pairs of characters; Chinese also gives its single characters. Emoji and punctuation are dropped.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import Stemmer

from afterword.workers.text.en.words import BASES
from afterword.workers.text.en.words import STOP_WORDS as ENGLISH
from afterword.workers.text.language import STOP_WORDS, detection
from afterword.workers.text.remembered import remembered
from afterword.workers.text.zh.phrases import STOP_CHARACTERS

MAX_CHARACTERS = 20_000
"""A longer text is analysed up to here."""

# Chinese gives up to two terms a character, so that a text within MAX_CHARACTERS may have more.
MAX_TERMS = 10_000
_MAX_WORD = 64  # longer runs are keys and encoded data, not words
_STEM_CACHE = 50_000
_TEXTS_CACHED = 256  # a text that is written is analysed twice in a row: for its vector and its lexical field

# Thai and Lao, kana, Han with its extensions and compatibility forms, Hangul.
_UNPARTED = r"\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0002ebef"
UNPARTED: Final = f"[{_UNPARTED}]"
"""One character of a script that does not part its words, as a regular expression."""

_INDIC = r"\u0900-\u0dff"  # its vowel signs are marks, which \w leaves out
# In this order: runs without spaces; numbers with their points, such as 3.5 or 10:30; words, with c++ and c# whole.
_TOKEN = re.compile(
    rf"(?P<run>[{_UNPARTED}]+)"
    r"|\d+(?:[.,:]\d+)+"
    rf"|(?:[^\W_{_UNPARTED}]|[{_INDIC}])+(?:'[^\W_{_UNPARTED}]+)*(?:\+\+|\#)?"
)
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ebef]")
# Arabic vowel signs and tatweel, Hebrew points: optional in writing.
_POINTS = re.compile(r"[\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670]")

_SNOWBALL = {
    "es": "spanish",
    "fr": "french",
    "de": "german",
    "it": "italian",
    "pt": "portuguese",
    "nl": "dutch",
    "sv": "swedish",
}
_SCRIPT_STEMMERS = (
    ("\u0370", "\u03ff", "greek"),
    ("\u0400", "\u052f", "russian"),
    ("\u0600", "\u06ff", "arabic"),
    ("\u0900", "\u097f", "hindi"),
)


def terms(text: str) -> list[str]:
    """Search terms in the order of the text, repeats kept; at most MAX_TERMS. Grammatical words are left out."""
    return list(_terms(text[:MAX_CHARACTERS]))


@remembered(_TEXTS_CACHED)
def _terms(text: str) -> tuple[str, ...]:
    normal = _normalised(text)
    detected = detection(normal)
    # Only Latin script is shared by languages with different stemmers; other scripts choose theirs by themselves.
    own = detected.language if detected.confident and detected.language in _SNOWBALL else "en"
    found: list[str] = []
    for match in _TOKEN.finditer(normal):
        token = match.group()
        if match.lastgroup == "run":
            found.extend(_characters(token))
        else:
            found.extend(_word_terms(token, own))
    return tuple(found[:MAX_TERMS])


def _normalised(text: str) -> str:
    if text.isascii():
        return text.lower()
    normal = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    return _POINTS.sub("", normal)


def _characters(run: str) -> Iterator[str]:
    """Overlapping pairs; single Chinese characters too, where they mean something by themselves."""
    for position, character in enumerate(run):
        if character not in STOP_CHARACTERS and (len(run) == 1 or _HAN.match(character)):
            yield character
        if position + 1 < len(run):
            yield run[position : position + 2]


@lru_cache(maxsize=_STEM_CACHE)
def _word_terms(word: str, language: str) -> tuple[str, ...]:
    """None for a grammatical word, one term for most, two where the language's own stem differs."""
    if len(word) > _MAX_WORD or word in ENGLISH or word in STOP_WORDS[language]:
        return ()
    bare = _without_clitics(word)
    # Once more without the clitic: "it's" is listed as it is, "l'un" only as "un".
    if bare in ENGLISH or bare in STOP_WORDS[language]:
        return ()
    if language == "en":
        bare = BASES.get(bare, bare)
    stemmer = _stemmer_of(bare)
    # Folded before the English stemmer, so that "Zürich" and "Zurich" get one stem. Other stemmers need the accents.
    shared = _folded(_stem(stemmer, _folded(bare) if stemmer == "english" else bare))
    if language == "en" or not bare.isalpha():
        return (shared,)
    own = _folded(_stem(_SNOWBALL[language], bare))
    return (shared,) if own == shared else (shared, own)


def _without_clitics(word: str) -> str:
    """ "user's" is user, "l'homme" is homme, "rock'n'roll" is rocknroll."""
    head, apostrophe, tail = word.partition("'")
    if not apostrophe:
        return word
    if tail in ("s", "re", "ve", "ll", "d", "m"):
        return head
    # French and Italian elisions: l', d', j', qu'.
    if len(head) <= 1 or head == "qu":
        return tail.replace("'", "")
    return word.replace("'", "")


def _stem(algorithm: str, word: str) -> str:
    # A stemmer must not be shared between threads, and making one costs less than a lock.
    return str(Stemmer.Stemmer(algorithm, 0).stemWord(word))


def _stemmer_of(word: str) -> str:
    first = word[0]
    return next((stemmer for low, high, stemmer in _SCRIPT_STEMMERS if low <= first <= high), "english")


def _folded(word: str) -> str:
    """Without accents, where the word is not of a script whose marks are letters."""
    if word.isascii() or _stemmer_of(word) == "hindi":
        return word
    parts = unicodedata.normalize("NFD", word)
    return unicodedata.normalize("NFC", "".join(part for part in parts if not unicodedata.combining(part)))
