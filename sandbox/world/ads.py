"""Ads of all platforms: what was shown, clicked and paid, and which conversions each claims.

Clicks, lead forms, adds and orders are those of the world's own visitors: a channel's page views
are the paid clicks that arrived. A platform learns of a conversion and credits it back to a click
some days before, so a click day's conversions grow; several platforms may claim the same one.
"""

from dataclasses import dataclass

import numpy as np

from sandbox.parameters import (
    AD_CURVES,
    CHANNEL_IDS,
    CHANNELS,
    CLICK_PRICE_FEN,
    COST_GROWTH_PER_MONTH,
    FOREIGN_CLAIM_SHARE,
    HILL_CEILING,
    HILL_EXPONENT,
    LANDING_SHARE,
    ORDER_CLAIM_DAYS,
    OWN_CLAIM_SHARE,
    UNPAID_CLAIM_SHARE,
    Size,
)
from sandbox.timeline import DAY_MS, HOUR_MS, NEVER_MS
from sandbox.world.ad_catalog import (
    IMPRESSIONS_PER_CLICK,
    SETTLED_HOUR,
    UNITS,
    AdUnit,
    channel_of,
)
from sandbox.world.arrival import daily_curves, delays_of, morning_of
from sandbox.world.calendar import Calendar
from sandbox.world.orders import Orders
from sandbox.world.pages import PageEvents, Visits
from sandbox.world.people import Persons
from sandbox.world.randomness import stream

LEAD, ADD, ORDER = 0, 1, 2
KINDS = ("lead", "add", "order")
PLATFORMS = tuple(AD_CURVES)
_LEAD_FORM = 2  # index into EVENT_TYPES


@dataclass(frozen=True)
class Cell:
    """The finest thing with figures: a creative of a unit on a placement."""

    unit: AdUnit
    placement: str
    creative: int
    channel: str


@dataclass
class Conversions:
    """What truly happened, one row each; `subject` is a row of events, persons or orders."""

    kind: np.ndarray
    subject: np.ndarray
    person: np.ndarray
    channel: np.ndarray  # index into CHANNELS
    happened_ms: np.ndarray
    value_fen: np.ndarray
    clicked_ms: np.ndarray  # of an order: when the click came that brought its buyer


@dataclass
class Claims:
    """A platform's claim on a conversion, ordered by cell, click day and visibility."""

    conversion: np.ndarray
    cell: np.ndarray
    request_day: np.ndarray  # of the click; before the period it is negative
    request_hour: np.ndarray
    event_day: np.ndarray  # of the conversion itself
    event_hour: np.ndarray
    visible_ms: np.ndarray
    is_own: np.ndarray  # the visitor did come from this platform


@dataclass
class Ads:
    """Day arrays are cells x days."""

    cells: tuple[Cell, ...]
    impressions: np.ndarray
    clicks: np.ndarray
    cost_fen: np.ndarray
    visible_ms: np.ndarray  # when a day's delivery is complete
    conversions: Conversions
    claims: Claims

    def cells_of(self, platform: str, account: str | None = None) -> np.ndarray:
        """Positions of the cells of a platform, or of one of its accounts."""
        return np.array(
            [
                number
                for number, cell in enumerate(self.cells)
                if cell.unit.platform == platform and account in (None, cell.unit.account)
            ]
        )

    def claim_kind(self) -> np.ndarray:
        """Kind of each claim's conversion."""
        return self.conversions.kind[self.claims.conversion]


def cells() -> tuple[Cell, ...]:
    """All cells, in the order of the catalogue."""
    return tuple(
        Cell(unit, placement, number, channel_of(unit, placement))
        for unit in UNITS
        for placement in unit.placements
        for number in range(unit.creatives)
    )


def ads(
    seed: int,
    size: Size,
    calendar: Calendar,
    visits: Visits,
    events: PageEvents,
    people: Persons,
    orders: Orders,
) -> Ads:
    """Delivery, cost and claims of all platforms."""
    rng = stream(seed, "ads")
    every = cells()
    chances = _chances(every, calendar)
    landed = _landed(rng, every, chances, visits, calendar)
    clicks = landed + rng.poisson(landed * (1 / LANDING_SHARE - 1))
    per_click = np.array([IMPRESSIONS_PER_CLICK[cell.placement] for cell in every])
    impressions = clicks + rng.poisson(clicks * per_click[:, None])
    days = np.arange(calendar.count)
    settled = np.array([SETTLED_HOUR[cell.unit.platform] for cell in every]) * HOUR_MS
    conversions = _conversions(calendar, events, people, orders)
    return Ads(
        cells=every,
        impressions=impressions,
        clicks=clicks,
        cost_fen=_cost(rng, every, clicks, size, calendar),
        visible_ms=calendar.start_ms + (days[None, :] + 1) * DAY_MS + settled[:, None],
        conversions=conversions,
        claims=_claims(stream(seed, "ad_claims"), every, chances, conversions, calendar),
    )


