"""Store orders: who buys again, what changes after the purchase, what is refunded."""

from dataclasses import dataclass

import numpy as np

from sandbox.parameters import (
    DEAL_RATE_BY_LAYER,
    PARTIAL_REFUND_SHARE,
    REFUND_MEDIAN_DAYS,
    REFUND_SHARE,
    REFUSED_AFTERSALE_SHARE,
    REPURCHASE_LIFT_HIGH_INTERACTION,
    Size,
)
from sandbox.timeline import DAY_MS, HOUR_MS, MINUTE_MS, NEVER_MS
from sandbox.world.calendar import Calendar
from sandbox.world.live import LiveTimes
from sandbox.world.people import Persons, Relations
from sandbox.world.randomness import clock_times_ms, stream
from sandbox.world.silence import Silence

# (title, product id, list price in fen)
PRODUCTS = (
    ("舒缓保湿面膜 10片", "10000021330001", 8_900),
    ("氨基酸洁面乳 120g", "10000021330002", 5_900),
    ("玻色因精华 30ml", "10000021330003", 29_900),
    ("防晒乳 SPF50 50ml", "10000021330004", 12_900),
    ("修护面霜 50g", "10000021330005", 19_900),
    ("护手霜礼盒", "10000021330006", 6_900),
    ("卸妆油 200ml", "10000021330007", 9_900),
    ("旅行套装", "10000021330008", 15_900),
    ("到店护理体验券", "10000021330009", 19_900),
    ("会员年卡", "10000021330010", 39_900),
    ("护肤课程（录播）", "10000021330011", 9_900),
    ("眼霜 15g", "10000021330012", 23_900),
)
# status after each moment of an order's life
CREATED, PAID, SHIPPED, COMPLETED, CANCELLED, REFUNDED = 10, 20, 30, 100, 250, 200
ORDERS_PER_CUSTOMER_DAY = 52 / 5_000
# order scene by channel: 1 other, 2 live room, 3 short video, 4 product share, 6 article card
_SCENE = np.array([1, 3, 1, 1, 3, 1, 4, 6, 2, 3, 4, 1, 1])


@dataclass
class Orders:
    """One row per order, ordered by creation; moments that never come are NEVER_MS."""

    order_id: np.ndarray
    person: np.ndarray
    product: np.ndarray
    quantity: np.ndarray
    product_price_fen: np.ndarray
    discounted_price_fen: np.ndarray
    freight_fen: np.ndarray
    order_price_fen: np.ndarray
    scene: np.ndarray
    live: np.ndarray  # live session that sold it, -1 for none
    created_ms: np.ndarray
    paid_ms: np.ndarray
    shipped_ms: np.ndarray
    completed_ms: np.ndarray
    cancelled_ms: np.ndarray
    refund_asked_ms: np.ndarray
    refunded_ms: np.ndarray
    refused_ms: np.ndarray  # the shop said no, or the customer withdrew
    refund_fen: np.ndarray
    is_return: np.ndarray


