"""Tracked page events: view -> click -> lead form -> booking -> redemption, and who adds staff.

Every funnel step belongs to the visitor of the step before. Steps that partners report (lead
form, booking, redemption) become visible days late; views and clicks nearly at once.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sandbox.parameters import (
    CAMPAIGNS,
    CHANNELS,
    FUNNEL_CURVE,
    MINI_PROGRAM_SHARE,
    VIEW_CURVE,
    Size,
)
from sandbox.timeline import DAY_MS, HOUR_MS, MINUTE_MS
from sandbox.world.arrival import batch_factors, daily_curves, delays_of, morning_of
from sandbox.world.calendar import Calendar
from sandbox.world.deliveries import Deliveries, deliveries, reported_times
from sandbox.world.randomness import clock_times_ms, hex_ids, stream

if TYPE_CHECKING:
    from sandbox.world.silence import Silence

LAST_MOMENT_MS = DAY_MS - 2_000  # nothing happens after the last drop of the day has closed
# site 0 is the company's own pages, site 1 a partner's (lead forms, bookings, redemptions), site 2
# the mini program, which is an account of its own
SITES = ("h5", "partner", "mini")
SITE_ACCOUNTS = ("h5_main", "h5_main", "mini_main")
PAGES = ("home", "product", "article", "live_room", "coupon", "lead_form", "booking", "store")


@dataclass
class PageEvents:
    """One row per event, ordered by time. `person` is -1 where the visitor is nobody known."""

    event_id: np.ndarray
    event_type: np.ndarray  # index into EVENT_TYPES
    event_ms: np.ndarray
    reported_ms: np.ndarray  # what the visitor's clock said
    visitor_id: np.ndarray
    person: np.ndarray
    is_identified: np.ndarray  # the page knew the visitor's unionid
    page: np.ndarray
    channel: np.ndarray
    campaign: np.ndarray
    content: np.ndarray
    device: np.ndarray
    dwell_seconds: np.ndarray
    site: np.ndarray
    visible_ms: np.ndarray
    lines: Deliveries


@dataclass
class Visits:
    """Views with their clicks, before anybody has a name."""

    channel: np.ndarray
    day: np.ndarray
    view_ms: np.ndarray
    is_click: np.ndarray
    click_ms: np.ndarray
    is_add: np.ndarray
    add_ms: np.ndarray
    campaign: np.ndarray
    content: np.ndarray


def visits(seed: int, size: Size, calendar: Calendar) -> Visits:
    """Page views of all channels and days, and which of them end in adding a staff member."""
    rng = stream(seed, "visits")
    base = np.array([c.views_per_day for c in CHANNELS]) * size.page_scale
    noise = rng.lognormal(0, 0.04, (calendar.count, len(CHANNELS)))
    counts = rng.poisson(base * calendar.factor[:, None] * noise)
    cells = counts.ravel()
    day = np.repeat(np.repeat(np.arange(calendar.count), len(CHANNELS)), cells)
    channel = np.repeat(np.tile(np.arange(len(CHANNELS)), calendar.count), cells).astype(np.int8)
    count = len(day)
    midnight = calendar.start_ms + day * DAY_MS
    view_ms = midnight + clock_times_ms(rng, count)
    latest = midnight + LAST_MOMENT_MS
    click_rate = np.array([c.click_rate for c in CHANNELS])[channel]
    is_click = rng.random(count) < click_rate
    click_ms = _kept_in_hour(
        view_ms,
        np.minimum(view_ms + 2_000 + rng.exponential(40_000, count).astype(np.int64), latest),
    )
    add_rate = np.array([c.add_rate for c in CHANNELS])[channel]
    is_add = is_click & (rng.random(count) < add_rate)
    add_ms = np.minimum(click_ms + rng.integers(20_000, 10 * MINUTE_MS, count), latest)
    content_count = np.array([len(c.contents) for c in CHANNELS])[channel]
    return Visits(
        channel,
        day,
        view_ms,
        is_click,
        click_ms,
        is_add,
        add_ms,
        campaign=rng.choice(len(CAMPAIGNS), count, p=[0.3, 0.2, 0.2, 0.15, 0.15]).astype(np.int8),
        content=(rng.random(count) * content_count).astype(np.int8),
    )


def page_events(
    seed: int,
    calendar: Calendar,
    visits_: Visits,
    adder_person: np.ndarray,
    first_add_ms: np.ndarray,
    has_unionid: np.ndarray,
    quiet: "Silence",
) -> PageEvents:
    """All events of the visits.

    Args:
        seed: the world's seed.
        calendar: the period.
        visits_: views and clicks.
        adder_person: person of each visit with `is_add`, in the visits' order.
        first_add_ms: when each person became a customer, ascending.
        has_unionid: whether the person has one.
        quiet: who has fallen silent and comes back no more.
    """
    rng = stream(seed, "page_events")
    v = visits_
    count = len(v.day)
    person = np.full(count, -1, dtype=np.int64)
    person[v.is_add] = adder_person
    # a fifth of the other visits are existing customers
    existing = np.searchsorted(first_add_ms, calendar.start_ms + v.day * DAY_MS)
    returns = ~v.is_add & (rng.random(count) < 0.2) & (existing > 0)
    person[returns] = (rng.random(int(returns.sum())) * existing[returns]).astype(np.int64)
    person = quiet.visitors(seed, person, v.view_ms, returns)
    visitor = hex_ids(rng, count, 16, "v")
    by_person = hex_ids(rng, len(first_add_ms), 16, "v")
    visitor[person >= 0] = by_person[person[person >= 0]]
    device = rng.choice(3, count, p=[0.44, 0.50, 0.06]).astype(np.int8)
    dwell = np.round(np.minimum(rng.lognormal(3.2, 0.9, count), 1800), 1)

    clicks = np.flatnonzero(v.is_click)
    lead_rate = np.array([c.lead_rate for c in CHANNELS])[v.channel[clicks]]
    leads = clicks[rng.random(len(clicks)) < lead_rate]
    lead_ms = _kept_in_hour(
        v.click_ms[leads],
        np.minimum(
            v.click_ms[leads] + rng.integers(MINUTE_MS, 15 * MINUTE_MS, len(leads)),
            calendar.start_ms + v.day[leads] * DAY_MS + LAST_MOMENT_MS,
        ),
    )
    booked = rng.random(len(leads)) < 0.45
    bookings, booking_ms = leads[booked], _later(rng, calendar, lead_ms[booked], 0, 3)
    redeemed = rng.random(len(bookings)) < 0.60
    redemptions = bookings[redeemed]
    redemption_ms = _later(rng, calendar, booking_ms[redeemed], 1, 7)

    visit = np.concatenate([np.arange(count), clicks, leads, bookings, redemptions])
    moment = np.concatenate([v.view_ms, v.click_ms[clicks], lead_ms, booking_ms, redemption_ms])
    steps = [count, len(clicks), len(leads), len(bookings), len(redemptions)]
    kind = np.repeat(np.arange(5, dtype=np.int8), steps)
    inside = moment < calendar.end_ms
    visit, moment, kind = visit[inside], moment[inside], kind[inside]
    order = np.lexsort((kind, visit, moment))
    visit, moment, kind = visit[order], moment[order], kind[order]

    day = (moment - calendar.start_ms) // DAY_MS
    is_view = kind == 0
    page = np.where(is_view, rng.integers(0, 5, len(kind)), np.array([0, 4, 5, 6, 7])[kind]).astype(
        np.int8
    )
    # before the add the page rarely knows who it is; forms mostly do
    who = person[visit]
    known_share = np.where(kind >= 2, 0.85, np.where(v.is_add[visit], 0.3, 0.9))
    identified = (who >= 0) & (rng.random(len(kind)) < known_share)
    identified &= has_unionid[np.maximum(who, 0)]
    is_mini = stream(seed, "mini_program").random(count) < MINI_PROGRAM_SHARE
    site = np.where(is_mini[visit], 2, kind >= 2).astype(np.int8)
    lines, visible_ms = deliveries(seed, site, _closes(seed, calendar, kind, day, moment))
    return PageEvents(
        event_id=hex_ids(rng, len(kind), 24, "e"),
        event_type=kind,
        event_ms=moment,
        reported_ms=reported_times(seed, moment),
        visitor_id=visitor[visit],
        person=who,
        is_identified=identified,
        page=page,
        channel=v.channel[visit],
        campaign=v.campaign[visit],
        content=v.content[visit],
        device=device[visit],
        dwell_seconds=np.where(is_view, dwell[visit], np.nan),
        site=site,
        visible_ms=visible_ms,
        lines=lines,
    )


def _closes(
    seed: int, calendar: Calendar, kind: np.ndarray, day: np.ndarray, moment: np.ndarray
) -> np.ndarray:
    """When the hourly drop that should carry the event closes."""
    rng = stream(seed, "page_arrival")
    late = kind >= 2
    delays = np.zeros(len(kind), dtype=np.int64)
    quick = daily_curves(rng, VIEW_CURVE, calendar.count, concentration=400)
    slow = daily_curves(
        rng, FUNNEL_CURVE, calendar.count, factors=batch_factors(calendar.days, len(FUNNEL_CURVE))
    )
    delays[~late] = delays_of(rng, quick, day[~late])
    delays[late] = delays_of(rng, slow, day[late])
    arrives = np.where(
        delays == 0, moment, morning_of(rng, calendar.start_ms + day * DAY_MS, delays)
    )
    return (arrives // HOUR_MS + 1) * HOUR_MS - 1_000


def _later(
    rng: np.random.Generator,
    calendar: Calendar,
    moment: np.ndarray,
    fewest_days: int,
    days_end: int,
) -> np.ndarray:
    """A moment some days on, in opening hours; on the same day not before the step before."""
    days = rng.integers(fewest_days, days_end, len(moment))
    midnight = moment - (moment - calendar.start_ms) % DAY_MS
    clock = (9 * HOUR_MS + rng.random(len(moment)) * 12 * HOUR_MS).astype(np.int64)
    late = np.minimum(moment + 20 * MINUTE_MS, midnight + LAST_MOMENT_MS)
    later = np.where(days == 0, late, midnight + days * DAY_MS + clock)
    return _kept_in_hour(moment, later)


def _kept_in_hour(start: np.ndarray, moment: np.ndarray) -> np.ndarray:
    """Never in an hour's last second (when its drop closes) and never before `start`."""
    within = moment % HOUR_MS
    return np.maximum(moment - np.maximum(within - (HOUR_MS - 2_000), 0), start)
