"""What was really said in a message: without what a model thought, called or was shown."""

from __future__ import annotations

import json
import re

from afterword.schemas.fence import without_fences

_THINKING = r"think(?:ing)?|thought|reasoning|scratchpad"
_MARK = re.compile(rf"<(?:\s?(?:{_THINKING})\b[^<>]{{0,200}}|(?P<closing>/\s?(?:{_THINKING})\s?))>", re.IGNORECASE)
_CALLS = r"tool_calls?|tool_use|tool_response|tool_result|tool_results|function_calls?|function_results?"
_CALL = re.compile(rf"<({_CALLS})\b[^<>]{{0,200}}>.*?(?:</\1>|\Z)", re.IGNORECASE | re.DOTALL)
_DATA = re.compile(r"data:[\w.+-]{1,60}/[\w.+-]{1,80}(?:;[\w=.+-]{1,60}){0,4},[A-Za-z0-9+/=_%-]*", re.IGNORECASE)
_CALL_FIELDS = frozenset({"arguments", "parameters", "args", "input"})


def spoken(text: str, role: str) -> str:
    """The words that a `user` or an `assistant` said.

    Cut out are injected memories, pictures and files as data URIs, calls of tools and their results; of an assistant
    also its thinking, closed or cut off, and a text that is nothing but a call of a tool as JSON.

    >>> spoken("<think>Lisbon or Porto?</think>Go to Porto.", "assistant")
    'Go to Porto.'
    """
    words = _CALL.sub("", _DATA.sub("", without_fences(text))) if "<" in text or ":" in text or "%" in text else text
    if role == "assistant":
        words = "" if _is_call(words) else without_thinking(words)
    return words.strip()


def without_thinking(text: str) -> str:
    """The text without what a model thought before or between its words.

    A closing tag without an opening one ends thinking that began with the text; an opening one without a closing one
    begins thinking that lasts to the end.
    """
    kept: list[str] = []
    place, thinking = 0, False
    # One pass: a search for each kind of mark from each mark is quadratic in the marks.
    for mark in _MARK.finditer(text):
        if mark["closing"] and not thinking:
            kept.clear()
        elif mark["closing"]:
            thinking = False
        elif thinking:
            continue
        else:
            kept.append(text[place : mark.start()])
            thinking = True
        place = mark.end()
    return "".join(kept if thinking else [*kept, text[place:]])


def _is_call(text: str) -> bool:
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return False
    calls = found if isinstance(found, list) else [found]
    return bool(calls) and all(isinstance(each, dict) and _calls(each) for each in calls)


def _calls(found: dict[str, object]) -> bool:
    named = isinstance(found.get("name"), str) and bool(_CALL_FIELDS & found.keys())
    return named or "tool_calls" in found or "function_call" in found
