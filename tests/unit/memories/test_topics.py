"""Topics: what memories are about, told by vectors and words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterword.schemas import Kind, Scope
from afterword.workers.core.errors import EmbeddingFailed
from afterword.workers.models.embedders.hashing import HashingEmbedder
from afterword.workers.models.embedders.port import EmbedderIdentity, Vector
from afterword.workers.services.memories.topics import Topics
from afterword.workers.stores.vectors.payload import StoredMemory
from afterword.workers.text import analysis
from afterword.workers.text.topic_words import Topic, votes

# Told with common words of their topic.
ENGLISH = [
    ("My sister Clara had twins last spring", "family"),
    ("Dad turns seventy this year and lives with my brother", "family"),
    ("Her grandmother raised her after the divorce", "family"),
    ("My wife and I have been married for eleven years", "family"),
    ("I start as a project manager at Siemens on Monday", "work"),
    ("My boss moved the deadline of the client report again", "work"),
    ("He resigned from the startup after two years", "work"),
    ("I have back-to-back meetings with the whole team", "work"),
    ("I'm allergic to penicillin", "health"),
    ("The physiotherapist says my knee needs six more weeks", "health"),
    ("She takes blood pressure tablets every morning", "health"),
    ("I've had a migraine since yesterday", "health"),
    ("I sleep badly and my doctor suspects apnea", "health"),
    ("I make my own sourdough bread", "food"),
    ("User prefers oat milk in coffee", "food"),
    ("We always order the lamb curry at that restaurant", "food"),
    ("She hates mushrooms and olives on pizza", "food"),
    ("We fly to Lisbon on the 3rd and stay in a small hotel", "travel"),
    ("My passport expires in June and I need a visa for Vietnam", "travel"),
    ("He backpacked through Peru and Bolivia", "travel"),
    ("An aisle seat on long flights, please", "travel"),
    ("The roof of our house leaks again", "home"),
    ("We are renovating the bathroom", "home"),
    ("My landlord wants to raise the rent", "home"),
    ("I repainted the living room in pale green", "home"),
    ("I put 300 euros a month into an index fund", "money"),
    ("The bank refused the loan", "money"),
    ("We need to stick to a budget, the bills are piling up", "money"),
    ("My tax return is due and I owe four hundred dollars", "money"),
    ("Our beagle Max needs a walk twice a day", "pets"),
    ("The kitten scratched the vet", "pets"),
    ("I feed my parrot sunflower seeds", "pets"),
    ("I'm training for a half marathon", "sport"),
    ("He plays goalkeeper in a local football club", "sport"),
    ("Tuesday evenings I do yoga at the gym", "sport"),
    ("She won the tennis match in three sets", "sport"),
    ("I play the cello in an amateur orchestra", "arts"),
    ("Her favourite novel is Middlemarch", "arts"),
    ("We watched a Kurosawa film at the cinema", "arts"),
    ("He paints watercolours of old harbours", "arts"),
    ("I'm studying for the chemistry exam", "learning"),
    ("She wants to learn Portuguese with a tutor", "learning"),
    ("My thesis is about coral reefs and I graduate in July", "learning"),
    ("He is a first-year student at the university of Leeds", "learning"),
    ("My laptop crashes whenever I open the browser", "technology"),
    ("We deploy the Python service with Docker", "technology"),
    ("I forgot the wifi password and the router blinks red", "technology"),
    ("The new phone update broke the camera app", "technology"),
    ("I feel lonely since they left", "feelings"),
    ("She is anxious and overwhelmed these days", "feelings"),
    ("I'm so proud and happy about it", "feelings"),
    ("He was furious and then just sad", "feelings"),
    ("My friend Jonas threw a party", "social"),
    ("We met our old classmates at a reunion", "social"),
    ("She is dating someone from the club", "social"),
    ("Remind me of the appointment at nine tomorrow", "plans"),
    ("The wedding ceremony is scheduled for the 12th", "plans"),
    ("We plan to celebrate her birthday on Saturday", "plans"),
    ("Two of them are blue and one is longer", "other"),
    ("Yes, that would be the second one", "other"),
]
CHINESE = [
    ("我妹妹上个月生了双胞胎", "family"),
    ("我爸妈住在老家，由哥哥照顾", "family"),
    ("他和妻子结婚十年了", "family"),
    ("我在一家银行做产品经理，天天加班", "work"),
    ("老板让我下周去见客户", "work"),
    ("她刚刚跳槽到一家新公司", "work"),
    ("我对青霉素过敏", "health"),
    ("医生说我的膝盖需要做手术", "health"),
    ("我最近总是失眠", "health"),
    ("她有高血压，每天要吃药", "health"),
    ("我不能吃辣", "food"),
    ("周日我们一起包饺子", "food"),
    ("他每天早上喝一杯黑咖啡", "food"),
    ("这家餐厅的烤鸭特别好吃", "food"),
    ("我们打算坐高铁去西安旅游", "travel"),
    ("我的护照快过期了，要办签证", "travel"),
    ("在三亚的海边酒店住了三天", "travel"),
    ("房东要涨房租", "home"),
    ("新房子正在装修", "home"),
    ("厨房的水管又漏水了", "home"),
    ("我每个月存钱买基金", "money"),
    ("房贷还有二十年才还完", "money"),
    ("银行拒绝了我的贷款申请", "money"),
    ("我家的橘猫叫橙子", "pets"),
    ("每天晚上都要遛狗", "pets"),
    ("我在准备半程马拉松", "sport"),
    ("他周三晚上打羽毛球", "sport"),
    ("我每周去健身房三次", "sport"),
    ("她从小学钢琴", "arts"),
    ("我最喜欢的电影是《花样年华》", "arts"),
    ("他周末去看了一个画展", "arts"),
    ("我在学日语，每天背单词", "learning"),
    ("明年六月大学毕业，正在写论文", "learning"),
    ("我的电脑一打开浏览器就死机", "technology"),
    ("他用手机编程写了一个小程序", "technology"),
    ("我感到很孤独", "feelings"),
    ("最近压力太大，情绪很差", "feelings"),
    ("周末和老朋友聚会", "social"),
    ("提醒我明天下午三点的预约", "plans"),
    ("第二个比较长一点", "other"),
]

# Told without them: what words alone cannot know.
UNSAID = [
    ("She is expecting in October, so we'll be four", "family"),
    ("The little one finally slept through the night in his cot", "family"),
    ("They made me redundant after the merger", "work"),
    ("My probation period ends in March and HR wants a talk", "work"),
    ("I use an inhaler before climbing stairs", "health"),
    ("The scan showed a slipped disc", "health"),
    ("Peanut butter on everything, that's me", "food"),
    ("Grandpa's goulash needs paprika from Szeged", "food"),
    ("Three weeks through Patagonia with just a rucksack", "travel"),
    ("We crossed the border at Irkeshtam by bus", "travel"),
    ("The dishwasher broke and flooded the hallway", "home"),
    ("I owe my cousin 2,000 and can't pay him back until May", "money"),
    ("Our beagle Max needs a walk twice a day", "pets"),
    ("He keeps two geckos in a terrarium", "pets"),
    ("My serve is weak but my backhand is fine", "sport"),
    ("I bench 80 kilos now", "sport"),
    ("She sings alto and knows all of Bach's motets", "arts"),
    ("I can't get past chapter three of Ulysses", "arts"),
    ("I failed calculus twice", "learning"),
    ("The GPU driver segfaults under Wayland", "technology"),
    ("I burst into tears for no reason", "feelings"),
    ("We haven't spoken since she ghosted me", "social"),
    ("Put the 14th at noon in my diary", "plans"),
    ("预产期在十月份", "family"),
    ("公司裁员，我被优化了", "work"),
    ("上楼梯就喘不上气", "health"),
    ("他一顿能吃三碗米线", "food"),
    ("一个人背包走了川藏线", "travel"),
    ("洗衣机坏了，地板全是水", "home"),
    ("这个月的花呗又超支了", "money"),
    ("家里的柴犬掉毛严重", "pets"),
    ("卧推终于到了八十公斤", "sport"),
    ("他会弹琵琶", "arts"),
    ("微积分挂科了两次", "learning"),
    ("显卡驱动老是报错", "technology"),
    ("眼泪止不住地流", "feelings"),
    ("跟她绝交之后就没联系过", "social"),
    ("十四号中午帮我留出来", "plans"),
]

HASHING = HashingEmbedder()
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Understanding:
    """An embedder that knows what it is told: texts of one meaning have one direction."""

    identity = EmbedderIdentity("model", "understanding", len(Topic))

    def __init__(self, meanings: dict[str, Topic]) -> None:
        self.meanings = meanings
        self.batches: list[int] = []
        self.fails = False

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        self.batches.append(len(texts))
        if self.fails:
            raise EmbeddingFailed("the embedder did not answer")
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> Vector:
        spoken = votes(analysis.terms(text))
        meant = self.meanings.get(text) or max(spoken, key=lambda topic: spoken[topic], default=Topic.OTHER)
        return [1.0 if topic is meant else 0.05 for topic in Topic]


@pytest.mark.parametrize(("sentences", "floor"), [(ENGLISH, 0.85), (CHINESE, 0.85)], ids=["en", "zh"])
def test_the_hashing_embedder_tells_most_topics_that_are_named(sentences: list[tuple[str, str]], floor: float) -> None:
    topics = Topics(HASHING)
    right = [about(topics, text) is Topic(topic) for text, topic in sentences]
    assert sum(right) / len(right) >= floor


def test_words_alone_do_not_guess() -> None:
    """Rather no topic than a wrong one."""
    topics = Topics(HASHING)
    wrong = [text for text, topic in UNSAID if about(topics, text) not in (Topic(topic), Topic.OTHER)]
    assert len(wrong) / len(UNSAID) <= 0.3


@pytest.mark.parametrize(("text", "topic"), UNSAID)
def test_a_model_tells_what_no_word_says(text: str, topic: str) -> None:
    meant = Topic(topic)
    assert about(Topics(Understanding({text: meant})), text, Understanding({text: meant})) is meant


def test_words_correct_a_vector_that_tells_little() -> None:
    text = "我对青霉素过敏，医生让我住院"
    topics = Topics(Understanding({}))
    far_from_all = [-1.0] * len(Topic)
    assert topics.about(text, far_from_all).topic is Topic.HEALTH
    assert topics.about("blue and longer", far_from_all).topic is Topic.OTHER


def test_prototypes_are_embedded_once_and_not_at_all_for_hashing() -> None:
    embedder = Understanding({})
    topics = Topics(embedder)
    assert embedder.batches == []
    topics.prepare()
    topics.prepare()
    for text, _ in ENGLISH:
        topics.about(text, [0.1] * len(Topic))
    assert len(embedder.batches) == 1


def test_an_embedder_that_fails_is_asked_again_next_time() -> None:
    embedder = Understanding({})
    topics = Topics(embedder)
    embedder.fails = True
    with pytest.raises(EmbeddingFailed):
        topics.prepare()
    embedder.fails = False
    topics.prepare()
    assert len(embedder.batches) == 2


def test_without_a_vector_words_tell() -> None:
    embedder = Understanding({})
    assert Topics(embedder).about("My dog needs a vet", None).topic is Topic.PETS
    assert embedder.batches == []


def test_more_words_are_surer() -> None:
    one, two = (Topics(HASHING).about(text, None) for text in ("the guitar", "the guitar and the piano concert"))
    assert one.topic is two.topic is Topic.ARTS
    assert two.confidence > one.confidence


@given(st.text(max_size=300))
def test_confidence_is_a_fraction(text: str) -> None:
    found = Topics(HASHING).about(text, None)
    assert 0 <= found.confidence < 1
    assert (found.topic is Topic.OTHER) == (found.confidence == 0)


@pytest.mark.parametrize("text", ["", "  ", "👍👍👍", "كيف حالك اليوم؟", "!?", "\u200f"])
def test_what_says_nothing_known_is_about_nothing(text: str) -> None:
    assert about(Topics(HASHING), text) is Topic.OTHER


def test_a_page_has_a_topic_too() -> None:
    assert about(Topics(HASHING), "The guitar concert. " * 5_000) is Topic.ARTS


def test_memories_are_labelled() -> None:
    memory = StoredMemory(
        id="6f1c1f3e-0000-4000-8000-000000000001",
        text="My kitten saw the vet",
        scope=Scope.USER,
        kind=Kind.FACT,
        tenant_id="t",
        user_id="ann",
        occurred_at=NOON,
        created_at=NOON,
    )
    vector = HASHING.embed([memory.text])[0]
    [(labelled, same)] = Topics(HASHING).labelled([(memory, vector)])
    assert (labelled.topic, same) == ("pets", vector)


def about(topics: Topics, text: str, embedder: HashingEmbedder | Understanding = HASHING) -> Topic:
    return topics.about(text, embedder.embed([text])[0]).topic


def test_of_two_topics_with_as_many_words_the_first_one_named_is_meant() -> None:
    """In every process: what is iterated must not hang on how it hashes strings."""
    words = ["guitar", "salary", "penicillin", "airport", "sister", "dentist", "recipe", "mortgage", "puppy", "exam"]
    about = {word: list(votes(analysis.terms(word))) for word in words}
    named = [word for word in words if len(about[word]) == 1]
    pairs = [(one, other) for one in named for other in named if about[one] != about[other]]
    assert len(pairs) > 30
    for one, other in pairs:
        assert list(votes(analysis.terms(f"{one} {other}"))) == [*about[one], *about[other]]
