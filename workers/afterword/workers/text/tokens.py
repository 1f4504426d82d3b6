"""How many tokens of an LLM a text takes, estimated without its tokenizer."""

from __future__ import annotations

import re

# Measured tokenizers differ by model; these round up for the common ones, so that a budget holds.
_ASCII_PER_TOKEN = 4
_OTHER_PER_TOKEN = 2
_ONE_EACH = re.compile(
    r"[\u0e00-\u0eff\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\uffef\U00010000-\U0010ffff]"
)
_ASCII = re.compile(r"[\x00-\x7f]")


def estimate(text: str) -> int:
    """Tokens, rounded up; 0 for "".

    Four ASCII characters make a token, as does one character of Chinese, Japanese, Korean or Thai, or an emoji, and two
    of any other script. Joining texts never takes fewer tokens than one of them, nor more than both.
    """
    if text.isascii():
        return -(-len(text) // _ASCII_PER_TOKEN)
    plain = len(_ASCII.findall(text))
    whole = len(_ONE_EACH.findall(text))
    other = len(text) - plain - whole
    quarters = plain + 4 * whole + (4 // _OTHER_PER_TOKEN) * other
    return -(-quarters // 4)
