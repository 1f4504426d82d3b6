"""What a memory or a question is about: the nearest of fifteen topics, by its vector and its words.

A topic's prototype is the mean vector of some phrases of it, embedded once. Words help an embedder that knows one
language only, and do the work where it knows nothing of meaning (hashing).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp

import numpy as np
from numpy.typing import NDArray

from afterword.workers.models.embedders.port import Embedder, Vector
from afterword.workers.stores.vectors.payload import StoredMemory
from afterword.workers.text import analysis
from afterword.workers.text.topic_words import Topic, votes

_WITHOUT_MEANING = "hashing"
_VOTE = 0.3  # of cosine similarity, for each word
_LEAST = 0.2
_AHEAD = 0.03
"""A vector that is not as near to a topic, or not so much nearer than to another, tells none."""
_TEMPERATURE = 0.05
_DOUBT = 0.5

_PHRASES: dict[Topic, tuple[str, ...]] = {
    Topic.FAMILY: (
        "my wife and our children",
        "my parents, my brother and my sister",
        "she is expecting a baby",
        "our grandmother raised us",
        "they got married and had a son",
        "我的父母和孩子",
        "妻子怀孕了",
        "哥哥和妹妹",
    ),
    Topic.WORK: (
        "my job at the company",
        "a meeting with my boss and my colleagues",
        "I was laid off and look for a new job",
        "the deadline of a project for a client",
        "she was promoted to manager",
        "我在公司上班",
        "老板和同事开会",
        "找新工作，被裁员",
    ),
    Topic.HEALTH: (
        "the doctor gave me a diagnosis",
        "I take medicine for my illness",
        "my back hurts and I cannot sleep",
        "allergic to something",
        "surgery at the hospital",
        "去医院看医生",
        "身体不舒服，要吃药",
        "过敏",
    ),
    Topic.FOOD: (
        "what I like to eat and drink",
        "cooking dinner with a new recipe",
        "a meal at the restaurant",
        "coffee, bread and cheese",
        "I do not eat meat",
        "喜欢吃的菜",
        "在餐厅吃饭",
        "做饭、喝茶、喝咖啡",
    ),
    Topic.TRAVEL: (
        "a trip abroad",
        "booking a flight and a hotel",
        "we backpacked through the country",
        "passport, visa and luggage",
        "a week on an island",
        "去旅行",
        "订机票和酒店",
        "一个人背包出国",
    ),
    Topic.HOME: (
        "my flat and the landlord",
        "renovating the house",
        "furniture for the living room",
        "the washing machine broke and water is everywhere",
        "moving to another apartment",
        "租房和房东",
        "装修房子",
        "家里的水管漏水",
    ),
    Topic.MONEY: (
        "saving money and a budget",
        "a bank loan and debts",
        "investing in shares and funds",
        "paying bills and taxes",
        "I cannot afford it",
        "存钱和投资",
        "银行贷款，还债",
        "花钱太多",
    ),
    Topic.PETS: (
        "my dog needs a walk",
        "our cat and its food",
        "taking the animal to the vet",
        "a pet rabbit, a parrot, a turtle",
        "we adopted a puppy",
        "我养的猫",
        "遛狗",
        "宠物去看兽医",
    ),
    Topic.SPORT: (
        "training for a race",
        "playing football in a team",
        "weights at the gym",
        "a tennis match",
        "I swim, run and do yoga",
        "跑步和健身",
        "打篮球，打羽毛球",
        "比赛和训练",
    ),
    Topic.ARTS: (
        "playing the piano",
        "a concert and the songs of a band",
        "a novel I am reading",
        "a film at the cinema",
        "painting and photography",
        "弹琴和唱歌",
        "看电影，看书",
        "画画和摄影",
    ),
    Topic.LEARNING: (
        "studying at university",
        "an exam in mathematics",
        "learning a new language",
        "the teacher gave us homework",
        "writing my thesis",
        "学习外语",
        "大学的考试和论文",
        "数学不及格",
    ),
    Topic.TECHNOLOGY: (
        "writing code for an app",
        "my computer crashes",
        "the software needs an update",
        "the server, the database and the network",
        "a new phone",
        "写代码",
        "电脑死机，软件报错",
        "手机和网络",
    ),
    Topic.FEELINGS: (
        "I feel sad and lonely",
        "anxious and stressed about everything",
        "I am so happy and proud",
        "I cried all night",
        "he was angry",
        "心情不好，很难过",
        "压力大，焦虑",
        "很开心",
    ),
    Topic.SOCIAL: (
        "meeting old friends",
        "a party with many guests",
        "dating somebody new",
        "we argued and do not speak any more",
        "my neighbours and the club",
        "和朋友聚会",
        "跟她吵架了，不联系了",
        "新认识的人",
    ),
    Topic.PLANS: (
        "an appointment tomorrow at nine",
        "remind me of the date",
        "the wedding is scheduled for June",
        "planning a birthday celebration",
        "put it in my calendar",
        "明天的预约",
        "提醒我，安排日程",
        "计划庆祝生日",
    ),
}


@dataclass(frozen=True, slots=True)
class About:
    """A topic, and how sure that is, from 0 to 1; OTHER is never sure."""

    topic: Topic
    confidence: float


_NOTHING = About(Topic.OTHER, 0.0)


class Topics:
    """Tells topics by the vectors of one embedder. Thread-safe."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._by_words = embedder.identity.provider == _WITHOUT_MEANING
        self._lock = threading.Lock()
        self._prototypes: NDArray[np.float64] | None = None

    def prepare(self) -> None:
        """Embed the prototypes, where that is needed and not done; what comes after costs a small matrix product.

        Raises: EmbeddingFailed.
        """
        if not self._by_words:
            self._prepared()

    def _prepared(self) -> NDArray[np.float64]:
        with self._lock:
            if self._prototypes is None:
                self._prototypes = _prototypes(self._embedder)
            return self._prototypes

    def about(self, text: str, vector: Vector | None) -> About:
        """What a text with this vector is about; without a vector, by its words alone.

        Raises: EmbeddingFailed, when the prototypes cannot be embedded; see `prepare`.
        """
        spoken = votes(analysis.terms(text))
        if vector is None or self._by_words:
            return _by_words(spoken)
        return self._nearest(spoken, vector)

    def labelled(self, memories: Sequence[tuple[StoredMemory, Vector]]) -> list[tuple[StoredMemory, Vector]]:
        """The memories, each with its topic. Raises: EmbeddingFailed."""
        return [
            (replace(memory, topic=self.about(memory.text, vector).topic.value), vector) for memory, vector in memories
        ]

    def _nearest(self, spoken: dict[Topic, float], vector: Vector) -> About:
        similar = self._prepared() @ _normal(vector)
        if not spoken and _tells_nothing(similar):
            return _NOTHING
        scores = {
            topic: float(near) + _VOTE * spoken.get(topic, 0.0) for topic, near in zip(_PHRASES, similar, strict=True)
        }
        best = max(scores, key=lambda topic: scores[topic])
        return About(best, 1 / sum(exp((score - scores[best]) / _TEMPERATURE) for score in scores.values()))


def _prototypes(embedder: Embedder) -> NDArray[np.float64]:
    """One row a topic, in their order."""
    phrases = [phrase for group in _PHRASES.values() for phrase in group]
    vectors = dict(zip(phrases, embedder.embed(phrases), strict=True))
    means = [np.mean([_normal(vectors[phrase]) for phrase in group], axis=0) for group in _PHRASES.values()]
    return np.array([_normal(mean) for mean in means])


def _by_words(spoken: dict[Topic, float]) -> About:
    if not spoken:
        return _NOTHING
    best = max(spoken, key=lambda topic: spoken[topic])
    return About(best, spoken[best] / (sum(spoken.values()) + _DOUBT))


def _tells_nothing(similar: NDArray[np.float64]) -> bool:
    second, first = np.sort(similar)[-2:]
    return bool(first < _LEAST or first - second < _AHEAD)


def _normal(vector: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    array = np.asarray(vector, dtype=np.float64)
    length = float(np.linalg.norm(array))
    return array / length if length > 0 else array
