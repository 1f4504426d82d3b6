"""The pages of the documentation: their code blocks and their links."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def blocks(page: Path) -> dict[str, list[str]]:
    """The fenced blocks of a page in order, by language ("" where none is named)."""
    found: dict[str, list[str]] = defaultdict(list)
    for language, body in _BLOCK.findall(page.read_text(encoding="utf-8")):
        found[language].append(body)
    return dict(found)


def links(page: Path) -> list[str]:
    """Where the links and pictures of a page lead, those to other sites left out."""
    found = [first or second for first, second in _LINK.findall(_prose(page))]
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def anchors(page: Path) -> set[str]:
    """The fragments that the headings of a page can be reached by."""
    titles = (title.strip().lower() for title in _HEADING.findall(_prose(page)))
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


def _prose(page: Path) -> str:
    return _BLOCK.sub("", page.read_text(encoding="utf-8"))
