"""How many texts an embedder takes a request, and how long ones: as set, as known of its model, as it taught us.

And how much of its vectors is kept, unless it is set."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from afterword.workers.text.tokens import estimate

logger = logging.getLogger(__name__)

MARK = " … "
"""Stands where the middle of a text was left out."""

LEAST_TOKENS = 64
"""A text is made no shorter than this: what is refused at this length is not refused for its length."""

KEPT_TEXTS = 10_000
KEPT_BYTES = 32 * 2**20
"""Of vectors in memory: some 4,500 of 1,536 dimensions, or 12,000 of 512, with texts of a usual length."""

_REQUEST_TOKENS = 250_000
"""OpenAI takes 300,000 tokens a request, and counts them otherwise than we do."""


@dataclass(frozen=True, slots=True)
class Takes:
    """What a model takes: `inputs` a request, and `tokens` a text, as `text.tokens` estimates them."""

    inputs: int
    tokens: int


# By what a model's name holds, the first that fits. The numbers are the vendors' own, less a tenth where a text is
# refused and not cut, since our estimate is none of their tokenizers.
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
    """What a model is known to take, by its name; a cautious guess for others."""
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
        """What it takes, as far as we know by now."""
        return self._takes

    def learn_inputs(self, inputs: int) -> None:
        """It refused more texts than these, and took these."""
        with self._lock:
            if inputs < self._takes.inputs:
                self._takes = Takes(inputs, self._takes.tokens)
                logger.warning("%s takes %d texts a request: set AFTERWORD_EMBEDDER_INPUTS", self._model, inputs)

    def learn_tokens(self, tokens: int) -> None:
        """It refused a longer text than this, and took this."""
        with self._lock:
            if tokens < self._takes.tokens:
                self._takes = Takes(self._takes.inputs, max(LEAST_TOKENS, tokens))
                logger.warning("%s takes about %d tokens a text: set AFTERWORD_EMBEDDER_TOKENS", self._model, tokens)

    def fitted(self, text: str) -> str:
        """The text as it is sent: cut where it is too long, and never empty, which is refused."""
        return shortened(text, self._takes.tokens) if text.strip() else "-"

    def batches(self, texts: Sequence[str]) -> Iterator[list[str]]:
        """Fitted texts in requests that it takes."""
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
    if len(text) <= tokens or (size := estimate(text)) <= tokens:
        return text
    kept = max(2, int(len(text) * tokens / size) - len(MARK))
    while True:
        head = (kept + 1) // 2
        cut = text[:head] + MARK + text[len(text) - (kept - head) :]
        if kept <= 2 or estimate(cut) <= tokens:
            return cut
        kept = max(2, kept * 3 // 4)
