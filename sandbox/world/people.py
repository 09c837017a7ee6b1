"""Customers, staff, and the relations between them."""

from dataclasses import dataclass

import numpy as np

from sandbox.parameters import (
    CHANNELS,
    DIRECT_ADDS_PER_DAY,
    HIGH_INTERACTION_GROUP_SHARE,
    LAYER_SHARES,
    LOSS_FACTOR_INTERACTIVE,
    ORGANIC_ADD_WAYS,
    SECOND_STAFF_SHARE,
    UNIONID_SHARE,
    UNKNOWN_PROFILE_SHARE,
    Size,
)
from sandbox.timeline import DAY_MS, NEVER_MS
from sandbox.world.calendar import Calendar
from sandbox.world.pages import LAST_MOMENT_MS, Visits
from sandbox.world.randomness import clock_times_ms, hex_ids, stream
from siyu.errors import UsageError

_NAMES = (
    "zhangwei",
    "wangfang",
    "lina",
    "liuyang",
    "chenjing",
    "yangmin",
    "zhaolei",
    "huangli",
    "zhouting",
    "wuhao",
    "xuhui",
    "sunyan",
    "malin",
    "zhujun",
    "huxin",
    "guofeng",
)
ORGANIC = len(CHANNELS) - 1
NO_CAMPAIGN = -1


@dataclass
class Persons:
    """One row per customer, ordered by the moment of becoming one."""

    external_userid: np.ndarray
    unionid: np.ndarray  # empty where the platform gives none
    openid: np.ndarray
    gender: np.ndarray
    layer: np.ndarray  # 0 high value, 1 middle, 2 long tail
    group: np.ndarray  # customer group joined, -1 for none
    is_interactive: np.ndarray
    channel: np.ndarray
    campaign: np.ndarray
    first_add_ms: np.ndarray


@dataclass
class Relations:
    """One row per (customer, staff member), ordered by the moment of the add."""

    person: np.ndarray
    staff: np.ndarray
    created_ms: np.ndarray
    add_way: np.ndarray
    channel: np.ndarray
    campaign: np.ndarray
    has_state: np.ndarray
    is_first: np.ndarray
    removed_ms: np.ndarray  # staff deleted the customer: gone from every list
    customer_deleted_ms: np.ndarray  # customer deleted the staff: stays in every list


def staff_ids(count: int) -> list[str]:
    """User ids of the service staff."""
    return [f"{_NAMES[n % len(_NAMES)]}{n + 1:02d}" for n in range(count)]


def persons(
    seed: int, size: Size, calendar: Calendar, visits: Visits
) -> tuple[Persons, np.ndarray]:
    """All customers: those of before, those from pages, those who came by themselves.

    Returns:
        the persons, and the person of each visit with `is_add` (in the visits' order).
    """
    rng = stream(seed, "persons")
    adders = np.flatnonzero(visits.is_add)
    direct = rng.poisson(DIRECT_ADDS_PER_DAY * size.page_scale * calendar.factor)
    direct_ms = (
        calendar.start_ms
        + np.repeat(np.arange(calendar.count), direct) * DAY_MS
        + clock_times_ms(rng, int(direct.sum()))
    )
    before = size.customers - len(adders) - len(direct_ms)
    if before < 0:
        raise UsageError(
            f"{size.customers} customers are fewer than join in {size.days} days",
            action=f"give at least {size.customers - before} customers or a smaller page_scale",
        )
    # the base grew over a year and a half, ever faster
    age_days = np.minimum(rng.exponential(200, before), 540).astype(np.int64) + 1
    before_ms = calendar.start_ms - age_days * DAY_MS + clock_times_ms(rng, before)
    shares = np.array([c.base_share for c in CHANNELS])
    first_add = np.concatenate([before_ms, visits.add_ms[adders], direct_ms])
    channel = np.concatenate(
        [
            rng.choice(len(CHANNELS), before, p=shares / shares.sum()),
            visits.channel[adders],
            np.full(len(direct_ms), ORGANIC),
        ]
    )
    campaign = np.concatenate(
        [
            np.full(before, NO_CAMPAIGN),
            visits.campaign[adders],
            np.full(len(direct_ms), NO_CAMPAIGN),
        ]
    )
    order = np.argsort(first_add, kind="stable")
    rank = np.empty(size.customers, dtype=np.int64)
    rank[order] = np.arange(size.customers)
    count = size.customers
    group = np.where(rng.random(count) < 0.5, rng.integers(0, size.groups, count), -1)
    layer = rng.choice(3, count, p=LAYER_SHARES)
    # >= 3 interactions a week: members of the lively groups and some others
    lively = (group >= 0) & (group < lively_groups(size))
    unionid = hex_ids(rng, count, 26, "o6")
    unionid[rng.random(count) >= UNIONID_SHARE] = ""
    gender = np.where(
        rng.random(count) < UNKNOWN_PROFILE_SHARE, 0, np.where(rng.random(count) < 0.38, 1, 2)
    )
    return Persons(
        external_userid=hex_ids(rng, count, 30, "wm"),
        unionid=unionid,
        openid=hex_ids(rng, count, 26, "oA"),
        gender=gender,
        layer=layer,
        group=group,
        is_interactive=lively | (rng.random(count) < 0.15),
        channel=channel[order],
        campaign=campaign[order],
        first_add_ms=first_add[order],
    ), rank[before : before + len(adders)]


