"""What a newer fact has replaced: "Ann moved to Paris" after "Ann lives in Rome". Pure; English and Chinese.

Extraction only ever adds, so both are kept. Two learned memories of one subject that tell the same attribute of it
(where they live, what they do for a living ...) cannot both hold when the newer tells of a change; nor can two of which
the extraction linked the newer to the older. The older is then ranked right below the newer: what was is worth
knowing, but not first. What is not surely so stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from afterword.schemas import Kind
from afterword.workers.services.recall.ranking.ranking import Ranked
from afterword.workers.stores.vectors.payload import StoredMemory

_ATTRIBUTES: Final = {
    "home": (
        "live lives lived living move moves moved moving relocate relocates relocated relocating rent rents rented flat"
        " apartment",
        "住 搬 租",
    ),
    "work": (
        "work works worked working job employed employs hired promoted self-employed retire retired retires freelance"
        " freelancing joined resigned ward unit department theatre drives driven bus buses tram trams taxi truck",
        "工作 上班 入职 离职 跳槽 辞职 任职 开车 调到 改教",
    ),
    "school": ("study studies studied studying school university college major degree", "上学 就读 专业 大学"),
    "partner": (
        "single dating engaged married divorced separated widowed husband wife girlfriend boyfriend",
        "单身 恋爱 订婚 结婚 离婚 分手",
    ),
    "called": ("called named renamed name", "叫做 改名 名叫"),
    "eats": ("vegan vegetarian diet breakfast eat eats eating", "早餐 吃素 素食 饮食"),
    "owns": (
        "bought owns uses switched camera phone car laptop bike telescope shoes",
        "买了 换了 用的 相机 手机",
    ),
}
_CHANGE_WORDS: Final = (
    "move moves moved moving relocated change changed changes switch switched now longer anymore instead became since"
    " started start starts new quit left resigned retire retired renamed bought sold gave stopped stop will joined"
    " promoted divorced married",
    "搬 换 改 调到 不再 现在 如今 离职 辞职 入职 新 卖 开始 起",
)
_TEXTS_CACHED = 1_000  # each fact is compared with all others
_PAST: Final = re.compile(
    r"\b(?:used to|before|previous\w*|former\w*|earlier|originally|at first|back then|old|was|were|did)\b"
    r"|以前|之前|原来|从前|过去|曾经|当时|那时",
    re.IGNORECASE,
)
_WHEN_FIRST: Final = re.compile(
    r"^(?:(?:in|on|by|since|from|as of|until|at|for) [^,]{0,40}?\b(?:19|20)\d\d,? "
    r"|(?:19|20)\d\d年[^，,一-鿿]*[月日]?[\d日号初底起时]*[，,]?)",
    re.IGNORECASE,
)
_SUBJECT: Final = re.compile(
    r"(?:the |my )?([^\W\d_][\w-]*(?:['’]s [\w-]+(?: (?!is|was|are|were|has|will|had|does|works?|lives?)[\w-]+)?)?)",
    re.IGNORECASE,
)
_WORD: Final = re.compile(r"[a-z]+(?:-[a-z]+)*")
_HAN_SUBJECT: Final = re.compile(r"[一-鿿]{2,3}?的[一-鿿]{2}|[一-鿿]{2}")


def below_what_replaced_them(ranked: Sequence[Ranked], question: str) -> tuple[list[Ranked], dict[str, str]]:
    """The same, each replaced memory right below the one that replaced it, unless the question is about the past; and
    by id of a replaced memory, that of the newer one.
    """
    if _PAST.search(question):
        return list(ranked), {}
    ordered = list(ranked)
    replaced: dict[str, str] = {}
    learned = sorted((each for each in ranked if each.memory.kind is not Kind.EXCERPT), key=_at, reverse=True)
    for place, newer in enumerate(learned):
        for older in learned[place + 1 :]:
            if older.memory.id not in replaced and replaces(newer.memory, older.memory):
                replaced[older.memory.id] = newer.memory.id
                if ordered.index(older) < ordered.index(newer):
                    ordered.remove(older)
                    ordered.insert(ordered.index(newer) + 1, older)
    return ordered, replaced


def replaces(newer: StoredMemory, older: StoredMemory) -> bool:
    """Whether the newer memory tells how things are since, and the older how they were."""
    if newer.scope is not older.scope or newer.occurred_at <= older.occurred_at:
        return False
    since, before = _told(newer.text), _told(older.text)
    if since.subject is not None and since.subject == before.subject:
        return (since.is_state and before.is_state) or (since.is_change and bool(since.attributes & before.attributes))
    return since.is_change and older.id in newer.linked_memory_ids


@dataclass(frozen=True, slots=True)
class _Told:
    """What a fact tells: of whom or what, which of the attributes, whether of a change, whether what something of
    somebody is ("Ann's band is called ...").
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


_ATTRIBUTE_WORDS: Final = {name: _Words(*words) for name, words in _ATTRIBUTES.items()}
_CHANGE: Final = _Words(*_CHANGE_WORDS)


@lru_cache(maxsize=_TEXTS_CACHED)
def _told(text: str) -> _Told:
    subject = _subject(text)
    words = frozenset(_WORD.findall(text.lower()))
    return _Told(
        subject=subject,
        attributes=frozenset(name for name, told_by in _ATTRIBUTE_WORDS.items() if told_by.in_(text, words)),
        is_change=_CHANGE.in_(text, words),
        is_state=subject is not None and "'s " in subject and _is_said_of(subject, text),
    )


def _is_said_of(subject: str, text: str) -> bool:
    return bool(re.search(re.escape(subject) + r" (?:is|was|are|were|has been|will be)\b", text, re.IGNORECASE))


def _subject(text: str) -> str | None:
    """Whom or what a fact is about: its first name, with what belongs to it where that is meant."""
    begins = _WHEN_FIRST.sub("", text.strip())
    pattern = _HAN_SUBJECT if re.match(r"[一-鿿]", begins) else _SUBJECT
    found = pattern.match(begins)
    return found.group(found.lastindex or 0).casefold() if found else None


def _at(ranked: Ranked) -> tuple[float, str]:
    return ranked.memory.occurred_at.timestamp(), ranked.memory.id
