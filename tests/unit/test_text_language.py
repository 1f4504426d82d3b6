from __future__ import annotations

import pytest

from afterword.workers.text.language import detect, detection


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("I moved to Berlin last year and I am looking for a flat", "en"),
        ("Ich wohne seit einem Jahr in Berlin und suche eine Wohnung", "de"),
        ("Je cherche un appartement parce que je viens de déménager", "fr"),
        ("Me mudé a Madrid y estoy buscando un piso para mi familia", "es"),
        ("Mi sono trasferito a Roma e sto cercando una casa con il giardino", "it"),
        ("Eu não gosto muito de café, mas também não gosto de chá", "pt"),
        ("Ik ben op zoek naar een huis omdat wij meer ruimte nodig hebben", "nl"),
        ("Jag har inte sett den här filmen men jag vill se den", "sv"),
        ("我住在上海，养了一只猫", "zh"),
        ("我在用 FastAPI 和 PostgreSQL 做后端", "zh"),
        ("私は東京に住んでいます", "ja"),
        ("東京都庁へ行く", "ja"),
        ("저는 서울에 살아요", "ko"),
        ("Мои кошки живут в Москве", "ru"),
        ("Мої коти живуть у Києві", "uk"),
        ("أحب القهوة السادة", "ar"),
        ("من قهوه را دوست دارم چون گرم است", "fa"),
        ("אני גר בתל אביב", "he"),
        ("Μένω στην Αθήνα", "el"),
        ("ฉันชอบกินข้าว", "th"),
        ("मैं दिल्ली में रहता हूँ", "hi"),
    ],
)
def test_detects(text: str, language: str) -> None:
    assert detect(text) == language


def test_latin_text_without_a_sign_is_taken_for_english_without_confidence() -> None:
    assert detection("PostgreSQL Redis Qdrant") == ("en", False)


@pytest.mark.parametrize("text", ["", "  ", "12:30", "😀🎉", "?!"])
def test_no_letters_no_language(text: str) -> None:
    assert detect(text) == "und"


def test_one_foreign_name_does_not_change_the_language() -> None:
    assert detect("My colleague 李小龙 has moved to the office in Berlin with his family") == "en"


def test_only_the_beginning_of_a_long_text_counts() -> None:
    assert detect("the cat is on the table and I like it " * 100 + "我住在上海" * 50_000) == "en"