# ------------------------------------------------------------------------------------- delivery
def _chances(every: tuple[Cell, ...], calendar: Calendar) -> dict[int, np.ndarray]:
    """Channel -> days x cells: cumulative chance that a click of the channel is the cell's."""
    share = (np.arange(calendar.count) + 0.5) / calendar.count
    result = {}
    for channel in sorted({CHANNEL_IDS.index(cell.channel) for cell in every}):
        weight = np.zeros((calendar.count, len(every)))
        for number, cell in enumerate(every):
            if cell.channel == CHANNEL_IDS[channel]:
                unit = cell.unit
                runs = (share >= unit.starts_at) & (share < unit.ends_at)
                # the first creative is shown twice as often as the others
                part = (2 if cell.creative == 0 else 1) / (unit.creatives + 1)
                weight[:, number] = runs * unit.weight / len(unit.placements) * part
        cumulative = np.cumsum(weight, axis=1)
        result[channel] = cumulative / cumulative[:, -1:]
    return result


def _cells_for(
    rng: np.random.Generator, chances: dict[int, np.ndarray], channel: np.ndarray, day: np.ndarray
) -> np.ndarray:
    """A cell for each click of a channel and day."""
    chance = rng.random(len(day))
    cell = np.zeros(len(day), dtype=np.int64)
    for number, cumulative in chances.items():
        mine = np.flatnonzero(channel == number)
        if len(mine):
            # one search in all days' curves, laid end to end
            days, width = cumulative.shape
            flat = (cumulative + np.arange(days)[:, None]).ravel()
            found = np.searchsorted(flat, day[mine] + chance[mine], side="right")
            cell[mine] = np.minimum(found - day[mine] * width, width - 1)
    return cell


def _landed(
    rng: np.random.Generator,
    every: tuple[Cell, ...],
    chances: dict[int, np.ndarray],
    visits: Visits,
    calendar: Calendar,
) -> np.ndarray:
    """Page views that a cell's clicks brought, cells x days."""
    paid = np.isin(visits.channel, list(chances))
    day = visits.day[paid]
    cell = _cells_for(rng, chances, visits.channel[paid], day)
    count = np.bincount(cell * calendar.count + day, minlength=len(every) * calendar.count)
    return count.reshape(len(every), calendar.count)


def _cost(
    rng: np.random.Generator,
    every: tuple[Cell, ...],
    clicks: np.ndarray,
    size: Size,
    calendar: Calendar,
) -> np.ndarray:
    """Fen of each cell and day: dearer by 3 % a month, and the more a channel buys on a day."""
    channel = np.array([CHANNEL_IDS.index(cell.channel) for cell in every])
    price = np.zeros(clicks.shape)
    days = np.arange(calendar.count)
    for number in np.unique(channel):
        ordinary = CHANNELS[number].views_per_day * size.page_scale / LANDING_SHARE
        ordinary = ordinary * _market(calendar)
        bought = np.clip(clicks[channel == number].sum(axis=0), 1, 0.95 * HILL_CEILING * ordinary)
        now, usual = (
            (x / (1 - x)) ** (1 / HILL_EXPONENT)
            for x in (bought / (HILL_CEILING * ordinary), 1 / HILL_CEILING)
        )
        spend = CLICK_PRICE_FEN[CHANNEL_IDS[number]] * ordinary * now / usual
        spend *= (1 + COST_GROWTH_PER_MONTH) ** (days / 30.4)
        price[channel == number] = spend / bought
    return np.round(clicks * price * rng.lognormal(0, 0.05, clicks.shape)).astype(np.int64)


