"""Personal data that has a shape: e-mail addresses, phone numbers, payment cards, keys. Pure.

A rule puts a mark in the place of what it finds. It would rather miss something than destroy what is meant: a year, a
price and an id are no phone numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

Rule = Callable[[str], str]
"""A text without what it looks for."""

_EMAIL: Final = re.compile(r"[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}\b")
# With a + in front, or written in at least three groups, or a Chinese mobile number.
_PHONE: Final = re.compile(
    r"(?<![\w.+-])(?:\+\d(?:[ ()./-]?\d){6,14}|\(?0?\d{2,4}\)?[ ./-]\d{3,4}[ ./-]\d{3,4}|1[3-9]\d{9})(?![\w-])"
)
_CARD: Final = re.compile(r"(?<![\w.+-])\d(?:[ -]?\d){12,18}(?![\w-])")
# A JSON web token begins where its run of characters does: from each "eyJ" within, the run would be read to its end.
_KEY: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\b(?:sk|pk|rk|ghp|gho|ghs|github_pat|glpat|xox[abprs]|awk|m0|hf)[-_][\w-]{16,}"
    r"|\bAKIA[0-9A-Z]{16}\b|\bAIza[\w-]{35}|(?<![\w-])eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}"
)


def without_emails(text: str) -> str:
    """
    >>> without_emails("Write to ada@example.org.")
    'Write to [email].'
    """
    return _EMAIL.sub("[email]", text) if "@" in text else text


def without_phones(text: str) -> str:
    """
    >>> without_phones("Call +44 20 7946 0958 after 2026-05-01.")
    'Call [phone] after 2026-05-01.'
    """
    return _PHONE.sub("[phone]", text)


def without_cards(text: str) -> str:
    """Numbers of payment cards, known by their check digit.

    >>> without_cards("4111 1111 1111 1111, order 4111 1111 1111 1112")
    '[card], order 4111 1111 1111 1112'
    """
    return _CARD.sub(lambda found: "[card]" if _is_card(found.group()) else found.group(), text)


def without_keys(text: str) -> str:
    """Keys and tokens of services, and private keys.

    >>> without_keys("export KEY=sk-abcdefghijklmnop1234")
    'export KEY=[key]'
    """
    return _KEY.sub("[key]", text)


def _is_card(text: str) -> bool:
    digits = [int(each) for each in text if each.isdigit()]
    # Luhn's check: every second digit from the right counts double.
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


RULES: Final[dict[str, Rule]] = {
    # Keys first, and cards before phones: the longer shape holds the shorter one.
    "key": without_keys,
    "card": without_cards,
    "email": without_emails,
    "phone": without_phones,
}
"""The rules by name, in the order in which they are applied."""
