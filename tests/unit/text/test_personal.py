"""Personal data that has a shape is found; what only looks like it stays."""

from __future__ import annotations

import time

import pytest

from afterword.workers.text.personal import RULES


def redacted(text: str) -> str:
    for rule in RULES.values():
        text = rule(text)
    return text


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("I am ada.lovelace+x@mail.example.co.uk, write me", "I am [email], write me"),
        ("Call (020) 7946 0958 or 13812345678.", "Call [phone] or [phone]."),
        ("+1-202-555-0143 is mine", "[phone] is mine"),
        ("Card 4111-1111-1111-1111 please", "Card [card] please"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123 and AKIAABCDEFGHIJKLMNOP", "[key] and [key]"),
        ("Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJlLW9m", "Bearer [key]"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY----- x", "[key] x"),
        ("我的邮箱是 li@example.cn", "我的邮箱是 [email]"),
    ],
)
def test_it_is_cut_out(said: str, kept: str) -> None:
    assert redacted(said) == kept


@pytest.mark.parametrize(
    "said",
    [
        "Born on 1984-05-17, moved in 2019.",
        "It costs 1 299 000 or 12,500.00 in all",
        "order 1234567890123456",
        "meet @noon on floor 3",
        "5c1f7c3e-5f0a-4d43-9a34-3f4d1c2b7e61",
        "version 1.20.1, port 5432, 192.168.1.10",
        "ask-the-team about skills",
    ],
)
def test_what_only_looks_like_it_stays(said: str) -> None:
    assert redacted(said) == said


@pytest.mark.parametrize("part", ["a@", "1 ", "-eyJ", "eyJaaaaaaaaaa.", "-----BEGIN ", "sk-a.", "+1(", "a@a."])
def test_a_long_text_costs_little(part: str) -> None:
    begun = time.process_time()
    assert redacted(part * 25_000)
    assert time.process_time() - begun < 2
