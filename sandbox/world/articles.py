"""Official-account articles and how their reads come in over thirty days."""

from dataclasses import dataclass

import numpy as np

from sandbox.parameters import (
    ARTICLE_CURVE,
    EVENING_OPEN_RATE_LIFT,
    TUTORIAL_INTERACTION_LIFT,
    Size,
)
from sandbox.timeline import DAY_MS, HOUR_MS
from sandbox.world.arrival import daily_curves
from sandbox.world.calendar import Calendar
from sandbox.world.content import purposes, titles
from sandbox.world.randomness import stream

_TITLES = {
    "value": (
        "换季护肤，这三步别做反了",
        "敏感肌怎么选防晒？一张表看懂",
        "熬夜之后的急救护理教程",
        "成分党必读：玻色因到底有什么用",
    ),
    "promotion": ("会员日限时福利，今晚截止", "第二件半价：春日焕新专场", "老客专享：满199减50"),
    "interaction": ("晒出你的护肤台，赢年卡", "投票：你最想看的直播主题"),
    "brand": ("走进实验室：一支精华的诞生", "我们和女性公益的这一年"),
}
COUNTERS = (
    "read_user",
    "share_user",
    "zaikan_user",
    "like_user",
    "comment_count",
    "collection_user",
    "praise_money",
    "read_subscribe_user",
)
STAT_DAYS = 30
# share of the final reads that stat day k (0 = publication day) shows: d(k+1) of the curve
SCENES = ("公众号消息", "聊天会话", "朋友圈", "公众号主页", "推荐", "搜一搜", "其他")
SCENE_SHARES = np.array([0.42, 0.18, 0.14, 0.08, 0.10, 0.05, 0.03])


@dataclass
class Articles:
    """One row per article; `known` holds article x counter x stat day, cumulative."""

    msgid: np.ndarray
    title: list[str]
    is_repeated: np.ndarray
    purpose: np.ndarray
    is_tutorial: np.ndarray
    publish_type: np.ndarray
    day: np.ndarray
    published_ms: np.ndarray
    fans: np.ndarray
    known: np.ndarray
    finish_rate: np.ndarray
    active_minutes: np.ndarray
    visible_ms: np.ndarray  # article x stat day: 08:00 on the next day


def articles(seed: int, size: Size, calendar: Calendar) -> Articles:
    """Articles of the period: one mass send of one to three items on most days."""
    rng = stream(seed, "articles")
    items = np.where(rng.random(calendar.count) < 0.92, rng.integers(1, 4, calendar.count), 0)
    day = np.repeat(np.arange(calendar.count), items)
    count = len(day)
    position = np.arange(count) - np.repeat(np.cumsum(items) - items, items)
    slot = rng.choice([9, 12, 18, 20], calendar.count, p=[0.15, 0.3, 0.4, 0.15])[day]
    published = (
        calendar.start_ms
        + day * DAY_MS
        + slot * HOUR_MS
        + rng.integers(0, 3_600, calendar.count)[day] * 1000
    )
    purpose = purposes(rng, count)
    tutorial = (purpose == 0) & (rng.random(count) < 0.5)
    fans = np.round((18_000 + 25 * day) * max(size.page_scale, 0.3)).astype(np.int64)
    opens = np.where(slot == 18, EVENING_OPEN_RATE_LIFT, np.where(slot == 12, 1.0, 0.97))
    base = np.array([0.035, 0.016, 0.012])[position]
    final = np.maximum(fans * base * opens * rng.lognormal(0, 0.18, count), 3).astype(np.int64)
    interest = np.where(tutorial, TUTORIAL_INTERACTION_LIFT, 1.0)
    rates = np.array([1, 0.035, 0.012, 0.02, 0.006, 0.018, 0, 0.008])
    finals = np.empty((count, len(COUNTERS)), dtype=np.int64)
    for number, rate in enumerate(rates):
        finals[:, number] = (
            final
            if number == 0
            else rng.binomial(final, np.minimum(rate * (interest if 1 <= number <= 5 else 1.0), 1))
        )
    finals[:, COUNTERS.index("praise_money")] = rng.binomial(final, 0.0008) * 500
    curves = daily_curves(rng, ARTICLE_CURVE, count, concentration=220)[:, :STAT_DAYS]
    known = np.round(finals[:, :, None] * curves[:, None, :]).astype(np.int64)
    known[:, :, -1] = finals
    stat_day = day[:, None] + np.arange(STAT_DAYS)[None, :]
    named, again = titles(stream(seed, "article_titles"), purpose, _TITLES)
    msg_data_id = 2_247_480_000 + day * 7
    return Articles(
        msgid=np.array([f"{m}_{p + 1}" for m, p in zip(msg_data_id, position, strict=True)]),
        title=named,
        is_repeated=again,
        purpose=purpose,
        is_tutorial=tutorial,
        publish_type=np.where(rng.random(count) < 0.9, 0, 1),
        day=day,
        published_ms=published,
        fans=fans,
        known=known,
        finish_rate=np.round(rng.uniform(0.25, 0.55, count), 4),
        active_minutes=np.round(rng.uniform(0.6, 2.4, count), 2),
        visible_ms=calendar.start_ms + (stat_day + 1) * DAY_MS + 8 * HOUR_MS,
    )
