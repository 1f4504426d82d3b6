"""Phrases of each topic in Chinese: a topic is where their vectors lie on average."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TOPIC_PHRASES: Final[Mapping[str, tuple[str, ...]]] = {
    "family": (
        "我的父母和孩子",
        "妻子怀孕了",
        "哥哥和妹妹",
    ),
    "work": (
        "我在公司上班",
        "老板和同事开会",
        "找新工作，被裁员",
    ),
    "health": (
        "去医院看医生",
        "身体不舒服，要吃药",
        "过敏",
    ),
    "food": (
        "喜欢吃的菜",
        "在餐厅吃饭",
        "做饭、喝茶、喝咖啡",
    ),
    "travel": (
        "去旅行",
        "订机票和酒店",
        "一个人背包出国",
    ),
    "home": (
        "租房和房东",
        "装修房子",
        "家里的水管漏水",
    ),
    "money": (
        "存钱和投资",
        "银行贷款，还债",
        "花钱太多",
    ),
    "pets": (
        "我养的猫",
        "遛狗",
        "宠物去看兽医",
    ),
    "sport": (
        "跑步和健身",
        "打篮球，打羽毛球",
        "比赛和训练",
    ),
    "arts": (
        "弹琴和唱歌",
        "看电影，看书",
        "画画和摄影",
    ),
    "learning": (
        "学习外语",
        "大学的考试和论文",
        "数学不及格",
    ),
    "technology": (
        "写代码",
        "电脑死机，软件报错",
        "手机和网络",
    ),
    "feelings": (
        "心情不好，很难过",
        "压力大，焦虑",
        "很开心",
    ),
    "social": (
        "和朋友聚会",
        "跟她吵架了，不联系了",
        "新认识的人",
    ),
    "plans": (
        "明天的预约",
        "提醒我，安排日程",
        "计划庆祝生日",
    ),
}
