"""Tencent ads: what was shown, clicked and paid, and which clicks converted when."""

from dataclasses import dataclass

import numpy as np

from sandbox.parameters import CONVERSION_CURVE, COST_GROWTH_PER_MONTH, Size
from sandbox.timeline import DAY_MS, HOUR_MS
from sandbox.world.arrival import daily_curves, delays_of, morning_of
from sandbox.world.calendar import Calendar
from sandbox.world.randomness import stream

M, C, W = "SITE_SET_MOMENTS", "SITE_SET_CHANNELS", "SITE_SET_WECHAT"


@dataclass(frozen=True)
class AdGroup:
    """One adgroup: its site sets, clicks a day, and when it runs (share of the period)."""

    account: str
    adgroup_id: int
    name: str
    site_sets: tuple[str, ...]
    clicks_per_day: float
    conversion_rate: float = 0.085
    starts_at_share: float = 0.0


ADGROUPS = (
    AdGroup("20001", 9100000011, "面膜-朋友圈-拉新", (M,), 230),
    AdGroup("20001", 9100000012, "精华-全版位", (M, C, W), 130),
    AdGroup("20001", 9100000013, "直播预约-视频号", (C,), 190, 0.07),
    AdGroup("20001", 9100000014, "会员招募", (M, W), 120, 0.10),
    AdGroup("20001", 9100000015, "夏季防晒-新计划", (M, C), 90, 0.08, 0.45),
    AdGroup("20002", 9200000021, "门店同城-朋友圈", (M,), 9, 0.05),
    AdGroup("20002", 9200000022, "门店同城-公众号", (W,), 6, 0.05),
    AdGroup("20002", 9200000023, "门店同城-视频号", (C,), 5, 0.04),
)
AD_ACCOUNTS = ("20001", "20002")


@dataclass
class Ads:
    """Cells are (adgroup, site set); day arrays are cells x days, conversions one row each."""

    cell_adgroup: np.ndarray  # index into ADGROUPS
    cell_site_set: list[str]
    impressions: np.ndarray
    clicks: np.ndarray
    cost_fen: np.ndarray
    visible_ms: np.ndarray  # per day: complete at 08:00 on the next
    conversion_cell: np.ndarray
    request_day: np.ndarray
    reported_day: np.ndarray
    conversion_visible_ms: np.ndarray
    is_scan_follow: np.ndarray

    def cell_account(self) -> np.ndarray:
        """Account of each cell."""
        return np.array([ADGROUPS[a].account for a in self.cell_adgroup])


def ads(seed: int, size: Size, calendar: Calendar) -> Ads:
    """Delivery and conversions; the cost per customer rises 3 % a month and with the spend."""
    rng = stream(seed, "ads")
    cells = [(number, site) for number, group in enumerate(ADGROUPS) for site in group.site_sets]
    scale = min(max(size.page_scale, 0.3), 3.0)
    groups = [ADGROUPS[number] for number, _ in cells]
    base = np.array([g.clicks_per_day / len(g.site_sets) for g in groups]) * scale
    days = np.arange(calendar.count)
    runs = days[None, :] >= np.array([g.starts_at_share * calendar.count for g in groups])[:, None]
    noise = rng.lognormal(0, 0.08, (len(cells), calendar.count))
    clicks = np.where(runs, rng.poisson(base[:, None] * calendar.factor[None, :] * noise), 0)
    price = 165 * (1 + COST_GROWTH_PER_MONTH) ** (days / 30.4)
    # Hill saturation: the more is bought in a cell, the dearer the next click
    pressure = 1 + 0.25 * clicks / (clicks + 2 * base[:, None])
    per_click = price[None, :] * pressure * rng.lognormal(0, 0.05, clicks.shape)
    cost = np.round(clicks * per_click).astype(np.int64)
    impressions = clicks + rng.poisson(
        clicks * np.array([{M: 62, C: 78, W: 95}[site] for _, site in cells])[:, None]
    )

    converted = rng.binomial(clicks, np.array([g.conversion_rate for g in groups])[:, None])
    flat = converted.ravel()
    cell = np.repeat(np.repeat(np.arange(len(cells)), calendar.count), flat)
    request_day = np.repeat(np.tile(days, len(cells)), flat)
    curves = daily_curves(rng, CONVERSION_CURVE, calendar.count)
    delays = delays_of(rng, curves, request_day)
    midnight = calendar.start_ms + request_day * DAY_MS
    same_day = midnight + HOUR_MS + (rng.random(len(cell)) * 22.5 * HOUR_MS).astype(np.int64)
    visible = np.where(delays == 0, same_day, morning_of(rng, midnight, delays))
    order = np.lexsort((visible, request_day, cell))
    return Ads(
        cell_adgroup=np.array([number for number, _ in cells]),
        cell_site_set=[site for _, site in cells],
        impressions=impressions,
        clicks=clicks,
        cost_fen=cost,
        visible_ms=calendar.start_ms + (days + 1) * DAY_MS + 8 * HOUR_MS,
        conversion_cell=cell[order],
        request_day=request_day[order],
        reported_day=(request_day + delays)[order],
        conversion_visible_ms=visible[order],
        is_scan_follow=rng.random(len(cell)) < 0.55,
    )
