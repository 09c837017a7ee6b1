"""Douyin videos, what each gets per day, and the accounts' own days."""

import base64
import hashlib
from dataclasses import dataclass

import numpy as np

from sandbox.parameters import DOUYIN_FIRST_SHARE, SERIES_SHARE_LIFT, Size
from sandbox.timeline import DAY_MS, HOUR_MS, MINUTE_MS
from sandbox.world.calendar import Calendar
from sandbox.world.content import purposes, titles
from sandbox.world.randomness import stream

DOUYIN_ACCOUNTS = ("dy_main", "dy_second")
SECOND_STARTS = 0.4  # of the period
SERIES = "一分钟皮肤科普"
_SUBJECTS = {
    "value": ("刷酸前先看这条", "防晒补涂的正确手法", "油皮夏天怎么洗脸", "成分表第一眼看哪里"),
    "promotion": ("今晚八点直播间见", "会员日只有一天", "新品试用装开抢"),
    "interaction": ("你的护肤台长什么样", "评论区抽三位送正装"),
    "brand": ("实验室的一天", "一支精华走过的路"),
}
VIDEO_COUNTERS = ("play", "like", "comment", "share")
DAYS_SHOWN = 30
_RATES = (0.035, 0.004, 0.006)


@dataclass
class Videos:
    """One row per video, in the order of creation.

    Attributes:
        account: index into DOUYIN_ACCOUNTS.
        daily: video x day since creation x counter, increments of each day.
        first: the same as shown on the first morning (98 %).
        others: video x (download, forward), lifetime.
    """

    item_id: list[str]
    video_id: list[str]
    account: np.ndarray
    title: list[str]
    purpose: np.ndarray
    is_series: np.ndarray
    is_repeated: np.ndarray
    day: np.ndarray
    created_ms: np.ndarray
    daily: np.ndarray
    first: np.ndarray
    others: np.ndarray
    play_seconds: np.ndarray


@dataclass
class AccountDays:
    """Account x day; days before an account exists hold zeros."""

    starts: np.ndarray
    new_fans: np.ndarray
    total_fans: np.ndarray
    profile_uv: np.ndarray


def videos(seed: int, size: Size, calendar: Calendar) -> Videos:
    """Five or six videos a week on the main account, two on the second, which is new."""
    rng = stream(seed, "videos")
    begin = int(calendar.count * SECOND_STARTS)
    posts = rng.random((2, calendar.count)) < np.array([[0.78], [0.30]])
    posts[1, :begin] = False
    account, day = np.nonzero(posts)
    created = (
        calendar.start_ms
        + day * DAY_MS
        + rng.choice([11, 12, 17, 18, 19, 20], len(day)) * HOUR_MS
        + rng.integers(0, 60, len(day)) * MINUTE_MS
    )
    order = np.lexsort((account, created))
    account, day, created = account[order], day[order], created[order]
    count = len(day)
    purpose = purposes(rng, count)
    is_series = (purpose == 0) & (account == 0) & (rng.random(count) < 0.35)
    plain = np.flatnonzero(~is_series)
    some, some_again = titles(rng, purpose[plain], _SUBJECTS)
    episodes = np.cumsum(is_series)
    named = [f"{SERIES} 第{n}集" for n in episodes.tolist()]
    again = np.zeros(count, dtype=bool)
    again[plain] = some_again
    for position, text in zip(plain.tolist(), some, strict=True):
        named[position] = text
    scale = max(size.page_scale, 0.3) * np.array([9_000, 1_200])[account]
    plays = scale * rng.lognormal(0, 0.5, count) * calendar.factor[day]
    ages = np.arange(DAYS_SHOWN)
    fall = np.where(ages == 0, 0.9, 1.25 * np.exp(-ages / 2.2)) + 0.015
    shape = fall / fall.sum() * rng.gamma(12, 1 / 12, (count, DAYS_SHOWN))
    daily = np.empty((count, DAYS_SHOWN, len(VIDEO_COUNTERS)), dtype=np.int64)
    daily[:, :, 0] = rng.poisson(plays[:, None] * shape)
    for number, rate in enumerate(_RATES, start=1):
        lift = np.where(is_series, SERIES_SHARE_LIFT, 1.0) if number == 3 else np.ones(count)
        daily[:, :, number] = rng.poisson(daily[:, :, 0] * (rate * lift)[:, None])
    share = rng.beta(DOUYIN_FIRST_SHARE * 400, (1 - DOUYIN_FIRST_SHARE) * 400, (count, DAYS_SHOWN))
    total = daily.sum(axis=1)
    return Videos(
        item_id=[_encrypted(f"{seed}|{n}") for n in range(count)],
        video_id=[str(7_400_000_000_000_000_000 + 1_000_003 * n) for n in range(count)],
        account=account,
        title=named,
        purpose=purpose,
        is_series=is_series,
        is_repeated=again,
        day=day,
        created_ms=created,
        daily=daily,
        first=np.floor(daily * share[:, :, None]).astype(np.int64),
        others=np.stack([rng.binomial(total[:, 0], 0.002), rng.binomial(total[:, 3], 0.3)], axis=1),
        play_seconds=np.round(rng.uniform(7, 26, count), 2),
    )


def account_days(seed: int, size: Size, calendar: Calendar, posted: Videos) -> AccountDays:
    """Fans and visits of the profile; fans follow what is played, some leave."""
    rng = stream(seed, "douyin_accounts")
    starts = np.array([0, int(calendar.count * SECOND_STARTS)])
    played = np.zeros((2, calendar.count + DAYS_SHOWN))
    for age in range(DAYS_SHOWN):
        np.add.at(played, (posted.account, posted.day + age), posted.daily[:, age, 0])
    played = played[:, : calendar.count]
    exists = np.arange(calendar.count)[None, :] >= starts[:, None]
    base = np.array([26_000, 1_350])
    leave = rng.poisson(np.array([[14.0], [1.5]]) * np.ones_like(played))
    new_fans = np.where(exists, rng.poisson(played * 0.004) - leave, 0)
    total = np.where(exists, base[:, None] + np.cumsum(new_fans, axis=1), 0)
    visits = np.where(exists, rng.poisson(played * 0.018 + 12), 0)
    return AccountDays(starts, new_fans, total, visits)


def _encrypted(text: str) -> str:
    """An id as the platform gives it: `@`, then base64 with `+`, `/` and `=`."""
    digest = hashlib.blake2b(text.encode(), digest_size=40).digest()
    return "@" + base64.b64encode(digest).decode()
