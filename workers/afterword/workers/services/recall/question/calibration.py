"""How much a cosine similarity of an embedder means.

Embedders differ: with one, .3 is a paraphrase; with another, .8 is chance. So each embedder is asked once about
questions and their answers, in English and in Chinese. How near are those that belong together? How near are the
others, and how much do they vary? Then a similarity becomes *evidence*: the number of deviations by which it exceeds
chance. Evidence counts for less if the embedder hardly tells answers from chance. One that hashes words is such an
embedder, and so is an English model that is asked in Chinese.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

from afterword.workers.core.errors import EmbeddingFailed
from afterword.workers.models.embedders.port import Embedder, Vector, embed_each

_TRUSTED_APART = 5.0
"""Deviations between answers and chance from which on an embedder is trusted in full. Set on the development part of
`make bench-recall`."""

_LATIN: Final = (
    ("Where did we go on holiday last summer?", "We spent two weeks by the sea in Brittany, the kids loved it."),
    ("What does my sister do for a living?", "Anna works as a nurse in the children's hospital."),
    ("Which food can't he eat?", "Tom is allergic to peanuts and shellfish."),
    ("When is the dentist appointment?", "I have to be at the dentist on Thursday at nine."),
    ("How old is the dog?", "Our puppy turned three in April."),
    ("What instrument does she play?", "Julia has been practising the cello every evening."),
    ("Why was the meeting cancelled?", "The client fell ill, so we moved the call to next week."),
    ("What car did they buy?", "They picked up a second-hand Volvo yesterday."),
    ("Which book did you recommend?", "You should read that novel about the lighthouse keeper."),
    ("How do I like my coffee?", "I take my espresso without sugar."),
)
_UNPARTED: Final = (
    ("去年夏天我们去哪儿度假了？", "我们在海边住了两个星期，孩子们很喜欢。"),
    ("我姐姐是做什么工作的？", "安娜在儿童医院当护士。"),
    ("他不能吃什么？", "小汤对花生和贝类过敏。"),
    ("什么时候看牙医？", "我星期四早上九点要去牙科。"),
    ("那只狗几岁了？", "我们家小狗四月份满三岁。"),
    ("她会什么乐器？", "朱莉每天晚上都练大提琴。"),
    ("会议为什么取消了？", "客户病了，所以电话改到下周。"),
    ("他们买了什么车？", "他们昨天提了一辆二手沃尔沃。"),
    ("你推荐了哪本书？", "你可以读读那本讲灯塔看守人的小说。"),
    ("我咖啡怎么喝？", "我喝浓缩咖啡不加糖。"),
)


@dataclass(frozen=True, slots=True)
class Scale:
    """Mean similarity of questions to their answers and to other answers, and the deviation of the latter.

    `trust` is from 0 (answers look like chance) to 1.
    """

    related: float
    unrelated: float
    spread: float
    trust: float = field(init=False)

    def __post_init__(self) -> None:
        apart = (self.related - self.unrelated) / self.spread
        object.__setattr__(self, "trust", min(1.0, max(0.0, apart / _TRUSTED_APART)))

    def evidence(self, similarity: float) -> float:
        """0 for chance; that of an answer is about 5 with an embedder that is trusted in full."""
        return self.trust * max(0.0, (similarity - self.unrelated) / self.spread)


@dataclass(frozen=True, slots=True)
class Calibration:
    """The scales of an embedder: for scripts that part their words, and for Chinese, Japanese, Korean and Thai."""

    latin: Scale
    unparted: Scale

    def scale(self, unparted_share: float) -> Scale:
        """The one for a text, given which share of its characters (0 to 1) is of a script without spaces."""
        return self.unparted if unparted_share >= 0.5 else self.latin


def calibrate(embedder: Embedder) -> Calibration:
    """Ask an embedder, in one request. A pair of which it refuses a text says nothing.

    Raises: EmbeddingFailed, also when fewer than two pairs of a kind of script are left.
    """
    texts = list(chain.from_iterable((*_LATIN, *_UNPARTED)))
    vectors = embed_each(embedder, texts)
    middle = 2 * len(_LATIN)
    return Calibration(_scale(_pairs(vectors[:middle])), _scale(_pairs(vectors[middle:])))


def _pairs(vectors: Sequence[Vector | None]) -> NDArray[np.float64]:
    """Questions and answers in turn, those of whole pairs."""
    pairs = zip(vectors[::2], vectors[1::2], strict=True)
    whole = [each for asked, answer in pairs if asked is not None and answer is not None for each in (asked, answer)]
    # Two pairs at least: one pair has no other answers to be compared with.
    if len(whole) < 4:
        raise EmbeddingFailed("the embedder refuses the texts that it is calibrated with")
    return np.asarray(whole, dtype=np.float64)


def _scale(vectors: NDArray[np.float64]) -> Scale:
    questions, answers = vectors[::2], vectors[1::2]
    lengths = np.linalg.norm(questions, axis=1)[:, None] * np.linalg.norm(answers, axis=1)[None, :]
    similarities = questions @ answers.T / np.maximum(lengths, 1e-9)
    # Each question beside the answers of the other questions: that is chance.
    others = similarities[~np.eye(len(questions), dtype=bool)]
    return Scale(
        related=float(np.diag(similarities).mean()),
        unrelated=float(others.mean()),
        # An embedder to which all texts are alike must not make this a division by zero.
        spread=max(float(others.std()), 1e-6),
    )
