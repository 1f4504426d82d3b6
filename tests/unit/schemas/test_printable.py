"""Text from outside steers no terminal and forges no line."""

from __future__ import annotations

import json

import pytest

from afterword.schemas import CommandFailed, InvalidInput
from afterword.schemas.printable import printable, printable_json, printable_lines

STEERING = ["\x1b[2J", "\r", "\x9b31m", "\x07", "\u202e", "\u2028", "\ud800", "\x00"]


@pytest.mark.parametrize("steering", STEERING)
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


@pytest.mark.parametrize("steering", STEERING)
def test_json_says_the_same_in_characters_that_steer_nothing(steering: str) -> None:
    shown = printable_json(json.dumps({"text": f"a{steering}b"}, ensure_ascii=False, indent=2))

    assert all(line.isprintable() for line in shown.split("\n"))
    assert json.loads(shown) == {"text": f"a{steering}b"}


@pytest.mark.parametrize("steering", [*STEERING, "\n"])
def test_an_error_is_one_line_whatever_the_field_is_called(steering: str) -> None:
    for error in (
        InvalidInput(f"metadata.{steering}", f"'{steering}'", f"{steering} is no"),
        CommandFailed("invalid", steering),
    ):
        assert str(error).isprintable()
