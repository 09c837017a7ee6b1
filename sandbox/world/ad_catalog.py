"""Which ads exist: platforms, accounts, campaigns, ad groups, creatives, placements."""

import math
from dataclasses import dataclass

from sandbox.parameters import SITE_SETS
from sandbox.timeline import DAY_MS, HOUR_MS, NEVER_MS
from sandbox.world.calendar import Calendar

M, C, W = "SITE_SET_MOMENTS", "SITE_SET_CHANNELS", "SITE_SET_WECHAT"


@dataclass(frozen=True)
class AdUnit:
    """One ad group (unit, promotion): what spends money. A campaign (project, plan) holds several.

    Attributes:
        platform: name of the source.
        account: the sandbox's name of the account.
        campaign_id: 0 where the platform has no such level.
        placements: the platform's codes; a unit spends on each of them.
        weight: share of its channels' traffic, against the other units'.
        creatives: how many creatives share its traffic.
        starts_at: share of the period after which it runs.
        ends_at: share of the period after which it is over (and deleted some days later).
    """

    platform: str
    account: str
    campaign_id: int
    campaign_name: str
    unit_id: int
    unit_name: str
    placements: tuple[str, ...]
    weight: float
    creatives: int = 1
    starts_at: float = 0.0
    ends_at: float = 1.0

    def creative_id(self, number: int) -> int:
        """Id of the creative with a number, counted from 0."""
        return self.unit_id + 1_000 * (number + 1)


def _tencent(
    account: str, unit_id: int, name: str, sites: tuple[str, ...], weight: float, **more: float
) -> AdUnit:
    return AdUnit("tencent_ads", account, 0, "", unit_id, name, sites, weight, **more)


def _units(
    platform: str, account: str, campaign_id: int, campaign_name: str, *units: tuple
) -> list[AdUnit]:
    """Units of one campaign: (number, name, placements, weight[, more])."""
    return [
        AdUnit(
            platform,
            account,
            campaign_id,
            campaign_name,
            campaign_id + number,
            name,
            placements,
            weight,
            **(rest[0] if rest else {}),
        )
        for number, name, placements, weight, *rest in units
    ]


# ids of Ocean Engine and Kuaishou pass 2^53, where a float would round them
_OE, _OE_SMALL = 7300000000000310101, 7300000000000320101
_FEED, _KS_FEED, _KS_UP = ("INVENTORY_FEED",), ("1",), ("10",)
_SEARCH = ("SEARCH",)
UNITS: tuple[AdUnit, ...] = (
    _tencent("20001", 9100000011, "面膜-朋友圈-拉新", (M,), 230, creatives=2),
    _tencent("20001", 9100000012, "精华-全版位", (M, C, W), 130),
    _tencent("20001", 9100000013, "直播预约-视频号", (C,), 190),
    _tencent("20001", 9100000014, "会员招募", (M, W), 120),
    _tencent("20001", 9100000015, "夏季防晒-新计划", (M, C), 90, starts_at=0.45),
    _tencent("20001", 9100000016, "冬季修护-旧计划", (M,), 40, ends_at=0.3),
    _tencent("20002", 9200000021, "门店同城-朋友圈", (M,), 9),
    _tencent("20002", 9200000022, "门店同城-公众号", (W,), 6),
    _tencent("20002", 9200000023, "门店同城-视频号", (C,), 5),
    *_units(
        "oceanengine",
        "30001",
        _OE,
        "面膜-信息流-加粉",
        (11, "面膜-口播-18至30", _FEED, 40, {"creatives": 2}),
        (12, "面膜-测评-通投", _FEED, 26),
        (13, "面膜-素材赛马", _FEED, 12, {"ends_at": 0.6}),
    ),
    *_units(
        "oceanengine",
        "30001",
        _OE + 100,
        "精华-表单留资",
        (11, "精华-达人混剪", _FEED, 30),
        (12, "精华-成分科普", _FEED, 22, {"creatives": 2}),
    ),
    *_units(
        "oceanengine",
        "30001",
        _OE + 200,
        "夏季防晒-新项目",
        (11, "防晒-户外场景", _FEED, 20, {"starts_at": 0.4}),
    ),
    *_units(
        "oceanengine",
        "30002",
        _OE_SMALL,
        "门店同城-团购",
        (11, "门店-周末到店", _FEED, 3),
        (12, "门店-护理体验券", _FEED, 2),
    ),
    *_units(
        "kuaishou",
        "40001",
        9300000000410101,
        "快手-面膜拉新",
        (11, "面膜-双列信息流", _KS_FEED, 40, {"creatives": 2}),
        (12, "面膜-上下滑大屏", _KS_UP, 30),
    ),
    *_units(
        "kuaishou",
        "40001",
        9300000000410201,
        "快手-会员加粉",
        (11, "会员-上下滑大屏", _KS_UP, 20),
        (12, "会员-新素材", _KS_UP, 15, {"starts_at": 0.35}),
    ),
    *_units(
        "baidu",
        "50001",
        510000101,
        "品牌词",
        (11, "品牌-官网", _SEARCH, 35),
        (12, "品牌-旗舰店", _SEARCH, 15),
    ),
    *_units(
        "baidu",
        "50001",
        510000201,
        "品类词-面膜",
        (11, "补水面膜", _SEARCH, 30, {"creatives": 2}),
        (12, "敏感肌面膜", _SEARCH, 20),
    ),
    *_units(
        "baidu",
        "50001",
        510000301,
        "竞品词",
        (11, "竞品-精华", _SEARCH, 12, {"ends_at": 0.6}),
    ),
    # a Juguang campaign has one placement
    *_units(
        "juguang",
        "60001",
        610000101,
        "聚光-种草-面膜信息流",
        (11, "面膜-信息流笔记", ("1",), 30, {"creatives": 2}),
        (12, "面膜-达人合集", ("1",), 10),
    ),
    *_units("juguang", "60001", 610000201, "聚光-面膜搜索", (11, "面膜-搜索词", ("2",), 25)),
    *_units("juguang", "60001", 610000301, "聚光-私信全站", (11, "护理咨询-全站智投", ("4",), 20)),
    *_units(
        "juguang",
        "60001",
        610000401,
        "聚光-私信视频流",
        (11, "护理咨询-视频流", ("7",), 15, {"starts_at": 0.5}),
    ),
)
AD_ACCOUNTS = {
    platform: tuple(dict.fromkeys(u.account for u in UNITS if u.platform == platform))
    for platform in dict.fromkeys(u.platform for u in UNITS)
}
_CHANNELS = {
    "oceanengine": "oceanengine_feed",
    "kuaishou": "kuaishou_feed",
    "baidu": "baidu_search",
    "juguang": "xiaohongshu_feed",
}
# impressions for each click
IMPRESSIONS_PER_CLICK = {
    M: 62,
    C: 78,
    W: 95,
    "INVENTORY_FEED": 70,
    "1": 55,
    "10": 48,
    "SEARCH": 14,
    "2": 24,
    "4": 45,
    "7": 40,
}
# hour of the next day from which a day's delivery is complete
SETTLED_HOUR = {"tencent_ads": 8, "oceanengine": 9, "kuaishou": 8, "baidu": 8, "juguang": 8}


