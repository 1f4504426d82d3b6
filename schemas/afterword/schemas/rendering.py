"""Memories as text for a prompt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from afterword.schemas.memory import Memory
from afterword.schemas.values import Kind, Scope

_HEADINGS: dict[str, dict[str, str]] = {
    "en": {
        "user": "## About the user",
        "agent": "## What {agent} has learned",
        "session": "## Earlier in this conversation",
        "this_agent": "this agent",
        "said": "{role} said: ",
    },
    "zh": {
        "user": "## 关于用户",
        "agent": "## {agent} 的经验",
        "session": "## 本次对话的前文",
        "this_agent": "该助手",
        "said": "{role}说：",
    },
    "zh-Hant": {
        "user": "## 關於使用者",
        "agent": "## {agent} 的經驗",
        "session": "## 本次對話的前文",
        "this_agent": "該助理",
        "said": "{role}說：",
    },
}
_ROLES = {
    "en": {"user": "user", "assistant": "assistant"},
    "zh": {"user": "用户", "assistant": "助手"},
    "zh-Hant": {"user": "使用者", "assistant": "助理"},
}
_LANGUAGES_CACHED = 100  # asked for each line
_CHINESE = frozenset({"zh", "zho", "chi", "cmn"})
_TRADITIONAL = frozenset({"hant", "tw", "hk", "mo"})


def render_sections(
    memories: Sequence[Memory],
    *,
    agent_id: str | None = None,
    session_id: str | None = None,
    language: str = "en",
) -> str:
    """Sections for the user, the agent (by name) and the session, each oldest first; "" without memories.

    Excerpts of the present session stand under it; those of other sessions under the user.
    """
    parts = []
    for scope in (Scope.USER, Scope.AGENT, Scope.SESSION):
        lines = [
            render_line(memory, language)
            for memory in sorted(memories, key=lambda m: m.occurred_at)
            if section_of(memory, session_id) is scope
        ]
        if lines:
            parts.append("\n".join([render_heading(scope, agent_id, language), *lines]))
    return "\n\n".join(parts)


def render_heading(scope: Scope, agent_id: str | None = None, language: str = "en") -> str:
    """The heading of a section."""
    words = _HEADINGS[_spoken(language)]
    return words[scope.value].format(agent=agent_id or words["this_agent"])


def render_line(memory: Memory, language: str = "en") -> str:
    """One memory on one line: its date on the speaker's own calendar, who said it when it is verbatim, and its text."""
    code = _spoken(language)
    roles = _ROLES[code]
    said = ""
    if memory.kind is Kind.EXCERPT and memory.role in roles:
        said = _HEADINGS[code]["said"].format(role=roles[memory.role])
    return f"- ({memory.occurred_at:%Y-%m-%d}) {said}{_one_line(memory.text)}"


def render_timeline(memories: Iterable[Memory]) -> str:
    """`[YYYY-MM-DD HH:MM:SS] memory` by the speaker's own clock, one a line, newest first."""
    newest_first = sorted(memories, key=lambda memory: memory.occurred_at, reverse=True)
    return "\n".join(f"[{memory.occurred_at:%Y-%m-%d %H:%M:%S}] {_one_line(memory.text)}" for memory in newest_first)


def section_of(memory: Memory, session_id: str | None = None) -> Scope:
    """The section that a memory stands in, in a prompt of this session."""
    if memory.kind is Kind.EXCERPT and session_id is not None and memory.session_id == session_id:
        return Scope.SESSION
    return memory.scope


@lru_cache(maxsize=_LANGUAGES_CACHED)
def _spoken(language: str) -> str:
    """The language of the headings: "zh" for "zh-CN" and "zh_Hans", "zh-Hant" for "zh-TW" and "zh-HK"; English for any
    that has none."""
    code, *subtags = re.split(r"[-_.@]", language.strip().lower())
    if code not in _CHINESE:
        return "en"
    # The script counts for more than the region: zh-Hans-HK is simplified.
    return "zh-Hant" if "hans" not in subtags and _TRADITIONAL.intersection(subtags) else "zh"


def _one_line(text: str) -> str:
    # A line break in a memory would begin a line that reads as another memory, or as a heading.
    return " ".join(text.split())
