"""Questions of every script and size: answered, and what is meant is found."""

from __future__ import annotations

from typing import Any

import pytest

from afterword.schemas import ContextReply, ContextRequest
from tests.integration.commands.test_memory_search import keep, stored
from tests.support.workshop import REPLY_TO, Workshop, event

FACTS = (
    "用户的姐姐在杭州开了一家茶馆",
    "用户喜欢喝乌龙茶，不喜欢咖啡",
    "ユーザーの猫の名前はモモです",
    "ユーザーは大阪に住んでいます",
    "사용자는 서울에서 첼로를 배운다",
    "ผู้ใช้แพ้ถั่วลิสง",
    "Пользователь играет на виолончели",
    "המשתמש גר בחיפה ליד הים",
    "المستخدم يسكن في القاهرة قرب النيل",
    "The user's sister Clara lives in Zürich",
    "El usuario es alérgico a los cacahuetes",
)


def ask(workshop: Workshop, query: str) -> ContextReply:
    """As it comes over the wire."""
    body: dict[str, Any] = {"user_id": "ann", "query": query, "reply_to": REPLY_TO}
    reply: ContextReply = workshop.ask(ContextRequest.parse(body))
    return reply


@pytest.fixture
def stocked(workshop: Workshop) -> Workshop:
    keep(workshop, *(stored(text) for text in FACTS))
    return workshop


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("我姐姐在杭州做什么？", 0),
        ("茶馆在哪里", 0),
        ("我喜欢喝什么茶？", 1),
        ("猫の名前は何ですか？", 2),
        ("どこに住んでいますか、大阪？", 3),
        ("첼로를 어디서 배워요?", 4),
        ("ฉันแพ้ถั่วลิสงไหม", 5),
        ("На чём играет пользователь, на виолончели?", 6),
        ("איפה גר המשתמש, בחיפה?", 7),
        ("أين يسكن المستخدم، في القاهرة؟", 8),
        ("Where in Zurich is Clara?", 9),
        ("¿Es alérgico a los cacahuetes?", 10),
        ("Za\u0308hringen? Nein: Zu\u0308rich, Clara", 9),
        ("\u200bClara\u200b \u200bZürich\u200b?", 9),
        ("\u202eClara\u202c Zürich", 9),
        ("🙂 Clara 🙂 Zürich 🎉", 9),
        ("CLARA ZÜRICH SISTER", 9),
        ("ｃｌａｒａ　ｚｕｒｉｃｈ", 9),
    ],
)
def test_what_is_meant_is_found_first(stocked: Workshop, query: str, found: int) -> None:
    reply = ask(stocked, query)
    assert reply.degraded == ()
    assert [memory.text for memory in reply.memories][:1] == [FACTS[found]]
    assert FACTS[found] in reply.text


@pytest.mark.parametrize(
    "query",
    [
        "🙂🎉", "\U0001f469\u200d\U0001f467", "\u200b\u200d\ufeff", "\u202e\u202d\u2066", "\x00", "\x00" * 50,
        "half \ud83d of it", "\udc00\ud800", "\r\n\t", "'; DROP TABLE conversations; --", '{"must": []}', "%s%n{}",
        "a\u0301" * 500, "\ufdfa" * 300,
        "?" * 100_000, "\u0e31" * 1000, "🙂" * 25_000,
    ],
)  # fmt: skip
def test_no_question_is_too_odd(stocked: Workshop, query: str) -> None:
    reply = ask(stocked, query)
    assert set(reply.degraded) <= {"embedder"}


@pytest.mark.parametrize(
    "filler",
    [
        "word " * 20_000,
        "w" * 100_000,
        " ".join(f"item{number}" for number in range(12_000)),
        "漢字" * 17_000,
        "".join(chr(0x4E00 + number % 20_000) for number in range(34_000)),
        "か" * 34_000,
        "🙂" * 25_000,
        "שלום " * 10_000,
        "\u200b" * 34_000,
        "1,2.3:4" * 15_000,
        "l'" * 50_000,
        "\n" * 100_000,
    ],
    ids=["a word", "no space", "distinct", "cjk", "distinct cjk", "kana", "emoji", "hebrew", "zero width", "numbers",
         "clitics", "lines"],
)  # fmt: skip
def test_of_100_kb_what_is_asked_at_its_ends_is_found(stocked: Workshop, filler: str) -> None:
    assert ask(stocked, filler).degraded == ()
    for query in (
        f"Where does my sister Clara live, in Zürich? {filler}",
        f"{filler} Where does Clara live, in Zürich?",
    ):
        reply = ask(stocked, query)
        assert reply.degraded == ()
        assert FACTS[9] in [memory.text for memory in reply.memories]


def test_turns_of_every_script_are_found_as_soon_as_they_are_said(workshop: Workshop) -> None:
    workshop.take_in(event(*FACTS))
    for query, found in (("杭州的茶馆", 0), ("モモは猫ですか", 2), ("виолончель", 6), ("בחיפה", 7), ("cacahuetes", 10)):
        assert FACTS[found] in [memory.text for memory in ask(workshop, query).memories], query