def lively_groups(size: Size) -> int:
    """How many groups have a high interaction rate; they are the first ones."""
    return max(1, round(size.groups * HIGH_INTERACTION_GROUP_SHARE))


def relations(seed: int, size: Size, calendar: Calendar, people: Persons) -> Relations:
    """First adds, second staff members, and deletions both ways."""
    rng = stream(seed, "relations")
    count = len(people.first_add_ms)
    weight = rng.gamma(4, 1, size.staff)
    first_staff = rng.choice(size.staff, count, p=weight / weight.sum())
    gap = rng.integers(1, 60, count)
    second_ms = (people.first_add_ms // DAY_MS + gap) * DAY_MS
    second_ms += clock_times_ms(rng, count) - 8 * 3_600_000
    second_ms = np.where(second_ms <= people.first_add_ms, second_ms + DAY_MS, second_ms)
    second = np.flatnonzero(
        (rng.random(count) < SECOND_STAFF_SHARE) & (second_ms < calendar.end_ms) & (size.staff > 1)
    )
    step = rng.integers(1, max(size.staff, 2), len(second))
    person = np.concatenate([np.arange(count), second])
    staff = np.concatenate([first_staff, (first_staff[second] + step) % size.staff])
    created = np.concatenate([people.first_add_ms, second_ms[second]])
    is_first = np.concatenate([np.ones(count, bool), np.zeros(len(second), bool)])
    order = np.lexsort((person, created))
    person, staff, created, is_first = (a[order] for a in (person, staff, created, is_first))

    rows = len(person)
    channel = np.where(is_first, people.channel[person], ORGANIC)
    campaign = np.where(is_first, people.campaign[person], NO_CAMPAIGN)
    organic = channel == ORGANIC
    way = np.where(
        organic,
        rng.choice(ORGANIC_ADD_WAYS, rows),
        np.array([c.add_way for c in CHANNELS])[channel],
    )
    way[~is_first] = 201  # a colleague passed the customer on
    has_state = ~organic | (is_first & (rng.random(rows) < 0.4))
    # staff delete few, never within two days of the add
    waits = 2.5 + rng.exponential(60, rows)
    removed = np.where(rng.random(rows) < 0.02, _after(created, waits, calendar), NEVER_MS)
    # customers leave early or not at all; the interactive ones far less
    hazard = 0.0013 * np.where(people.is_interactive[person], LOSS_FACTOR_INTERACTIVE, 1.0)
    early = np.where(rng.random(rows) < 0.3, 4.0, 1.0)
    left = _after(created, rng.exponential(1, rows) / (hazard * early), calendar)
    left = np.where(left < removed, left, NEVER_MS)
    return Relations(
        person, staff, created, way, channel, campaign, has_state, is_first, removed, left
    )


def _after(created: np.ndarray, days: np.ndarray, calendar: Calendar) -> np.ndarray:
    moment = created + (np.minimum(days, 10_000) * DAY_MS).astype(np.int64)
    # not in the very last second of a day, so that a day's events are over when it is
    late = (moment - calendar.start_ms) % DAY_MS > LAST_MOMENT_MS
    moment = np.where(late, moment - 2_000, moment)
    return np.where(moment < calendar.end_ms, moment, NEVER_MS)
