"""Phrases: what is looked for of somebody's words, and found again wherever it stands."""

from __future__ import annotations

import json

import pytest

from afterword.workers.services.governance.phrases import PhraseFinder, phrases_in, sampled

KEY = b"a key"


@pytest.mark.parametrize(
    "text",
    ["My sister Imelda plays the viola.", "我妹妹在里斯本拉大提琴已经七年了", "Ich heiße Jürgen Müßig und singe."],
)
def test_a_text_is_found_in_a_message_a_page_and_another_text(text: str) -> None:
    finder = PhraseFinder(KEY, sampled([text], KEY))
    assert finder.in_text(f"They said: {text}")
    assert finder.in_bytes(json.dumps({"content": f"so:\n{text}"}).encode())
    assert finder.in_bytes(b"\0" * 4096 + text.encode() + b"\0\x01\xff\xfe")
    assert not finder.in_text("My brother Anselm keeps bees in the hills.")
    assert not PhraseFinder(b"another key", sampled([text], KEY)).in_text(text)


def test_few_or_short_words_are_nobodys() -> None:
    assert list(phrases_in("Yes, it is so.")) == []
    assert sampled(["Thank you!"], KEY) == ()
    assert PhraseFinder(KEY, ()).in_bytes(b"anything at all in here") == set()


def test_a_long_text_is_sampled_from_its_whole() -> None:
    words = [f"word{number}" for number in range(300)]
    found = sampled([" ".join(words)], KEY)
    assert len(found) == 3
    assert PhraseFinder(KEY, found).in_text(" ".join(words[190:210]))
