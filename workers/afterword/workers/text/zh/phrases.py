"""Chinese phrases that tell what a question asks for, what a memory tells, and what is about nothing. Regular
expressions, unless said otherwise.
"""

from __future__ import annotations

import re
from typing import Final

STOP_CHARACTERS: Final = frozenset("的了是在我你他她它们和与也都就而及着或这那有不吗呢吧啊么个一很到说要会")
"""Characters that carry grammar, not content."""

SMALL_TALK: Final = (
    "谢谢|多谢|感谢|你好|您好|早上好|早安|下午好|晚上好|晚安|再见|拜拜|明天|聊|回头|见|"
    "好的|好吧|好呀|好哒|行|可以|没问题|没事|不用|不客气|嗯|哦|噢|啊|呀|吧|呢|嘛|哈|嘿|嘻|"
    "太好了|太棒了|真棒|不错|是的|对|没错|不是|明白|知道|了解|懂了|继续|再说|一遍|什么|意思|"
    "麻烦|辛苦|请问|请|对不起|抱歉|等等|稍等|"
    "了|的|我|你|您|们"
)
"""Phrases that carry a conversation on without being about anything, and what may stand between them."""

ASKS_FOR_NOW: Final = "现在|目前|如今|眼下|当前|最近|最新|近来|还在"
"""A question asks how things are now."""

ASKS_FOR_ALL: Final = (
    r"你(?:都|还)?(?:知道|了解|记得|记住)(?:了|关于)?我(?:的)?(?:什么|些什么|哪些事|多少|吗|谁)?|我是谁"
)
"""A question asks for whatever is known of who asks."""

ASKS_FOR_PAST: Final = "以前|之前|原来|从前|过去|曾经|当时|那时"
"""A question asks how things were."""

ATTRIBUTES: Final = {
    "home": "住 搬 租",
    "work": "工作 上班 入职 离职 跳槽 辞职 任职 开车 调到 改教",
    "school": "上学 就读 专业 大学",
    "partner": "单身 恋爱 订婚 结婚 离婚 分手",
    "called": "叫做 改名 名叫",
    "eats": "早餐 吃素 素食 饮食",
    "owns": "买了 换了 用的 相机 手机",
}
"""Words that tell an attribute of somebody, one that can change, by the attribute's name."""

CHANGE: Final = "搬 换 改 调到 不再 现在 如今 离职 辞职 入职 新 卖 开始 起"
"""Words that tell of a change."""

TIME_FIRST: Final = r"(?:19|20)\d\d年[^，,一-鿿]*[月日]?[\d日号初底起时]*[，,]?"
"""A time that a fact begins with."""

HAN: Final = re.compile("[一-鿿]")
"""One character."""

SUBJECT: Final = r"[一-鿿]{2,3}?的[一-鿿]{2}|[一-鿿]{2}"
"""Whom or what a fact begins with."""

_LOOKS = (
    "(?:想想|想一想|想一下|考虑一下|看看|看一下|查查|查一下|查一查|找找|找一下|确认一下|了解一下|研究一下|思考一下)"
)

SAYS_NOTHING: Final = (
    "(?:好的?|可以|没问题|当然(?:可以)?|明白了?|知道了|了解了?|收到|嗯+|哦|啊|不客气|谢谢[你您]?|不用谢|太好了)[呀啊哦呢的哒]?",
    "请?[你您]?(?:稍等|等等|等一下|等一会儿?|稍候|等我一下)(?:一下|片刻)?",
    "[那请]?[让容等]?我(?:先|再|来|去|这就|马上|现在|会|好好|[帮给为][你您])*"
    f"{_LOOKS}(?:这个|那个)?(?:问题)?[吧哦啊]?(?:再(?:告诉|回复)[你您])?",
    "我?(?:稍后|一会儿|待会儿?|晚点|回头|查到后?|有消息)?(?:会|就|再|马上)*(?:告诉|回复|通知|联系|答复)[你您]",
    "我会?(?:记住|记下|记下来|记好)了?|我已经(?:记下|知道)了|正在(?:查询|思考|查找|处理)中?",
    "(?:这|真)?是?个?(?:很|非常)?(?:好|不错|有意思|有趣)的?问题",
    "很?(?:抱歉|对不起|不好意思)|我(?:还|目前|暂时)?(?:不知道|不清楚|不太清楚|不确定|不记得)[呢了]?",
    "还有(?:什么|别的|其他)?我?(?:可以|能)?(?:帮[你您])?(?:的|需要)?[吗么]|有什么(?:可以|能)?帮[你您]的?吗?",
)
"""Clauses of an assistant that acknowledge, promise or put off, and tell nothing. Each is a whole clause."""

YES_OR_NO: Final = "是的?|对的?|没错|不是?|行"
"""A word that adds nothing beside such a clause, but answers a question when it stands alone."""

TELLS_TIME: Final = (
    r"昨[天晚]|今[天晚早年]|明[天年]|前[天年]|去年|[上下][个]?(?:周|星期|礼拜|月)|(?:周|星期|礼拜)[一二三四五六日天末]"
    r"|[\d一二三四五六七八九十两几]+(?:年|个月|月|号|日|天|周|小时|点)|刚刚|刚才"
)
"""A text tells when something was or will be."""
