"""Questions as they are understood without a server, and what is no question at all."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterword.workers.services.recall.question.parsing import ParsedQuestion, is_small_talk, parse_question
from afterword.workers.text import analysis

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def read(message: str) -> ParsedQuestion:
    return parse_question(message, NOW)


class TestReading:
    def test_terms_are_those_of_the_text_each_once_in_its_order(self) -> None:
        read_twice = read("  The cello, the cello and the oboe?  ")
        assert read_twice.text == "The cello, the cello and the oboe?"
        assert read_twice.terms == tuple(dict.fromkeys(analysis.terms("cello oboe")))
        assert read_twice.lexical == " ".join(read_twice.terms)

    @pytest.mark.parametrize("word", ["word ", "long", "漢", "か", "🙂", "א", "\u200b", "a\n"])
    def test_a_long_message_is_read_at_its_ends_and_its_terms_are_bounded(self, word: str) -> None:
        distinct = " ".join(f"item{number}" for number in range(20_000))
        for message in (word * 100_000, f"cello {word * 100_000} oboe", f"cello {distinct} oboe"):
            asked = read(message)
            assert len(asked.text) < 5_000
            assert len(asked.terms) <= 100
        asked = read(f"cello {distinct} oboe")
        assert (asked.terms[0], asked.terms[-1]) == ("cello", "obo")
        assert asked.text.endswith("oboe")

    @given(st.text(max_size=300))
    def test_any_text_can_be_asked(self, message: str) -> None:
        asked = read(message)
        assert 0 <= asked.unparted <= 1
        assert len(set(asked.terms)) == len(asked.terms)
        assert asked.text == message.strip()

    @pytest.mark.parametrize(
        ("message", "low", "high"),
        [
            ("Where is my bike?", 0, 0),
            ("我的自行车在哪里？", 1, 1),
            ("わたしの自転車はどこですか", 1, 1),
            ("내 자전거는 어디에 있어", 1, 1),
            ("จักรยานของฉันอยู่ที่ไหน", 1, 1),
            ("我用 Python 写代码", 0.3, 0.6),
            ("Где мой велосипед", 0, 0),
            ("?! 🙂 …", 0, 0),
            ("", 0, 0),
        ],
    )
    def test_the_share_of_scripts_without_spaces(self, message: str, low: float, high: float) -> None:
        assert low <= read(message).unparted <= high

    @pytest.mark.parametrize(
        "message",
        [
            "Where do I live now?", "Which car does he CURRENTLY drive?", "Do I still work at Acme?",
            "我现在住在哪里？", "她目前做什么工作", "今はどこに住んでいますか",
        ],
    )  # fmt: skip
    def test_some_ask_how_things_are_now(self, message: str) -> None:
        assert read(message).wants_current

    @pytest.mark.parametrize(
        "message",
        ["Where did I live in 2019?", "Did you know her?", "What is a distillery?", "我以前住在哪里？", "出现了什么"],
    )  # fmt: skip
    def test_others_do_not(self, message: str) -> None:
        assert not read(message).wants_current

    @pytest.mark.parametrize(
        "message",
        [
            "What do you know about me?", "So, what do you remember about me?", "Who am I?", "Do you remember me?",
            "Tell me what you know about me.", "你知道我什么？", "你记得我吗？", "我是谁", "你还记得我的哪些事？",
            "私のことを覚えている？", "私は誰ですか？",
        ],
    )  # fmt: skip
    def test_some_ask_for_whatever_is_known(self, message: str) -> None:
        assert read(message).is_open

    @pytest.mark.parametrize(
        "message",
        [
            "What do you know about my sister?", "Do you remember me saying where I live?", "Who am I meeting?",
            "What do you know about Porto?", "thanks!", "你知道我姐姐住在哪里吗？", "我是谁的老师", "私の猫の名前は？",
        ],
    )  # fmt: skip
    def test_others_for_something(self, message: str) -> None:
        assert not read(message).is_open

    def test_the_time_asked_about_is_counted_from_when_it_is_asked(self) -> None:
        period = read("What did we do yesterday?").period
        assert period is not None
        assert datetime(2026, 4, 30, 12, tzinfo=UTC) in period
        assert NOW not in period
        assert read("What does she play?").period is None
        assert read("When did she begin?").asks_when
        assert not read("What does she play?").asks_when


class TestSmallTalk:
    @pytest.mark.parametrize(
        "message",
        [
            "thanks!", "Thank you so much 🙏", "ok", "Okay, great!", "lol", "good morning", "see you tomorrow",
            "Got it.", "yes please", "no", "👍", "🙂🙂🙂", "?!", "...", "wow, amazing", "Hello", "hmm",
            "谢谢", "谢谢你！", "好的", "明天见", "不客气", "太好了", "你好！", "嗯嗯", "哈哈哈", "好的，谢谢您",
            "ありがとう", "ありがとうございます！", "こんにちは", "はい", "감사합니다", "안녕하세요", "ขอบคุณ",
            "gracias", "Merci !", "danke", "obrigado", "grazie",
        ],
    )  # fmt: skip
    def test_is_about_nothing(self, message: str) -> None:
        assert is_small_talk(message), analysis.terms(message)
        assert read(message).is_small_talk

    @pytest.mark.parametrize(
        "message",
        [
            "thanks, and where are my keys?", "What did I say about Rome?", "peanuts", "Yes, the cello", "my sister",
            "ok, book the dentist", "Hello Clara", "good restaurants?", "2019?", "C++",
            "谢谢，我的钥匙在哪里？", "我喜欢喝什么茶", "她是谁的姐姐", "花生", "好的，订酒店", "杭州",
            "ありがとう、鍵はどこ？", "猫の名前は何ですか", "감사합니다 열쇠는 어디에",
            "Где мои ключи?", "איפה המפתחות שלי", "gracias, ¿dónde está mi bicicleta?",
        ],
    )  # fmt: skip
    def test_what_holds_a_word_of_content_is_not(self, message: str) -> None:
        assert not is_small_talk(message)

    @given(
        st.sampled_from(["thanks", "ok", "谢谢", "好的", "ありがとう", "👍"]),
        st.sampled_from(["cello", "花生", "ключ", "猫"]),
    )
    def test_whatever_is_said_besides(self, talk: str, content: str) -> None:
        assert not is_small_talk(f"{talk} {content}")
        assert not is_small_talk(f"{content}, {talk}!")

    def test_a_long_message_is_none(self) -> None:
        assert not is_small_talk("thanks " * 1000)
