"""What comes from outside steers no terminal and forges no line."""

from __future__ import annotations

import pytest

from afterword.schemas.printable import printable, printable_lines


@pytest.mark.parametrize("steering", ["\x1b[2J", "\r", "\x9b31m", "\x07", "\u202e", "\u2028", "\ud800", "\x00"])
def test_what_steers_a_terminal_is_written_out(steering: str) -> None:
    for shown in (printable(f"a{steering}b"), printable_lines(f"a{steering}b")):
        assert shown.isprintable()
        assert shown.encode()


def test_a_newline_begins_no_line_of_its_own() -> None:
    assert printable("id\n2026-01-01 ERROR forged") == r"id\n2026-01-01 ERROR forged"
    assert printable_lines("one\n\ttwo") == "one\n\ttwo"


def test_words_stay_as_they_are() -> None:
    assert printable("Grüße, 世界 👩‍👩‍👧") == "Grüße, 世界 👩‍👩‍👧"
    assert printable("abcdef", limit=3) == "abc… (6 characters)"
