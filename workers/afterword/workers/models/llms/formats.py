"""How a model is asked for JSON, and the step down when it refuses to be asked that way."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, Final

from afterword.workers.models.client_errors import status_of, words_of

logger = logging.getLogger(__name__)

_SCHEMA: Final = {
    "type": "json_schema",
    "json_schema": {"name": "memory", "schema": {"type": "object", "additionalProperties": True}},
}
LADDER: Final[tuple[Mapping[str, Any] | None, ...]] = ({"type": "json_object"}, _SCHEMA, None)
"""In the order in which they are tried. An object comes first: nearly all take it. LM Studio takes a schema only, and
some servers take neither: the prompt asks for JSON as well."""

_ABOUT_FORMAT = re.compile(
    r"response[_ -]?format|json[_ ]?object|json[_ ]?schema|json mode|structured[_ ]output|guided[_ ]|grammar",
    re.IGNORECASE,
)
_STATUSES = frozenset({400, 404, 415, 422, 500, 501})
_OF_THE_ANSWER = frozenset({"json_validate_failed"})
"""Codes of an answer that did not become JSON (Groq): the format is taken, the batch was too much for the model."""


class AnswerFormats:
    """The answer format that a model accepts, remembered for as long as the process lives. Thread-safe.

    >>> formats = AnswerFormats("some-model")
    >>> formats.current
    {'type': 'json_object'}
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._step = 0

    @property
    def current(self) -> Mapping[str, Any] | None:
        """The format to ask for; None: say nothing of it."""
        return LADDER[self._step]

    def step_down(self, asked: Mapping[str, Any] | None, error: Exception) -> bool:
        """Whether to ask again at once: when an error says that the format asked for is not taken, and another is left.

        Another thread may have stepped down meanwhile: then its step holds.
        """
        if asked is None or not refuses_format(error):
            return False
        step = LADDER.index(asked) + 1
        if step > self._step:
            self._step = step
            told = (LADDER[step] or {"type": "none"})["type"]
            logger.warning("%s refuses response_format %s; asked for %s from now on", self._model, asked["type"], told)
        return True


def refuses_format(error: Exception) -> bool:
    """Whether a client's error says that `response_format`, or one of its kinds, is not taken."""
    status = status_of(error)
    if status is None:  # a library's own: it does not know the argument
        return isinstance(error, TypeError) and "response_format" in str(error)
    if status not in _STATUSES or getattr(error, "code", None) in _OF_THE_ANSWER:
        return False
    return getattr(error, "param", None) == "response_format" or bool(_ABOUT_FORMAT.search(words_of(error)))
