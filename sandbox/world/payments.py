"""Payments outside the store (对外收款): bills in chats, refunds, and the merchant's fund flow."""

from dataclasses import dataclass

import numpy as np

from sandbox.parameters import PAYMENTS_PER_DAY, REFUND_MEDIAN_DAYS, REFUND_SHARE, Size
from sandbox.timeline import DAY_MS, HOUR_MS, NEVER_MS
from sandbox.world.calendar import Calendar
from sandbox.world.people import Persons, Relations
from sandbox.world.randomness import clock_times_ms, hex_ids, stream
from sandbox.world.silence import Silence

MERCHANT = "1900008881"
ITEMS = (
    ("到店护理 60 分钟", 19_800),
    ("一对一肤质咨询", 9_900),
    ("定制礼盒", 32_800),
    ("活动报名费", 5_000),
)
_TYPES, _TYPE_SHARES = (0, 1, 3, 14, 15), (0.45, 0.25, 0.1, 0.1, 0.1)
_HIDDEN_SHARE = 0.04  # received by a payee outside the app's visible range
_FEE = 0.006
REFUND, FEE, PAYMENT, WITHDRAWAL = 1, 2, 3, 4
_OPENING_BALANCE = 200_000


@dataclass
class Payments:
    """One row per payment, ordered by time; and one per entry of the fund flow."""

    transaction_id: np.ndarray
    out_trade_no: np.ndarray
    out_refund_no: np.ndarray
    person: np.ndarray  # -1 where the payer is unknown
    staff: np.ndarray  # -1 for the payee outside the visible range
    kind: np.ndarray
    item: np.ndarray
    quantity: np.ndarray
    total_fen: np.ndarray
    paid_ms: np.ndarray
    refund_asked_ms: np.ndarray
    refunded_ms: np.ndarray
    refund_fen: np.ndarray
    flow_payment: np.ndarray  # -1 for a withdrawal
    flow_kind: np.ndarray
    flow_fen: np.ndarray
    flow_balance_fen: np.ndarray
    flow_ms: np.ndarray


def payments(
    seed: int,
    size: Size,
    calendar: Calendar,
    persons: Persons,
    relations: Relations,
    quiet: Silence,
) -> Payments:
    """Payments of customers who are friends and not silent; 6 % are refunded."""
    rng = stream(seed, "payments")
    r = relations
    per_day = rng.poisson(PAYMENTS_PER_DAY * size.customers / 5_000 * calendar.factor)
    day = np.repeat(np.arange(calendar.count), per_day)
    paid = calendar.start_ms + day * DAY_MS + clock_times_ms(rng, len(day)) // 1000 * 1000
    row = (rng.random(len(day)) * np.searchsorted(r.created_ms, paid)).astype(np.int64)
    ok = (np.minimum(r.customer_deleted_ms, r.removed_ms)[row] > paid) & ~quiet.is_silent(
        r.person[row], paid
    )
    row, paid = row[ok], paid[ok]
    order = np.argsort(paid, kind="stable")
    row, paid = row[order], paid[order]
    count = len(row)
    item = rng.integers(0, len(ITEMS), count)
    quantity = 1 + rng.poisson(0.2, count)
    total = np.array([i[1] for i in ITEMS])[item] * quantity
    refunds = rng.random(count) < REFUND_SHARE
    days = np.maximum(rng.lognormal(np.log(REFUND_MEDIAN_DAYS), 0.6, count), 0.1)
    wait = (days * DAY_MS).astype(np.int64) // 1000 * 1000
    refunded = np.where(refunds & (paid + wait < calendar.end_ms), paid + wait, NEVER_MS)
    asked = np.where(refunded < NEVER_MS, paid + wait // 2000 * 1000, NEVER_MS)
    partial = np.where(rng.random(count) < 0.25, 0.5, 1.0)
    refund = np.where(refunded < NEVER_MS, (total * partial).astype(np.int64), 0)
    hidden = rng.random(count) < _HIDDEN_SHARE
    anonymous = rng.random(count) < 0.02
    number = np.arange(count, dtype=np.int64)
    return Payments(
        transaction_id=(4_200_001_900_000_000_000 + number * 7_919).astype("U28"),
        out_trade_no=hex_ids(rng, count, 24, "st"),
        out_refund_no=hex_ids(rng, count, 24, "rf"),
        person=np.where(anonymous, -1, r.person[row]),
        staff=np.where(hidden, -1, r.staff[row]),
        kind=rng.choice(_TYPES, count, p=_TYPE_SHARES),
        item=item,
        quantity=quantity,
        total_fen=total,
        paid_ms=paid,
        refund_asked_ms=asked,
        refunded_ms=refunded,
        refund_fen=refund,
        **_flow(calendar, paid, total, refunded, refund),
    )


def _flow(
    calendar: Calendar,
    paid: np.ndarray,
    total: np.ndarray,
    refunded: np.ndarray,
    refund: np.ndarray,
) -> dict[str, np.ndarray]:
    """Payment, fee and refund entries with the running balance; every Monday half goes out."""
    number = np.arange(len(paid))
    back = np.flatnonzero(refunded < NEVER_MS)
    fee = np.maximum(np.round(total * _FEE), 1).astype(np.int64)
    payment = np.concatenate([number, number, back])
    kind = np.repeat([PAYMENT, FEE, REFUND], [len(number), len(number), len(back)])
    fen = np.concatenate([total, fee, refund[back]])
    moment = np.concatenate([paid, paid + 1_000, refunded[back]])
    mondays = [
        calendar.start_ms + n * DAY_MS + 10 * HOUR_MS
        for n, day in enumerate(calendar.days)
        if day.weekday() == 0
    ]
    order = np.argsort(moment, kind="stable")
    payment, kind, fen, moment = payment[order], kind[order], fen[order], moment[order]
    sign = np.where(kind == PAYMENT, 1, -1)
    rows = []
    balance, start = _OPENING_BALANCE, 0
    for monday in [*mondays, calendar.end_ms]:
        stop = int(np.searchsorted(moment, monday))
        part = slice(start, stop)
        running = balance + np.cumsum(sign[part] * fen[part])
        rows.append((payment[part], kind[part], fen[part], running, moment[part]))
        balance = int(running[-1]) if len(running) else balance
        start = stop
        if monday < calendar.end_ms and balance > 2 * _OPENING_BALANCE:
            out = balance // 2
            balance -= out
            rows.append(tuple(np.array([v]) for v in (-1, WITHDRAWAL, out, balance, monday)))
    names = ("flow_payment", "flow_kind", "flow_fen", "flow_balance_fen", "flow_ms")
    return {
        name: np.concatenate(column).astype(np.int64)
        for name, column in zip(names, zip(*rows, strict=True), strict=True)
    }
