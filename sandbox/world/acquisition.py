"""Acquisition links (获客链接) and contact ways (联系我): where an add came from, seen by WeCom."""

from dataclasses import dataclass

import numpy as np

from sandbox.parameters import CAMPAIGNS, CHANNELS, Size
from sandbox.timeline import DAY_MS, HOUR_MS, NEVER_MS
from sandbox.world.calendar import Calendar
from sandbox.world.people import Relations
from sandbox.world.randomness import clock_times_ms, hex_ids, stream

BY_LINK, BY_CODE = 16, 1
_OTHER_CLICKS_PER_ADD = 2.2
_DELETED_FROM = 0.7  # share of the period after which one link is deleted
QUOTA_BOUGHT = ((1.0, 365), (0.6, 200))  # share of the customers, days until it ends


@dataclass
class Acquisition:
    """Links, their customers and clicks, and contact ways.

    Two links per channel that adds by link: one from before the period, one for odd campaigns.
    The last link was made in the admin console, which the app does not see.
    """

    link_id: np.ndarray
    link_name: list[str]
    link_channel: np.ndarray
    link_created_ms: np.ndarray
    link_deleted_ms: np.ndarray
    is_console: np.ndarray
    relation: np.ndarray  # of each customer who came by a link
    link: np.ndarray
    chat_ms: np.ndarray  # the customer's first message; NEVER_MS for none
    click_link: np.ndarray
    click_who: np.ndarray
    click_ms: np.ndarray
    bought: list[tuple[int, int]]  # quota batches: size and moment of expiry
    way_id: np.ndarray
    way_channel: np.ndarray
    way_staff: list[list[int]]
    way_created_ms: np.ndarray


def acquisition(seed: int, size: Size, calendar: Calendar, relations: Relations) -> Acquisition:
    """Links and ways of all channels, consistent with the relations' add way and state."""
    rng = stream(seed, "acquisition")
    r = relations
    paid = [n for n, c in enumerate(CHANNELS) if c.add_way == BY_LINK]
    channel = np.repeat(paid, 2)
    links = len(channel) + 1
    created = np.tile(
        [calendar.start_ms - 560 * DAY_MS, calendar.start_ms - 10 * DAY_MS + 9 * HOUR_MS], len(paid)
    )
    created = np.append(created, calendar.start_ms - 30 * DAY_MS)
    deleted = np.full(links, NEVER_MS)
    deleted[1] = calendar.start_ms + int(_DELETED_FROM * calendar.count) * DAY_MS + 14 * HOUR_MS

    rows = np.flatnonzero((r.add_way == BY_LINK) & np.isin(r.channel, paid))
    place = np.searchsorted(paid, r.channel[rows])
    odd = (r.campaign[rows] >= 0) & (r.campaign[rows] % 2 == 1)
    link = 2 * place + odd
    moment = r.created_ms[rows]
    link = np.where((moment >= deleted[link]) | (moment < created[link]), 2 * place, link)
    talks = rng.random(len(rows)) < 0.62
    wait = np.minimum(rng.lognormal(np.log(1.5), 1.6, len(rows)), 24 * 12) * HOUR_MS
    chat = np.where(talks, moment + wait.astype(np.int64), NEVER_MS)
    clicks = _clicks(rng, calendar, link, moment, created, deleted)
    codes = [n for n, c in enumerate(CHANNELS) if c.add_way == BY_CODE]
    ways = np.repeat(codes, 2)
    made = (
        calendar.start_ms
        + np.where(
            np.arange(len(ways)) % 2 == 0,
            -rng.integers(100, 500, len(ways)),
            rng.integers(0, max(calendar.count - 20, 1), len(ways)),
        )
        * DAY_MS
    )
    return Acquisition(
        link_id=hex_ids(rng, links, 20, "cawcde"),
        link_name=[
            *(f"{CHANNELS[c].name_zh}{'·活动' if n % 2 else ''}" for n, c in enumerate(channel)),
            "管理后台创建",
        ],
        link_channel=np.append(channel, -1),
        link_created_ms=created,
        link_deleted_ms=deleted,
        is_console=np.arange(links) == links - 1,
        relation=rows,
        link=link,
        chat_ms=chat,
        click_link=clicks[0],
        click_who=clicks[1],
        click_ms=clicks[2],
        bought=[
            (round(share * size.customers), calendar.start_ms + days * DAY_MS)
            for share, days in QUOTA_BOUGHT
        ],
        way_id=hex_ids(rng, len(ways), 32),
        way_channel=ways,
        way_staff=[
            sorted(rng.choice(size.staff, min(size.staff, 5), replace=False).tolist()) for _ in ways
        ],
        way_created_ms=made + 10 * HOUR_MS,
    )


def _clicks(
    rng: np.random.Generator,
    calendar: Calendar,
    link: np.ndarray,
    added_ms: np.ndarray,
    created: np.ndarray,
    deleted: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Link, clicker and moment: those who add, and others, some of whom come back another day."""
    inside = added_ms >= calendar.start_ms
    adds_link, adds_ms = link[inside], added_ms[inside] - 30_000
    others = rng.poisson(_OTHER_CLICKS_PER_ADD, len(adds_link))
    other_link = np.repeat(adds_link, others)
    day = (np.repeat(adds_ms, others) - calendar.start_ms) // DAY_MS
    other_ms = calendar.start_ms + day * DAY_MS + clock_times_ms(rng, len(day))
    who = np.arange(len(adds_link) + len(other_link))
    first_link = np.concatenate([adds_link, other_link])
    first_ms = np.concatenate([adds_ms, other_ms])
    again = np.flatnonzero(rng.random(len(who)) < 0.15)
    again_ms = first_ms[again] + rng.integers(1, 6, len(again)) * DAY_MS
    all_link = np.concatenate([first_link, first_link[again]])
    all_who, all_ms = np.concatenate([who, who[again]]), np.concatenate([first_ms, again_ms])
    keep = (all_ms < calendar.end_ms) & (all_ms < deleted[all_link]) & (all_ms > created[all_link])
    order = np.argsort(all_ms[keep], kind="stable")
    return all_link[keep][order], all_who[keep][order], all_ms[keep][order]


def state_of(channel: int, campaign: int) -> str:
    """The channel marker of a contact way or a link, at most 30 characters."""
    text = CHANNELS[channel].channel_id
    if campaign >= 0:
        text += f":{CAMPAIGNS[campaign]}"
    return text[:30]
