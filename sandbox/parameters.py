"""What is planted in the world: sizes, channels, arrival curves, effects of known size.

Everything that a mart should find again is a number on this page.
"""

from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np

from siyu.errors import UsageError


@dataclass(frozen=True)
class Size:
    """How big a world is; `page_scale` 1 gives about 4,200 page events a day."""

    name: str
    customers: int
    days: int
    staff: int
    groups: int
    page_scale: float
    first_day: date = date(2026, 3, 2)


SIZES = {
    "small": Size("small", 800, 60, 12, 20, 0.35),
    "demo": Size("demo", 5_000, 120, 40, 120, 1.0),
    "large": Size("large", 1_000_000, 400, 800, 5_000, 5.0),
}


def size_named(name: str, **changes: object) -> Size:
    """A size by name, some of its figures changed (customers=, days=, ...)."""
    if name not in SIZES:
        raise UsageError(
            f"There is no world of size '{name}'", action=f"choose one of: {', '.join(SIZES)}"
        )
    return replace(SIZES[name], **changes)


@dataclass(frozen=True)
class Channel:
    """Where people come from. Rates: click per view, add and lead form per click."""

    channel_id: str
    name_zh: str
    utm_medium: str
    views_per_day: float
    click_rate: float
    add_rate: float
    lead_rate: float
    add_way: int
    base_share: float  # share of the customers who were there before the period
    site_set: str = ""
    contents: tuple[str, ...] = field(default=("poster", "banner", "text"))


# add_rate of live-stream posters against articles: 15 % against 8 % (world.md, scan-to-add)
CHANNELS = (
    Channel(
        "tencent_moments",
        "朋友圈广告",
        "paid",
        440,
        0.19,
        0.042,
        0.20,
        16,
        0.14,
        "SITE_SET_MOMENTS",
    ),
    Channel(
        "tencent_channels",
        "视频号广告",
        "paid",
        350,
        0.16,
        0.038,
        0.19,
        16,
        0.10,
        "SITE_SET_CHANNELS",
    ),
    Channel(
        "tencent_wechat",
        "公众号与小程序广告",
        "paid",
        290,
        0.16,
        0.036,
        0.18,
        16,
        0.08,
        "SITE_SET_WECHAT",
    ),
    Channel("oceanengine_feed", "巨量信息流", "paid", 200, 0.16, 0.035, 0.19, 16, 0.05),
    Channel("kuaishou_feed", "快手信息流", "paid", 150, 0.15, 0.030, 0.17, 16, 0.03),
    Channel("baidu_search", "百度搜索", "paid", 160, 0.20, 0.036, 0.24, 16, 0.04),
    Channel("xiaohongshu_feed", "小红书聚光", "paid", 150, 0.16, 0.035, 0.16, 16, 0.03),
    Channel(
        "official_account",
        "公众号文章",
        "article",
        330,
        0.15,
        0.08,
        0.18,
        1,
        0.18,
        contents=("article_tail", "article_card", "menu"),
    ),
    Channel(
        "live_stream",
        "直播间海报",
        "live",
        370,
        0.13,
        0.15,
        0.22,
        1,
        0.12,
        contents=("live_poster", "live_card"),
    ),
    Channel(
        "short_video",
        "短视频",
        "video",
        285,
        0.15,
        0.05,
        0.16,
        1,
        0.09,
        contents=("video_link", "video_bio"),
    ),
    Channel(
        "community",
        "社群",
        "group",
        260,
        0.20,
        0.06,
        0.24,
        4,
        0.13,
        contents=("group_post", "group_notice"),
    ),
    Channel(
        "partner",
        "合作伙伴",
        "referral",
        250,
        0.14,
        0.03,
        0.26,
        1,
        0.06,
        contents=("partner_page", "partner_qr"),
    ),
    # a few events a day, true zeros on some days
    Channel("organic", "自然流量", "none", 2.2, 0.30, 0.05, 0.20, 2, 0.10, contents=("direct",)),
)
CHANNEL_IDS = tuple(c.channel_id for c in CHANNELS)
SITE_SETS = {c.site_set: c.channel_id for c in CHANNELS if c.site_set}
CAMPAIGNS = ("spring26", "mayday26", "skincare", "members", "evergreen")
DEVICES = ("ios", "android", "pc")
EVENT_TYPES = ("page_view", "link_click", "lead_form", "booking", "redemption")
# adds without a page visit (phone search, name card, colleague), per day at scale 1
DIRECT_ADDS_PER_DAY = 2.5
ORGANIC_ADD_WAYS = (2, 3, 6, 201)

# ------------------------------------------------------------------ how data arrives (world.md)
# share known d days after the business day, index = d
VIEW_CURVE = np.array([0.97, 1.0])
FUNNEL_CURVE = np.array([0.40, 0.52, 0.60, 0.78, 0.92, 0.99, 0.995, 1.0])
# d1..d30 of an article's reads; the row of stat day k holds ARTICLE_CURVE[k]
_KNOWN_ARTICLE = {1: 0.55, 2: 0.72, 3: 0.81, 4: 0.87, 5: 0.91, 6: 0.93, 7: 0.95}
_KNOWN_CONVERSION = {0: 0.45, 1: 0.63, 2: 0.74, 3: 0.82, 4: 0.87, 5: 0.91, 6: 0.93, 7: 0.95}


def _with_tail(known: dict[int, float], last_day: int = 30) -> np.ndarray:
    """Fill d8..d30 between the last known share and 1, ever more slowly."""
    first, knee = min(known), max(known)
    tail = [
        1 - (1 - known[knee]) * ((last_day - d) / (last_day - knee)) ** 1.7
        for d in range(knee + 1, last_day + 1)
    ]
    return np.array([known[d] for d in range(first, knee + 1)] + tail)


