"""Text from outside, made safe to show: it cannot steer a terminal, and cannot begin a line of its own in a log.

An id, an error of a server or a refused message may hold anything: an escape sequence that recolours or retitles the
terminal, a newline followed by a forged log line, marks that turn the reading direction around.
"""

from __future__ import annotations

import re

# Control characters of ASCII and Latin-1, separators of lines and paragraphs, marks of reading direction, and halves
# of surrogate pairs.
_STEERING = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_STEERING_BUT_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def printable(text: str, *, limit: int | None = None) -> str:
    r"""On one line, with every control character written out; cut to `limit` characters.

    >>> printable("\x1b[2Jgone\n2026 ERROR forged")
    '\\x1b[2Jgone\\n2026 ERROR forged'
    """
    return cut(_STEERING.sub(_escaped, text), limit)


def printable_lines(text: str) -> str:
    r"""The same for a text whose lines and tabs are its own, such as a context or a message.

    >>> printable_lines("one\ntwo\x07")
    'one\ntwo\\x07'
    """
    return _STEERING_BUT_LINES.sub(_escaped, text)


def printable_json(encoded: str) -> str:
    r"""JSON that says the same, and can be shown in a terminal. Its own lines stay.

    >>> printable_json('{"text": "\x9b31m"}')
    '{"text": "\\u009b31m"}'
    """
    # JSON itself escapes newlines and their like within a text: those that stand here are between its parts.
    return _STEERING_BUT_LINES.sub(lambda found: f"\\u{ord(found[0]):04x}", encoded)


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    code = ord(character)
    return _SHORT.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def cut(text: str, limit: int | None) -> str:
    """The first `limit` characters, with a word on how many there were."""
    return text if limit is None or len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"