def orders(
    seed: int,
    size: Size,
    calendar: Calendar,
    people: Persons,
    relations: Relations,
    quiet: Silence,
    live: LiveTimes,
) -> Orders:
    """Orders of customers who are still reachable and not silent, with repeat purchase."""
    rng = stream(seed, "orders")
    person, day = _buyers(rng, size, calendar, people, relations, quiet)
    created = calendar.start_ms + day * DAY_MS + clock_times_ms(rng, len(person))
    order = np.lexsort((person, created))
    person, created = person[order], created[order]
    count = len(person)
    product = rng.choice(len(PRODUCTS), count, p=_shares())
    quantity = 1 + rng.poisson(0.35, count)
    price = np.array([p[2] for p in PRODUCTS])[product]
    goods = price * quantity
    discount = np.where(
        rng.random(count) < 0.4,
        (goods * rng.choice([0.05, 0.1, 0.15, 0.2], count)).astype(np.int64),
        0,
    )
    freight = np.where(goods - discount < 8_000, 800, 0)

    pays = rng.random(count) >= 0.10
    paid = np.where(
        pays,
        created
        + np.minimum(5_000 + rng.exponential(100_000, count), 25 * MINUTE_MS).astype(np.int64),
        NEVER_MS,
    )
    cancelled = np.where(pays, NEVER_MS, created + 30 * MINUTE_MS)
    shipped = _plus(paid, rng.uniform(0.3, 2.5, count))
    completed = _plus(shipped, rng.uniform(2, 9, count))
    refunds = pays & (rng.random(count) < REFUND_SHARE)
    wait = np.maximum(rng.lognormal(np.log(REFUND_MEDIAN_DAYS), 0.6, count), 0.2)
    refunded = np.where(refunds, _plus(paid, wait), NEVER_MS)
    asked = np.where(refunds, _plus(paid, wait * 0.6), NEVER_MS)
    # a wholly refunded order is not shipped or received any more
    own = stream(seed, "aftersales")
    is_partial = refunds & (own.random(count) < PARTIAL_REFUND_SHARE)
    total = goods - discount + freight
    part = np.where(quantity > 1, (goods - discount) // quantity, (goods - discount) * 3 // 10)
    refund_fen = np.where(refunds, np.where(is_partial, part, total), 0)
    stops = np.where(is_partial, NEVER_MS, refunded)
    shipped = np.where(shipped < stops, shipped, NEVER_MS)
    completed = np.where(completed < stops, completed, NEVER_MS)
    is_refused = pays & ~refunds & (own.random(count) < REFUSED_AFTERSALE_SHARE)
    asked = np.where(is_refused, _plus(paid, own.uniform(1, 10, count)), asked)
    refused = np.where(is_refused, _plus(asked, own.uniform(0.2, 2, count)), NEVER_MS)
    is_return = (asked > shipped) & (own.random(count) < 0.6)
    number = (
        3_700_000_000_000_000_000
        + rng.integers(0, 10**6, count)
        + np.arange(count, dtype=np.int64) * 10**6
    )
    scene = np.where(
        rng.random(count) < 0.6, _SCENE[people.channel[person]], rng.choice([1, 4, 5], count)
    )
    return Orders(
        order_id=number.astype("U19"),
        person=person,
        product=product,
        quantity=quantity,
        product_price_fen=goods,
        discounted_price_fen=discount,
        freight_fen=freight,
        order_price_fen=total,
        scene=scene,
        live=np.where(scene == 2, live.session_at(created), -1),
        created_ms=created,
        paid_ms=paid,
        shipped_ms=shipped,
        completed_ms=completed,
        cancelled_ms=cancelled,
        refund_asked_ms=asked,
        refunded_ms=refunded,
        refused_ms=refused,
        refund_fen=refund_fen,
        is_return=is_return,
    )


def _shares() -> np.ndarray:
    weight = np.array([14, 12, 6, 9, 8, 8, 10, 5, 6, 2, 5, 5], dtype=float)
    return weight / weight.sum()


def _plus(moment: np.ndarray, days: np.ndarray) -> np.ndarray:
    """`days` after, on whole seconds; never stays never."""
    seconds = (days * 86_400).astype(np.int64)
    return np.where(moment < NEVER_MS, (moment // 1000 + seconds) * 1000, NEVER_MS)


def _buyers(
    rng: np.random.Generator,
    size: Size,
    calendar: Calendar,
    people: Persons,
    relations: Relations,
    quiet: Silence,
) -> tuple[np.ndarray, np.ndarray]:
    """Person and day of each order: heterogeneous rates, so that some buy again and again."""
    count = len(people.first_add_ms)
    deal = np.array(list(DEAL_RATE_BY_LAYER.values()))[people.layer]
    spend = np.array([3.0, 1.2, 0.5])[people.layer]
    weight = rng.gamma(0.7, 1, count) * deal * spend
    last_ms = np.zeros(count, dtype=np.int64)
    np.maximum.at(
        last_ms, relations.person, np.minimum(relations.customer_deleted_ms, relations.removed_ms)
    )
    bought = np.zeros(count, dtype=bool)
    chosen, days = [], []
    for day in range(calendar.count):
        now = calendar.start_ms + day * DAY_MS
        known = int(np.searchsorted(people.first_add_ms, now))
        if known == 0:
            continue
        lift = np.where(
            bought[:known] & people.is_interactive[:known], REPURCHASE_LIFT_HIGH_INTERACTION, 1.0
        )
        # a friend of a few days buys more readily
        fresh = 1 + 1.5 * np.exp(-(now - people.first_add_ms[:known]) / (10 * DAY_MS))
        buys = (last_ms[:known] > now + DAY_MS) & (quiet.from_ms[:known] > now + DAY_MS)
        cumulative = np.cumsum(weight[:known] * lift * fresh * buys)
        mean = (
            ORDERS_PER_CUSTOMER_DAY * size.customers * calendar.factor[day] * _reached(known, count)
        )
        picks = np.searchsorted(cumulative, rng.random(rng.poisson(mean)) * cumulative[-1])
        bought[picks] = True
        chosen.append(picks)
        days.append(np.full(len(picks), day))
    return np.concatenate(chosen), np.concatenate(days)


def _reached(known: int, count: int) -> float:
    """Orders grow with the customer base, but less than in step with it."""
    return 0.75 + 0.35 * known / count


# orders move at most this long after their creation
LONGEST_LIFE_MS = 60 * DAY_MS + 12 * HOUR_MS
