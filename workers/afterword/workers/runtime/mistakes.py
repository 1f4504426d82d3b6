"""Mistakes that people make with settings: URLs in pieces, passwords unescaped, keys where names belong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

_KEY_PREFIXES = re.compile(r"(?:sk|pk|rk|gsk|xai|hf|r8|pplx|nvapi|csk|AKIA|AIza|ghp|eyJ)[-_A-Za-z0-9]{12,}")
_KEY_LENGTH = 24
"""A run of letters and digits as long as this is no name of a model or a provider."""


def mend_of_url(url: str, schemes: Sequence[str], *, has_options: bool) -> str | None:
    """How to mend a URL that cannot be right, in words without it; None if it may be right.

    `has_options`: a client of ours reads what follows the ?.

    >>> mend_of_url("host:6379", ["redis"], has_options=True)
    'must be a URL that begins with redis://'
    """
    if not _is_well_formed(url, schemes):
        return f"must be a URL that begins with {' or '.join(f'{each}://' for each in schemes)}"
    if _holds_unescaped(url):
        return "percent-encode what a user or a password holds of @ : / # ? and %, such as %40 for @"
    if has_options and _has_unknown_options(url):
        return "must have options (after the ?) that its client knows: check their spelling"
    return None


def _is_well_formed(url: str, schemes: Sequence[str]) -> bool:
    """Whether it is one whole URL of one of these schemes."""
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname) or not parts.scheme.startswith("http")
        # urlsplit drops newlines and tabs; whoever connects may not.
        in_one_word = url.isprintable() and " " not in url
        return parts.scheme in schemes and (parts.port is None or parts.port > 0) and is_whole and in_one_word
    except ValueError:  # its port, or its host in brackets
        return False


def _holds_unescaped(url: str) -> bool:
    """Whether a password seems to go on where another part of the URL begins.

    >>> _holds_unescaped("redis://me:p@ss@host"), _holds_unescaped("redis://me:p%40ss@host")
    (True, False)
    """
    parts = urlsplit(url)
    return "@" in parts.netloc.rpartition("@")[0] or "@" in parts.path or bool(parts.fragment)


def _has_unknown_options(url: str) -> bool:
    """Whether what follows the ? of a Redis or PostgreSQL URL is nothing that its client knows. Nothing is connected.

    >>> _has_unknown_options("redis://host/0?socket_timeout=3"), _has_unknown_options("redis://host/0?colour=red")
    (False, True)
    """
    if "?" not in url:
        return False
    # Imported here: a process that is given no options needs neither client to read its settings.
    import psycopg
    import redis

    try:
        if url.startswith("postgres"):
            psycopg.conninfo.conninfo_to_dict(url.replace("postgresql+psycopg://", "postgresql://", 1))
        else:
            redis.ConnectionPool.from_url(url).make_connection()
    except (TypeError, ValueError, psycopg.Error):
        return True
    return False


def looks_like_a_key(value: str, *, names: bool) -> bool:
    """Whether it has the form of a provider's key; `names`: or holds a run that no name of a model has.

    >>> looks_like_a_key("sk-0123456789ab", names=True), looks_like_a_key("gpt-5-mini", names=True)
    (True, False)
    """
    if _KEY_PREFIXES.fullmatch(value):
        return True
    runs = re.findall(rf"[A-Za-z0-9]{{{_KEY_LENGTH},}}", value) if names else []
    return any(re.search(r"\d", run) and re.search(r"[A-Za-z]", run) for run in runs)
