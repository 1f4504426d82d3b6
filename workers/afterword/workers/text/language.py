"""Which language a text is in: scripts first, then grammatical words. Cheap, deterministic, no model."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import chain
from typing import Final, NamedTuple

from afterword.workers.text import other_languages
from afterword.workers.text.en import words as english
from afterword.workers.text.remembered import remembered

UNDETERMINED = "und"

STOP_WORDS: Final = {
    "en": english.STOP_WORDS,
    **{language: frozenset(words.split()) for language, words in other_languages.STOP_WORDS.items()},
}
"""Small sets of words that carry grammar, by ISO 639-1 code. English comes first: it wins a tie."""

_TEXTS_CACHED = 256  # a text that is written is asked about three times in a row
_SAMPLE = 2_000  # characters are enough to tell; a long transcript costs no more than a page
_LATIN_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_SCRIPTS = {
    "kana": re.compile(r"[\u3040-\u30ff\uff66-\uff9d]"),
    "han": re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ebef]"),
    "ko": re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]"),
    "cyrillic": re.compile(r"[\u0400-\u052f]"),
    "arabic": re.compile(r"[\u0600-\u06ff\u0750-\u077f]"),
    "he": re.compile(r"[\u0590-\u05ff]"),
    "el": re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]"),
    "th": re.compile(r"[\u0e00-\u0e7f]"),
    "hi": re.compile(r"[\u0900-\u097f]"),
    "latin": re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]"),
}
# A character of these says as much as several letters: Chinese that names English products is Chinese.
_WEIGHTS = {"kana": 4, "han": 4, "ko": 3}
# Letters that Russian does not have, and below, letters that Arabic does not have.
_UKRAINIAN = re.compile("[іїєґІЇЄҐ]")
_PERSIAN = re.compile("[پچژگ]")
# Each encoding has the characters of one script, and few of those that only the other has.
_OF_SIMPLIFIED, _OF_TRADITIONAL = "gb2312", "cp950"


class Detection(NamedTuple):
    """A language code, and whether more than a default speaks for it."""

    language: str
    confident: bool


def _votes() -> dict[str, tuple[tuple[str, float], ...]]:
    # A word that several languages share counts less for each of them.
    sharing = Counter(chain.from_iterable(STOP_WORDS.values()))
    votes: defaultdict[str, list[tuple[str, float]]] = defaultdict(list)
    for language, words in STOP_WORDS.items():
        for word in words:
            votes[word].append((language, 1 / sharing[word]))
    return {word: tuple(cast) for word, cast in votes.items()}


_VOTES = _votes()
# More than one word that no other language has, and (in `_latin`) clearly more than the next language gets.
_CONFIDENT_VOTES = 1.5


def detect(text: str) -> str:
    """ISO 639-1 code of the main language; Latin text that gives no sign is "en"; "und" without any letter."""
    return detection(text).language


def detect_with_script(text: str) -> str:
    """As `detect`, but "zh-Hant" for Chinese in traditional characters. For headings: memories are all "zh"."""
    language = detect(text)
    return "zh-Hant" if language == "zh" and _is_traditional(text[:_SAMPLE]) else language


def _is_traditional(sample: str) -> bool:
    """Whether more of its characters are only traditional than only simplified."""
    han = "".join(_SCRIPTS["han"].findall(sample))
    return len(han.encode(_OF_TRADITIONAL, "ignore")) > len(han.encode(_OF_SIMPLIFIED, "ignore"))


def detection(text: str) -> Detection:
    """The language, and whether there is more than a default behind it."""
    # Cut first: what is remembered of a long note is its beginning.
    return _detected(text[:_SAMPLE])


@remembered(_TEXTS_CACHED)
def _detected(sample: str) -> Detection:
    script = "latin" if sample.isascii() else _main_script(sample)
    if script == "latin":
        return _latin(sample)
    return Detection(_refined(script, sample), script is not None)


def _main_script(sample: str) -> str | None:
    weights = {name: _WEIGHTS.get(name, 1) * len(pattern.findall(sample)) for name, pattern in _SCRIPTS.items()}
    if weights["kana"] * 10 > weights["han"]:  # Japanese has kana between its kanji; Chinese has none
        weights["kana"] += weights["han"]
    best = max(weights, key=lambda name: weights[name])
    return best if weights[best] else None


def _refined(script: str | None, sample: str) -> str:
    match script:
        case None:
            return UNDETERMINED
        case "kana":
            return "ja"
        case "han":
            return "zh"
        case "cyrillic":
            return "uk" if _UKRAINIAN.search(sample) else "ru"
        case "arabic":
            return "fa" if _PERSIAN.search(sample) else "ar"
        case _:
            return script


def _latin(sample: str) -> Detection:
    words = _LATIN_WORD.findall(sample.lower().replace("’", "'"))
    if not words:
        return Detection(UNDETERMINED, False)
    scores = dict.fromkeys(STOP_WORDS, 0.0)
    for word in words:
        for language, vote in _VOTES.get(word, ()):
            scores[language] += vote
    best = max(scores, key=lambda language: scores[language])
    return Detection(best, scores[best] >= _CONFIDENT_VOTES and scores[best] > 1.5 * _runner_up(scores, best))


def _runner_up(scores: dict[str, float], best: str) -> float:
    return max(score for language, score in scores.items() if language != best)
