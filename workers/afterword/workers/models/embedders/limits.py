"""How many texts, and how long ones, an embedder accepts in a request: as set, as known of its model, or as learned
from its refusals. Also the default size of the cache of vectors.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from afterword.schemas.values import encodable
from afterword.workers.text.tokens import estimate

logger = logging.getLogger(__name__)

MARK = " … "
"""Stands where the middle of a text was left out."""

LEAST_TOKENS = 64
"""A text is made no shorter than this: a refusal at this length has another reason."""

KEPT_TEXTS = 10_000
KEPT_BYTES = 32 * 2**20
"""The most vectors and bytes in memory: 32 MiB hold some 4,500 vectors of 1,536 dimensions, or 12,000 of 512."""

_REQUEST_TOKENS = 250_000
"""OpenAI accepts 300,000 tokens a request; its tokenizer may count more than our estimate."""


@dataclass(frozen=True, slots=True)
class Takes:
    """The limits of a model: `inputs` a request, and `tokens` a text, as `text.tokens` estimates them."""

    inputs: int
    tokens: int


# By a part of the model's name, the first that fits: so longer parts stand before those they begin with. The numbers
# are the vendors' own, less a tenth where a longer text is refused and not cut, since our estimate is no tokenizer.
_KNOWN = (
    ("text-embedding-v", Takes(10, 7_300)),  # DashScope's
    ("text-embedding-", Takes(256, 8_000)),
    ("embed-english", Takes(96, 460)),
    ("embed-multilingual", Takes(96, 460)),
    ("mistral-embed", Takes(64, 7_300)),
    ("voyage", Takes(128, 14_400)),
    ("gemini-embedding", Takes(100, 1_840)),
    ("titan-embed", Takes(64, 7_300)),
    ("nomic-embed", Takes(64, 1_840)),
    ("mxbai-embed", Takes(64, 460)),
    ("bge-m3", Takes(64, 7_300)),
    ("bge-", Takes(64, 460)),
    ("gte-", Takes(64, 460)),
    ("e5-", Takes(64, 460)),
    ("minilm", Takes(64, 460)),
)
_UNKNOWN = Takes(64, 1_840)


def known_of(model: str) -> Takes:
    """The limits that a model is known for, by its name; a cautious guess for an unknown one."""
    return next((takes for part, takes in _KNOWN if part in model.lower()), _UNKNOWN)


class EmbeddingLimits:
    """The limits of one embedder. Refusals lower them, for as long as the process lives. Thread-safe."""

    def __init__(self, model: str, *, inputs: int | None = None, tokens: int | None = None) -> None:
        known = known_of(model)
        self._model = model
        self._lock = threading.Lock()
        self._takes = Takes(inputs or known.inputs, tokens or known.tokens)

    @property
    def takes(self) -> Takes:
        """The limits, as far as they are known by now."""
        return self._takes

    def learn_inputs(self, inputs: int) -> None:
        """It refused a larger number of texts, and accepted this one."""
        with self._lock:
            if inputs < self._takes.inputs:
                self._takes = Takes(inputs, self._takes.tokens)
                logger.warning("%s takes %d texts a request: set AFTERWORD_EMBEDDER_INPUTS", self._model, inputs)

    def learn_tokens(self, tokens: int) -> None:
        """It refused a longer text, and accepted one of this length."""
        with self._lock:
            if tokens < self._takes.tokens:
                self._takes = Takes(self._takes.inputs, max(LEAST_TOKENS, tokens))
                logger.warning("%s takes about %d tokens a text: set AFTERWORD_EMBEDDER_TOKENS", self._model, tokens)

    def fitted(self, text: str) -> str:
        """The text as it is sent: it can be encoded, is cut where it is too long, and never empty, which is refused."""
        return shortened(encodable(text), self._takes.tokens) if text.strip() else "-"

    def batches(self, texts: Sequence[str]) -> Iterator[list[str]]:
        """Fitted texts, grouped into requests that it accepts."""
        batch: list[str] = []
        tokens = 0
        for text in texts:
            more = estimate(text)
            if batch and (len(batch) >= self._takes.inputs or tokens + more > _REQUEST_TOKENS):
                yield batch
                batch, tokens = [], 0
            batch.append(text)
            tokens += more
        if batch:
            yield batch


def shortened(text: str, tokens: int) -> str:
    """The text with at most about so many tokens: its head and its tail, with a mark between.

    >>> shortened("word " * 100, 10)
    'word word word … rd word word '
    """
    # No text has more tokens than characters, so that most need no estimate.
    if len(text) <= tokens or (size := estimate(text)) <= tokens:
        return text
    kept = max(2, int(len(text) * tokens / size) - len(MARK))
    while True:
        head = (kept + 1) // 2
        cut = text[:head] + MARK + text[len(text) - (kept - head) :]
        if kept <= 2 or estimate(cut) <= tokens:
            return cut
        # Head and tail may have more tokens a character than the whole text.
        kept = max(2, kept * 3 // 4)