def channel_of(unit: AdUnit, placement: str) -> str:
    """The channel that traffic of a unit's placement belongs to."""
    return SITE_SETS[placement] if unit.platform == "tencent_ads" else _CHANNELS[unit.platform]


def first_day(unit: AdUnit, calendar: Calendar) -> int:
    """Index of the first day on which a unit runs."""
    return math.ceil(unit.starts_at * calendar.count - 0.5)


def last_day(unit: AdUnit, calendar: Calendar) -> int:
    """Index of the last day on which a unit runs."""
    return math.ceil(unit.ends_at * calendar.count - 0.5) - 1


def created_ms(unit: AdUnit, calendar: Calendar) -> int:
    """Somebody sets a unit up at 15:00 some days before it runs, long before for the first ones."""
    start = first_day(unit, calendar)
    ahead = 2 if start else 20 + unit.unit_id % 10
    return calendar.start_ms + (start - ahead) * DAY_MS + 15 * HOUR_MS


def campaign_created_ms(units: list[AdUnit], calendar: Calendar) -> int:
    """A campaign is an hour older than its first unit."""
    return min(created_ms(unit, calendar) for unit in units) - HOUR_MS


def modified_ms(unit: AdUnit, calendar: Calendar, now_ms: int) -> int:
    """The last change that shows at a moment: creation, a budget of a new month, the end."""
    moments = [created_ms(unit, calendar)]
    start, end = (calendar.start_ms + d(unit, calendar) * DAY_MS for d in (first_day, last_day))
    for number, day in enumerate(calendar.days):
        if day.day == 1 and start <= (moment := calendar.start_ms + number * DAY_MS) <= end:
            moments.append(moment + 10 * HOUR_MS)
    if unit.ends_at < 1:
        moments.append(ended_ms(unit, calendar))
        moments.append(deleted_ms(unit, calendar))
    return max((m for m in moments if m <= now_ms), default=moments[0])


def ended_ms(unit: AdUnit, calendar: Calendar) -> int:
    """The first moment after a unit's last day."""
    return calendar.start_ms + (last_day(unit, calendar) + 1) * DAY_MS


def deleted_ms(unit: AdUnit, calendar: Calendar) -> int:
    """When a unit that is over is deleted: ten days later at 11:00. The others never are."""
    if unit.ends_at >= 1:
        return NEVER_MS
    return ended_ms(unit, calendar) + 10 * DAY_MS + 11 * HOUR_MS


def budget_yuan(unit: AdUnit, calendar: Calendar, now_ms: int) -> int:
    """Daily budget: raised by 50 yuan at the beginning of each month."""
    changed = modified_ms(unit, calendar, min(now_ms, ended_ms(unit, calendar) - 1))
    months = max(0, (changed - calendar.start_ms) // (28 * DAY_MS))
    return round(unit.weight) * 20 + 100 + 50 * months
