from __future__ import annotations

import pytest

from afterword.workers.text.language import detect, detect_with_script, detection


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


@pytest.mark.parametrize(
    "text",
    [
        "我上週見了誰？",
        "他是誰",
        "我住在哪裡？",
        "我用 FastAPI 和 PostgreSQL 開發後端",
        "佢喺邊度返工",
        "我阿媽住喺邊",
        "她說「软件」在台灣叫軟體",
    ],
)
def test_chinese_in_traditional_characters_is_told_where_it_is_shown(text: str) -> None:
    assert detect_with_script(text) == "zh-Hant"
    assert detect(text) == "zh"


@pytest.mark.parametrize(
    "text",
    [
        "我上周见了谁？",
        "我住在上海，养了一只猫",
        "今天下雨了",
        "我老板叫镕基，同事叫陈喆，老家在深圳",
        "他是谁，為什么来",
    ],
)
def test_chinese_that_is_not_clearly_traditional_is_simplified(text: str) -> None:
    assert detect_with_script(text) == "zh"


@pytest.mark.parametrize("text", ["", "🎄", "half \ud83d", "Who is 誰?", "東京都庁へ行く", "Ich wohne in Berlin"])
def test_other_languages_are_written_as_they_are(text: str) -> None:
    assert detect_with_script(text) == detect(text)
