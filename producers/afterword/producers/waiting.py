"""Waiting for a conversation to come so far, as tests do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Literal

from afterword.schemas.answers import ConversationState
from afterword.schemas.errors import CommandFailed, MemoryUnavailable

WAIT_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.02
"""Short, since tests wait for it, and long beside the millisecond that an answer costs."""

Stage = Literal["searchable", "finished"]


class Patience:
    """How long to wait for which stage of a conversation, and how far it has come.

    >>> patience = Patience("e1", "finished", timeout=0)
    >>> patience.pause()
    Traceback (most recent call last):
    afterword.schemas.errors.MemoryUnavailable: event 'e1' is not finished after 0 s: no worker has taken it in
    """

    def __init__(
        self, event_id: str, until: Stage, timeout: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._event_id = event_id
        self._until = until
        self._timeout = timeout
        self._clock = clock
        self._deadline = clock() + timeout
        self._state = "no worker has taken it in"

    @property
    def left(self) -> float:
        """Seconds to go."""
        return max(self._deadline - self._clock(), 0.001)

    def is_satisfied(self, state: ConversationState) -> bool:
        """Whether it has come far enough."""
        self._state = f"it is {state.status}" + (f" ({state.reason})" if state.reason else "")
        return state.searchable if self._until == "searchable" else state.finished

    def forgive(self, error: CommandFailed | MemoryUnavailable) -> None:
        """Go on waiting for what was not taken in, and for workers that do not answer yet. Raises: CommandFailed."""
        if isinstance(error, CommandFailed) and error.code != "not_found":
            raise error

    def pause(self) -> float:
        """Seconds to sleep before the next look. Raises: MemoryUnavailable, when the time is over."""
        if self._clock() >= self._deadline:
            waited = f"event {self._event_id!r} is not {self._until} after {self._timeout:g} s"
            raise MemoryUnavailable(f"{waited}: {self._state}")
        return min(_POLL_SECONDS, self.left)
