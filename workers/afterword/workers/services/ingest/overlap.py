"""Which turns of an incoming window are new to a session. Pure.

Agent platforms publish the last messages of a thread after every run, so that windows overlap. A session keeps the
keys of the turns it has seen, in order. A turn with a message id is known by it and by what it says, for an id may come
again with other words. Turns without are known by where the window lies: at the offset at which window and session
agree on every turn that they share, and share the most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from afterword.workers.core.ids import turn_digest
from afterword.workers.core.turns import Turn

KEPT = 500
"""A session keeps its newest keys, far more than a window holds; 500 digests are about 18 kB of a row."""


_BY_ID = "id:"


@dataclass(frozen=True, slots=True)
class Alignment:
    """The places of the window's new turns, and the session's keys with them in their order."""

    fresh: tuple[int, ...]
    seen: tuple[str, ...]


def key_of(turn: Turn) -> str:
    """The key that a turn is known by: a digest of its role and text, and of its message id where it has one.

    It tells nothing of what was said, and so may stay when that is cleared.
    """
    # Half of the digest: 128 bits are enough within a session, and halve its row.
    return turn_digest(turn.role, turn.text, turn.message_id)[:32]


def align(seen: Sequence[str], window: Sequence[Turn]) -> Alignment:
    """Tell the new turns of a window from those a session has seen."""
    keys = [key_of(turn) for turn in window]
    seen = _renewed(seen, window, keys)
    if keys and all(turn.message_id is not None for turn in window):
        return _by_id(seen, keys)
    offset = _best_offset(seen, keys)
    if offset is None:
        return Alignment(tuple(range(len(keys))), _kept([*seen, *keys]))
    fresh = [place for place in range(len(keys)) if not 0 <= offset + place < len(seen)]
    before = keys[: max(-offset, 0)]
    after = keys[max(len(seen) - offset, 0) :]
    return Alignment(tuple(fresh), _kept([*before, *seen, *after]))


def _renewed(seen: Sequence[str], window: Sequence[Turn], keys: Sequence[str]) -> Sequence[str]:
    """Keys of a session that knew its turns by message id alone, as an earlier version did, as they are now."""
    if not any(key.startswith(_BY_ID) for key in seen):
        return seen
    now = {f"{_BY_ID}{turn.message_id}": key for turn, key in zip(window, keys, strict=True) if turn.message_id}
    return [now.get(key, key) for key in seen]


def _by_id(seen: Sequence[str], keys: Sequence[str]) -> Alignment:
    known = set(seen)
    # Reversed, so that of a repeated key the first place remains.
    first = {key: place for place, key in reversed(list(enumerate(keys)))}
    fresh = tuple(place for place, key in enumerate(keys) if key not in known and first[key] == place)
    return Alignment(fresh, _kept([*seen, *(keys[place] for place in fresh)]))


def _best_offset(seen: Sequence[str], keys: Sequence[str]) -> int | None:
    """Where the window begins within the session (before it, when negative); None when they share nothing."""
    if not seen or not keys:
        return None
    # Of equal overlaps the latest: a conversation goes on.
    within, after = _places(keys, seen)
    if within:
        return within[-1]
    around, before = _places(seen, keys)
    if around:
        return -around[0]
    shared, offset = max((after, len(seen) - after), (before, before - len(keys)))
    return offset if shared else None


def _places(pattern: Sequence[str], text: Sequence[str]) -> tuple[list[int], int]:
    """The places in `text` where all of `pattern` stands, and how much of its beginning ends the text.

    By Knuth, Morris and Pratt: in one walk over each, however much they repeat themselves. A producer chooses both.
    """
    borders = _borders(pattern)
    places, matched = list[int](), 0
    for place, key in enumerate(text):
        if matched == len(pattern):
            matched = borders[-1]
        while matched and pattern[matched] != key:
            matched = borders[matched - 1]
        matched += pattern[matched] == key
        if matched == len(pattern):
            places.append(place - matched + 1)
    return places, matched


def _borders(pattern: Sequence[str]) -> list[int]:
    """For each place of the pattern, how much of its beginning ends there again."""
    borders, matched = [0], 0
    for key in pattern[1:]:
        while matched and pattern[matched] != key:
            matched = borders[matched - 1]
        matched += pattern[matched] == key
        borders.append(matched)
    return borders


def _kept(keys: Sequence[str]) -> tuple[str, ...]:
    # The newest: windows overlap with the end of a session.
    return tuple(keys[-KEPT:])
