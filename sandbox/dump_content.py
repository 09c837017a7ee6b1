"""The truth of content and commerce: followers, videos, live sessions, after-sales."""

import numpy as np

from sandbox.columns import at, date, names, texts
from sandbox.timeline import DAY_MS, HOUR_MS, NEVER_MS, day_number
from sandbox.vendors.store_aftersales import REASONS, asked_fen, status_of
from sandbox.vendors.weixin_datacube import biz_day
from sandbox.world import World
from sandbox.world.content import PURPOSES
from sandbox.world.followers import MESSAGE_TYPES, USER_SOURCES
from sandbox.world.videos import DAYS_SHOWN, DOUYIN_ACCOUNTS, VIDEO_COUNTERS

MORNING_MS, TEN_MS = 8 * HOUR_MS, 10 * HOUR_MS


def _next_day(world: World, index: np.ndarray, clock_ms: int) -> np.ndarray:
    return world.calendar.start_ms + (index + 1) * DAY_MS + clock_ms


def _oa_user_days(world: World) -> dict:
    days = world.oa_days
    day, source = (a.ravel() for a in np.indices(days.new_user.shape))
    return {
        "date": date(world.calendar.first_number + day),
        "user_source": np.array(USER_SOURCES)[source],
        "new_user": days.new_user[day, source],
        "cancel_user": days.cancel_user[day, source],
        "cumulate_user": days.cumulate_user[day],
        "visible_at": at(_next_day(world, day, MORNING_MS)),
    }


def _oa_message_days(world: World) -> dict:
    days = world.oa_days
    day, kind = (a.ravel() for a in np.indices(days.writers.shape))
    return {
        "date": date(world.calendar.first_number + day),
        "msg_type": np.array(MESSAGE_TYPES)[kind],
        "msg_user": days.writers[day, kind],
        "msg_count": days.messages.sum(axis=2)[day, kind],
        "visible_at": at(_next_day(world, day, MORNING_MS)),
    }


def _oa_content_days(world: World) -> dict:
    index = np.arange(world.calendar.count)
    added = np.diff(world.articles.known, axis=2, prepend=0)
    totals = [biz_day(world.articles, added, n) for n in index.tolist()]
    late = world.oa_days.is_late
    return {
        "date": date(world.calendar.first_number + index),
        **{name: np.array([t[name] for t in totals]) for name in totals[0]},
        "is_late": late,
        "visible_at": at(_next_day(world, index, MORNING_MS)),
        "final_at": at(_next_day(world, index + late, MORNING_MS)),
    }


def _videos(world: World) -> dict:
    v = world.videos
    total = v.daily.sum(axis=1)
    return {
        "account": names(DOUYIN_ACCOUNTS, v.account),
        "item_id": v.item_id,
        "video_id": v.video_id,
        "title": v.title,
        "purpose": names(PURPOSES, v.purpose),
        "is_series": v.is_series,
        "is_repeated": v.is_repeated,
        "created_date": date(world.calendar.first_number + v.day),
        "happened_at": at(v.created_ms),
        **{f"final_{name}": total[:, n] for n, name in enumerate(VIDEO_COUNTERS)},
        "visible_at": at(v.created_ms),
    }


def _video_days(world: World) -> dict:
    v = world.videos
    video, age = (a.ravel() for a in np.indices(v.daily.shape[:2]))
    day = v.day[video] + age
    inside = day < world.calendar.count
    video, age, day = video[inside], age[inside], day[inside]
    return {
        "account": names(DOUYIN_ACCOUNTS, v.account[video]),
        "item_id": np.array(v.item_id)[video],
        "date": date(world.calendar.first_number + day),
        **{name: v.daily[video, age, n] for n, name in enumerate(VIDEO_COUNTERS)},
        **{f"first_{name}": v.first[video, age, n] for n, name in enumerate(VIDEO_COUNTERS)},
        "visible_at": at(_next_day(world, day, TEN_MS)),
        "final_at": at(_next_day(world, day + 1, TEN_MS)),
    }


def _account_days(world: World) -> dict:
    d, v = world.account_days, world.videos
    account, day = (a.ravel() for a in np.indices(d.new_fans.shape))
    exists = day >= d.starts[account]
    account, day = account[exists], day[exists]
    sums = np.zeros((*d.new_fans.shape, len(VIDEO_COUNTERS)), dtype=np.int64)
    issued = np.zeros(d.new_fans.shape, dtype=np.int64)
    np.add.at(issued, (v.account, v.day), 1)
    for age in range(DAYS_SHOWN):
        inside = v.day + age < world.calendar.count
        np.add.at(sums, (v.account[inside], v.day[inside] + age), v.daily[inside, age])
    return {
        "account": names(DOUYIN_ACCOUNTS, account),
        "date": date(world.calendar.first_number + day),
        "total_fans": d.total_fans[account, day],
        "new_fans": d.new_fans[account, day],
        "profile_uv": d.profile_uv[account, day],
        "new_issue": issued[account, day],
        **{f"new_{name}": sums[account, day, n] for n, name in enumerate(VIDEO_COUNTERS)},
        "visible_at": at(_next_day(world, day, TEN_MS)),
    }


def _aftersales(world: World) -> dict:
    o = world.orders
    rows = np.flatnonzero(o.refund_asked_ms < NEVER_MS)
    decided = np.minimum(o.refunded_ms, o.refused_ms)[rows]
    return {
        "after_sale_order_id": texts(np.char.add("20", o.order_id[rows])),
        "order_id": texts(o.order_id[rows]),
        "type": np.where(o.is_return[rows], "RETURN", "REFUND"),
        "reason": [REASONS[n % len(REASONS)] for n in rows.tolist()],
        "amount_fen": np.array([asked_fen(o, n) for n in rows.tolist()], dtype=np.int64),
        "refund_fen": o.refund_fen[rows],
        "is_partial": (o.refund_fen[rows] > 0) & (o.refund_fen[rows] < o.order_price_fen[rows]),
        "final_status": [status_of(o, n, is_decided=True) for n in rows.tolist()],
        "happened_at": at(o.refund_asked_ms[rows]),
        "created_date": date(day_number(o.refund_asked_ms[rows])),
        "decided_at": at(decided),
        "visible_at": at(o.refund_asked_ms[rows]),
    }


def _live_sessions(world: World) -> dict:
    live, o = world.live, world.orders
    paid = (o.live >= 0) & (o.paid_ms < NEVER_MS)
    count = len(live.live_id)
    gmv = np.bincount(o.live[paid], o.order_price_fen[paid], minlength=count).astype(np.int64)
    return {
        "live_id": texts(live.live_id),
        "export_id": texts(live.export_id),
        "title": live.title,
        "happened_at": at(live.start_ms),
        "ended_at": at(live.end_ms),
        "date": date(day_number(live.start_ms)),
        "new_watch_uv": live.new_watch_uv,
        "max_online_watch_uv": live.max_online_watch_uv,
        "impression_uv": live.impression_uv,
        "average_watch_seconds": live.watch_seconds,
        "new_follow_uv": live.new_follow_uv,
        "comment_uv": live.comment_uv,
        "paid_orders": np.bincount(o.live[paid], minlength=count),
        "gmv_fen": gmv,
        "visible_at": at(live.start_ms),
    }


CONTENT_TABLES = {
    "oa_user_days": _oa_user_days,
    "oa_message_days": _oa_message_days,
    "oa_content_days": _oa_content_days,
    "videos": _videos,
    "video_days": _video_days,
    "account_days": _account_days,
    "aftersales": _aftersales,
    "live_sessions": _live_sessions,
}