def _market(calendar: Calendar) -> np.ndarray:
    """Traffic of an ordinary day about each day: four weeks' mean, without weekday and noise."""
    half = min(14, calendar.count // 2)
    total = np.cumsum(np.concatenate([[0.0], calendar.factor]))
    first = np.maximum(np.arange(calendar.count) - half, 0)
    last = np.minimum(np.arange(calendar.count) + half + 1, calendar.count)
    return (total[last] - total[first]) / (last - first)


# ---------------------------------------------------------------------------------- conversions
def _conversions(
    calendar: Calendar, events: PageEvents, people: Persons, orders: Orders
) -> Conversions:
    """Lead forms, first adds of the period, and the first paid order after an add."""
    leads = np.flatnonzero(events.event_type == _LEAD_FORM)
    # customers who came through a page of the period (the others have no campaign)
    adds = np.flatnonzero((people.first_add_ms >= calendar.start_ms) & (people.campaign >= 0))
    bought = np.flatnonzero((orders.paid_ms < NEVER_MS) & (orders.paid_ms < calendar.end_ms))
    bought = bought[np.argsort(orders.paid_ms[bought], kind="stable")]
    _, first = np.unique(orders.person[bought], return_index=True)
    bought = bought[first]
    buyer = orders.person[bought]
    wait = orders.paid_ms[bought] - people.first_add_ms[buyer]
    bought = bought[np.isin(buyer, adds) & (wait >= 0) & (wait < ORDER_CLAIM_DAYS * DAY_MS)]
    buyer = orders.person[bought]
    return Conversions(
        kind=np.repeat([LEAD, ADD, ORDER], [len(leads), len(adds), len(bought)]),
        subject=np.concatenate([leads, adds, bought]),
        person=np.concatenate([events.person[leads], adds, buyer]),
        channel=np.concatenate(
            [events.channel[leads], people.channel[adds], people.channel[buyer]]
        ).astype(np.int64),
        happened_ms=np.concatenate(
            [events.event_ms[leads], people.first_add_ms[adds], orders.paid_ms[bought]]
        ),
        value_fen=np.concatenate(
            [np.zeros(len(leads) + len(adds), dtype=np.int64), orders.order_price_fen[bought]]
        ),
        clicked_ms=np.concatenate(
            [events.event_ms[leads], people.first_add_ms[adds], people.first_add_ms[buyer]]
        ),
    )


def _claims(
    rng: np.random.Generator,
    every: tuple[Cell, ...],
    chances: dict[int, np.ndarray],
    conversions: Conversions,
    calendar: Calendar,
) -> Claims:
    """Own claims and those of platforms that only showed something as well."""
    paid = np.isin(conversions.channel, list(chances))
    own = np.flatnonzero(paid & (rng.random(len(paid)) < OWN_CLAIM_SHARE))
    share = np.where(paid, FOREIGN_CLAIM_SHARE, UNPAID_CLAIM_SHARE)
    foreign = np.flatnonzero(rng.random(len(paid)) < share)
    channels = np.array(list(chances))
    platform_of = np.full(len(CHANNELS), -1)
    for cell in every:
        platform_of[CHANNEL_IDS.index(cell.channel)] = PLATFORMS.index(cell.unit.platform)
    views = np.array([CHANNELS[c].views_per_day for c in channels])
    through = rng.choice(channels, len(foreign), p=views / views.sum())
    differs = platform_of[through] != platform_of[conversions.channel[foreign]]
    foreign, through = foreign[differs], through[differs]

    conversion = np.concatenate([own, foreign])
    channel = np.concatenate([conversions.channel[own], through])
    platform = platform_of[channel]
    happened = conversions.happened_ms[conversion]
    event_day = (happened - calendar.start_ms) // DAY_MS
    delays = np.zeros(len(conversion), dtype=np.int64)
    for number, name in enumerate(PLATFORMS):
        mine = platform == number
        curves = daily_curves(rng, AD_CURVES[name], calendar.count)
        delays[mine] = delays_of(rng, curves, event_day[mine])
    midnight = calendar.start_ms + event_day * DAY_MS
    # at once, or with the batch of the next morning: then the click was `delays` days before that
    visible = np.where(
        delays == 0, happened, morning_of(rng, midnight, np.ones(len(delays), dtype=np.int64))
    )
    request_day = event_day - np.maximum(delays - 1, 0)
    is_order = conversions.kind[conversion] == ORDER
    clicked = (conversions.clicked_ms[conversion] - calendar.start_ms) // DAY_MS
    request_day = np.where(is_order, clicked, request_day)
    event_hour = (happened - midnight) // HOUR_MS
    request_hour = np.where(
        request_day == event_day,
        (event_hour * rng.random(len(delays))).astype(np.int64),
        rng.integers(7, 24, len(delays)),
    )
    cell = _cells_for(rng, chances, channel, np.clip(request_day, 0, calendar.count - 1))
    order = np.lexsort((visible, request_day, cell))
    columns = (
        conversion,
        cell,
        request_day,
        request_hour,
        event_day,
        event_hour,
        visible,
        np.arange(len(conversion)) < len(own),
    )
    return Claims(*(column[order] for column in columns))
