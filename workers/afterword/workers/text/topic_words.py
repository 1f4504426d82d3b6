"""What a text is about, told by its words: a few dozen English and Chinese words a topic. No model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from afterword.workers.text import analysis


class Topic(StrEnum):
    """What a memory is about; OTHER when that cannot be told."""

    FAMILY = "family"
    WORK = "work"
    HEALTH = "health"
    FOOD = "food"
    TRAVEL = "travel"
    HOME = "home"
    MONEY = "money"
    PETS = "pets"
    SPORT = "sport"
    ARTS = "arts"
    LEARNING = "learning"
    TECHNOLOGY = "technology"
    FEELINGS = "feelings"
    SOCIAL = "social"
    PLANS = "plans"
    OTHER = "other"


# Chinese words have two characters (or one), as the search terms do.
_WORDS: Final = {
    Topic.FAMILY: """
        family wife husband spouse son daughter child kid baby toddler mother father mum mom mummy dad daddy parent
        brother sister sibling twin grandmother grandfather grandma grandpa grandson granddaughter uncle aunt cousin
        nephew niece pregnant divorce married marriage anniversary stepson mother-in-law
        家人 家庭 老婆 妻子 老公 丈夫 儿子 女儿 孩子 宝宝 妈妈 母亲 爸爸 父亲 爸妈 父母 哥哥 弟弟 姐姐 妹妹 奶奶 爷爷
        外婆 外公 姥姥 叔叔 阿姨 舅舅 姑姑 表弟 表哥 表妹 孙子 怀孕 结婚 离婚 婆婆 岳父 岳母
    """,
    Topic.WORK: """
        work job boss manager colleague coworker office career promotion interview salary meeting deadline client
        customer employer employee company startup shift project team hire hired fired resign quit intern contract
        freelance business presentation report nurse engineer lawyer accountant architect retire unemployed
        工作 上班 下班 加班 老板 经理 同事 办公 公司 职业 升职 面试 会议 开会 客户 项目 团队 辞职 实习 合同 创业 出差
        简历 职位 入职 离职 跳槽 领导 部门 退休 失业 汇报
    """,
    Topic.HEALTH: """
        health doctor hospital dentist clinic allergy allergic medicine medication pill tablet pain ache headache
        migraine fever flu cold cough injury injured surgery operation diagnosis diagnosed therapy physiotherapist
        sleep insomnia diabetes asthma pressure cholesterol symptom vaccine blood knee back tooth sick ill disease
        健康 医生 医院 牙医 诊所 过敏 吃药 药物 头痛 头疼 偏头 发烧 感冒 咳嗽 受伤 手术 诊断 确诊 治疗 失眠 睡眠 糖尿
        哮喘 血压 血糖 疫苗 膝盖 生病 疾病 体检 牙疼 胃疼 腰疼 症状
    """,
    Topic.FOOD: """
        food eat ate eating cook cooking bake baking recipe restaurant breakfast lunch dinner supper meal snack coffee
        tea wine beer bread cake cheese soup pasta pizza rice noodle vegetable fruit vegetarian vegan meat fish chicken
        spicy sweet taste delicious dish kitchen dessert chocolate salad sushi curry oven drink
        吃饭 做饭 做菜 食物 美食 菜谱 餐厅 餐馆 饭店 早餐 午餐 晚餐 早饭 午饭 晚饭 咖啡 喝茶 绿茶 红酒 啤酒 面包 蛋糕
        面条 米饭 饺子 火锅 蔬菜 水果 素食 吃素 海鲜 牛肉 猪肉 鸡肉 辣的 好吃 烹饪 甜点 豆腐 口味 吃辣 零食 烘焙 下厨
    """,
    Topic.TRAVEL: """
        travel trip journey flight fly flew airport plane hotel hostel holiday vacation passport visa luggage suitcase
        train abroad tour tourist sightseeing beach island mountain camping cruise itinerary destination backpacking
        museum seat airline
        旅行 旅游 出游 航班 飞机 机场 酒店 民宿 度假 护照 签证 行李 火车 高铁 出国 景点 海边 海滩 露营 行程 自驾 机票
        岛上 游玩 爬山
    """,
    Topic.HOME: """
        home house flat apartment rent landlord mortgage neighbour neighbor kitchen bathroom bedroom garden furniture
        sofa renovate renovation paint roof garage lawn balcony move moved moving tenant plumber boiler clean cleaning
        repair wardrobe curtain lease live
        房子 公寓 租房 房租 房东 邻居 厨房 浴室 卧室 客厅 花园 家具 沙发 装修 搬家 搬到 阳台 打扫 住在 小区 漏水 窗帘
        空调 室友 车库
    """,
    Topic.MONEY: """
        money pay paid cost price budget save saving savings bank loan debt mortgage tax invest investment stock share
        pension insurance invoice credit card euro dollar pound income expense bill afford cheap expensive fund
        钱 花钱 存钱 省钱 预算 银行 贷款 房贷 债务 欠款 税 投资 股票 基金 养老 保险 发票 信用 工资 收入 支出 账单
        便宜 昂贵 理财 储蓄 还款 价格
    """,
    Topic.PETS: """
        pet dog puppy cat kitten rabbit hamster parrot bird fish aquarium horse vet leash paw breed retriever terrier
        poodle tortoise guinea litter
        宠物 小狗 狗狗 养狗 遛狗 小猫 猫咪 养猫 橘猫 兔子 仓鼠 鹦鹉 金鱼 乌龟 兽医 金毛 猫粮 狗粮 柯基 布偶 猫 狗
    """,
    Topic.SPORT: """
        sport football soccer basketball tennis badminton swim swimming run running marathon gym workout exercise yoga
        cycling bike bicycle climb climbing ski skiing hike hiking match coach training race jog jogging golf rugby
        cricket volleyball boxing dance fitness league goalkeeper pilates surf
        运动 足球 篮球 网球 羽毛 乒乓 游泳 跑步 马拉 健身 锻炼 瑜伽 骑行 骑车 攀岩 滑雪 徒步 比赛 教练 训练 球队 排球
        拳击 跳绳 球赛 打球
    """,
    Topic.ARTS: """
        music song sing singing band concert guitar piano violin cello drum choir album film movie cinema series
        novel book read reading author poem poetry painting paint draw drawing gallery theatre theater opera museum
        photography photo jazz podcast dancing ballet sculpture
        音乐 唱歌 歌曲 乐队 演唱 吉他 钢琴 小提 大提 合唱 专辑 电影 电视 剧集 小说 看书 读书 作家 诗歌 画画 绘画 油画
        水彩 画展 话剧 歌剧 摄影 照片 爵士 书法 追剧 舞蹈
    """,
    Topic.LEARNING: """
        learn learning study studying school university college course class lesson exam test teacher professor
        student degree thesis homework language vocabulary grammar lecture tutor graduate graduated diploma scholarship
        semester math physics chemistry certificate
        学习 上学 学校 大学 课程 上课 考试 老师 教授 学生 学位 论文 作业 语言 单词 语法 讲座 家教 毕业 奖学 学期 数学
        物理 化学 证书 考研 高考 留学 培训 日语 英语 法语
    """,
    Topic.TECHNOLOGY: """
        computer laptop phone smartphone app software code coding programming python javascript database server
        website internet wifi router password account update bug algorithm model data linux windows android iphone
        printer camera robot cloud api script keyboard browser deploy
        电脑 手机 软件 代码 编程 程序 数据 服务 网站 网络 路由 密码 账号 更新 算法 模型 系统 打印 相机 机器 键盘 浏览
        部署 应用 耳机
    """,
    Topic.FEELINGS: """
        feel feeling happy sad angry anxious anxiety worry worried afraid scared stress stressed lonely depressed
        nervous excited proud guilty jealous ashamed upset grief miss hope cry cried overwhelmed frustrated grateful
        mood tired exhausted burnout confident embarrassed heartbroken
        感觉 开心 高兴 难过 伤心 生气 焦虑 担心 害怕 压力 孤独 抑郁 紧张 兴奋 骄傲 内疚 嫉妒 沮丧 想念 哭 崩溃 感激
        心情 疲惫 自信 尴尬 失落 情绪 烦躁
    """,
    Topic.SOCIAL: """
        friend friendship party neighbour neighbor guest invite invited date dating girlfriend boyfriend roommate
        classmate club community volunteer volunteering church together chat gathering reunion argue argued argument
        relationship flatmate bestie
        朋友 友谊 聚会 派对 客人 邀请 约会 女友 男友 室友 同学 社团 社区 志愿 聊天 吵架 闺蜜 相亲 发小 好友 恋爱
    """,
    Topic.PLANS: """
        plan planning planned appointment schedule scheduled calendar reminder remind wedding birthday ceremony event
        tomorrow tonight reserve reservation booking booked intend goal resolution conference festival celebrate
        celebration upcoming weekend agenda
        计划 打算 预约 安排 日程 提醒 婚礼 生日 典礼 活动 明天 下周 下月 预订 目标 庆祝 周末 节日 准备 纪念
    """,
}
_UNSURE: Final = frozenset({Topic.PLANS, Topic.FAMILY, Topic.SOCIAL, Topic.HOME})
"""Who and when are told of all things; what is done with them says more."""
_UNSURE_VOTE = 0.7


def _topics() -> dict[str, tuple[Topic, ...]]:
    found: defaultdict[str, list[Topic]] = defaultdict(list)
    for topic, words in _WORDS.items():
        for word in words.split():
            # A pair of characters, without the characters of it.
            term = analysis.terms(word)[:1] if word.isascii() else [word]
            for each in term:
                if topic not in found[each]:
                    found[each].append(topic)
    return {term: tuple(topics) for term, topics in found.items()}


_TOPICS: Final = _topics()


def votes(terms: Iterable[str]) -> dict[Topic, float]:
    """How much the search terms of a text speak for each topic, in the order in which they are first named; topics that
    nothing speaks for are left out.
    """
    found: defaultdict[Topic, float] = defaultdict(float)
    for term in dict.fromkeys(terms):
        topics = _TOPICS.get(term, ())
        for topic in topics:
            found[topic] += (_UNSURE_VOTE if topic in _UNSURE else 1.0) / len(topics)
    return dict(found)
