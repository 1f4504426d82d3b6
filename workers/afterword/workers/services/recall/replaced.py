"""What a newer fact has replaced: "Ann moved to Paris" after "Ann lives in Rome". Pure; English and Chinese.

Extraction only ever adds, so both are kept. Two learned memories of one subject that tell the same attribute of it
(where they live, what they do for a living ...) cannot both hold when the newer tells of a change; nor can two of which
the extraction linked the newer to the older. The older is then ranked right below the newer: what was is worth
knowing, but not first. What is not surely so stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from afterword.schemas import Kind
from afterword.workers.services.recall.ranking import Ranked
from afterword.workers.stores.vectors.payload import StoredMemory

_ATTRIBUTES: Final = {
    "home": r"\b(?:liv(?:e|es|ed|ing) (?:in|at|on|near|above|with)|mov(?:e|es|ed|ing)|relocat\w+|rents?|rented|flat"
    r"|apartment)\b"
    r"|住|搬|租",
    "work": r"\b(?:works?|worked|working|job|employ\w+|hired|laid off|promoted|self-employed|retire[ds]?|freelanc\w+"
    r"|joined|resign\w*|ward|unit|department|theatre|for a living"
    r"|driv(?:es|en) (?:a |the )?(?:bus|tram|train|taxi|truck|van|double)\w*)\b"
    r"|工作|上班|入职|离职|跳槽|辞职|任职|开车|调到|改教",
    "school": r"\b(?:stud(?:y|ies|ied|ying)|school|university|college|major|degree)\b|上学|就读|专业|大学",
    "partner": r"\b(?:single|dating|engaged|married|divorced|separated|widowed|husband|wife|girlfriend|boyfriend)\b"
    r"|单身|恋爱|订婚|结婚|离婚|分手",
    "called": r"\b(?:called|named|renamed|name is)\b|叫做|改名|名叫",
    "eats": r"\b(?:vegan|vegetarian|diet|breakfast|eats?|eating)\b|早餐|吃素|素食|饮食",
    "owns": r"\b(?:bought|owns?|has a|drives a|uses|switched to|camera|phone|car|laptop|bike|telescope|shoes)\b"
    r"|买了|换了|用的|相机|手机",
}
_ATTRIBUTE: Final = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _ATTRIBUTES.items()}
_CHANGE: Final = re.compile(
    r"\b(?:mov\w+|relocat\w+|chang\w+|switch\w+|now|no longer|not any ?more|instead|became|since|started|start|new"
    r"|quit|left|resign\w*|retir\w+|renamed|bought|sold|gave|stopped|will|joined|promoted|divorced|married)\b"
    r"|搬|换|改|调到|不再|现在|如今|离职|辞职|入职|新|卖|开始|起",
    re.IGNORECASE,
)
_TEXTS_CACHED = 512  # each fact is compared with all others
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
    subject = _subject(newer.text)
    if subject is not None and subject == _subject(older.text):
        if "'s " in subject and _is_said_of(subject, newer.text) and _is_said_of(subject, older.text):
            return True
        return _CHANGE.search(newer.text) is not None and _same_attribute(newer.text, older.text)
    return older.id in newer.linked_memory_ids and _CHANGE.search(newer.text) is not None


def _same_attribute(newer: str, older: str) -> bool:
    return any(pattern.search(newer) and pattern.search(older) for pattern in _ATTRIBUTE.values())


def _is_said_of(subject: str, text: str) -> bool:
    """Whether a text says what something of somebody is or was: "Ann's band is called ..."."""
    return bool(re.search(re.escape(subject) + r" (?:is|was|are|were|has been|will be)\b", text, re.IGNORECASE))


@lru_cache(maxsize=_TEXTS_CACHED)
def _subject(text: str) -> str | None:
    """Whom or what a fact is about: its first name, with what belongs to it where that is meant."""
    begins = _WHEN_FIRST.sub("", text.strip())
    pattern = _HAN_SUBJECT if re.match(r"[一-鿿]", begins) else _SUBJECT
    found = pattern.match(begins)
    return found.group(found.lastindex or 0).casefold() if found else None


def _at(ranked: Ranked) -> tuple[float, str]:
    return ranked.memory.occurred_at.timestamp(), ranked.memory.id