ARTICLE_CURVE = _with_tail(_KNOWN_ARTICLE)
CONVERSION_CURVE = _with_tail(_KNOWN_CONVERSION)
# platform -> share of a click day's conversions known d days later (billing or request clock)
AD_CURVES = {
    "tencent_ads": CONVERSION_CURVE,
    "oceanengine": _with_tail(
        {0: 0.50, 1: 0.68, 2: 0.78, 3: 0.84, 4: 0.89, 5: 0.92, 6: 0.94, 7: 0.96}
    ),
    # these credit the clicks of the last seven days only
    "kuaishou": np.array([0.52, 0.72, 0.82, 0.88, 0.92, 0.95, 0.98, 1.0]),
    "baidu": np.array([0.58, 0.76, 0.85, 0.90, 0.94, 0.97, 0.99, 1.0]),
    "juguang": np.array([0.48, 0.66, 0.77, 0.85, 0.90, 0.94, 0.98, 1.0]),
}
# ordinary accidents of page-event drops (docs/sandbox.md says what each looks like)
MINI_PROGRAM_SHARE = 0.10
LATE_FILE_SHARE = 1 / 400
LATE_FILE_HOURS = (2, 13)
CUT_FILE_SHARE = 1 / 300
DUPLICATE_LINE_SHARE = 1 / 400
SKEWED_LINE_SHARE = 1 / 500
SKEWS_MINUTES = (-480, -95, -40, -12, 11, 35, 180)
# strength of the day-to-day noise: Beta with this sum of parameters (larger is calmer)
ARRIVAL_CONCENTRATION = 150.0
# partners report in batches on days 3 to 5, fewer of them at weekends and on holidays
BATCH_DELAYS = (3, 4, 5)
REST_DAY_BATCH_FACTOR = 0.6

# ------------------------------------------------------------------------------------- effects
COST_GROWTH_PER_MONTH = 0.03
# spend of a channel's day S buys V * S^a / (K^a + S^a) clicks; V is this many ordinary days' clicks
HILL_CEILING = 2.5
HILL_EXPONENT = 1.2
# fen that a click costs on an ordinary day at the start of the period
CLICK_PRICE_FEN = {
    "tencent_moments": 165,
    "tencent_channels": 150,
    "tencent_wechat": 140,
    "oceanengine_feed": 95,
    "kuaishou_feed": 70,
    "baidu_search": 180,
    "xiaohongshu_feed": 110,
}
# of the clicks that are paid, the share that reaches our page
LANDING_SHARE = 0.85
# platforms claim what they see: most of their own conversions, and some of the others'
OWN_CLAIM_SHARE = 0.95
FOREIGN_CLAIM_SHARE = 0.12
UNPAID_CLAIM_SHARE = 0.03
ORDER_CLAIM_DAYS = 30
HIGH_INTERACTION_GROUP_SHARE = 0.12
REPURCHASE_LIFT_HIGH_INTERACTION = 1.47
LOSS_FACTOR_INTERACTIVE = 0.37
DEAL_RATE_BY_LAYER = {"high_value": 1.30, "middle": 1.0, "long_tail": 0.80}
LAYER_SHARES = (0.15, 0.35, 0.50)
EVENING_OPEN_RATE_LIFT = 1.12
TUTORIAL_INTERACTION_LIFT = 1.20
REPEATED_MATERIAL_SHARE = 0.18
SERIES_SHARE_LIFT = 5.0
PARTIAL_REFUND_SHARE = 0.20
REFUSED_AFTERSALE_SHARE = 0.012
DOUYIN_FIRST_SHARE = 0.98
LATE_OA_DAY_SHARE = 0.03
CONTENT_MIX = {"value": 0.55, "promotion": 0.35, "interaction": 0.06, "brand": 0.04}
REFUND_SHARE = 0.06
REFUND_MEDIAN_DAYS = 4.0
FIRST_RESPONSE_MEDIAN_SECONDS = 95.0
WEEKEND_RESPONSE_FACTOR = 1.5
REVISED_STAFF_DAYS_SHARE = 0.01
UNIONID_SHARE = 0.95
SECOND_STAFF_SHARE = 0.08
UNKNOWN_PROFILE_SHARE = 0.20

# ------------------------------------------------------------- WeCom: who is silent, who is woken
# share of the ordinary customers who fall silent some time after their add
DORMANT_SHARE = 0.42
DORMANT_MEDIAN_DAYS = 15.0
WAKE_UP_EVERY_DAYS = 42
WAKE_UP_TREATED_SHARE = 0.6
REACTIVATION_TOUCHED = 0.06
REACTIVATION_UNTOUCHED = 0.025
# mass messages: delivered share of the core (high value) and of the other customers
REACH_CORE = 0.92
REACH_OTHERS = 0.80
MESSAGES_PER_WEEK = 2.2
LARGEST_AUDIENCE = 20_000
REPEATED_MATERIAL_SHARE = 0.18
# title test: click rate of the new title against the old one; a null test; a broken split
TITLE_CLICK_LIFT = 1.42
BROKEN_SPLIT = 0.58
# groups
GROUP_LEAVE_PER_DAY = 0.0012
FISSION_SHARE = 0.40
FISSION_DEPTH = 4
TOP_INVITERS_SHARE = 0.05
TOP_INVITERS_JOINS = 0.50
TAG_COVERAGE = 0.86
# customer service
RESOLUTION_RATE = 0.87
# payments outside the store
PAYMENTS_PER_DAY = 7.0
