"""Write the true world as Parquet: everything that happens, with the time it becomes visible.

Faults are no part of the truth: `visible_at` is when a fact becomes visible without them.
Every timestamp is UTC, every date an Asia/Shanghai day, all money fen, ids in clear.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sandbox.columns import at as _at
from sandbox.columns import date as _date
from sandbox.columns import names as _names
from sandbox.columns import texts as _texts
from sandbox.dump_content import CONTENT_TABLES
from sandbox.dump_wecom import WECOM_TABLES
from sandbox.parameters import (
    CAMPAIGNS,
    CHANNEL_IDS,
    CHANNELS,
    DEVICES,
    EVENT_TYPES,
)
from sandbox.timeline import day_number
from sandbox.world import World
from sandbox.world.ad_catalog import UNITS, created_ms, first_day, last_day
from sandbox.world.ads import ADD, KINDS, LEAD, ORDER
from sandbox.world.articles import COUNTERS, STAT_DAYS
from sandbox.world.content import PURPOSES
from sandbox.world.deliveries import COPY, CUT
from sandbox.world.orders import PRODUCTS
from sandbox.world.pages import PAGES, SITE_ACCOUNTS, SITES

LAYERS = ("high_value", "middle", "long_tail")


def dump(world: World, folder: Path) -> dict[str, int]:
    """Write all tables into a folder and return their row counts."""
    folder.mkdir(parents=True, exist_ok=True)
    counts = {}
    for name, build in TABLES.items():
        table = pa.table(build(world))
        scratch = folder / f".{name}.parquet.tmp"
        pq.write_table(table, scratch, compression="zstd")
        scratch.replace(folder / f"{name}.parquet")
        counts[name] = table.num_rows
    return counts


def _days_of(world: World) -> np.ndarray:
    return world.calendar.first_number + np.arange(world.calendar.count)


def _persons(world: World) -> dict:
    p = world.persons
    return {
        "external_userid": _texts(p.external_userid),
        "unionid": _texts(p.unionid),
        "openid": _texts(p.openid),
        "gender": p.gender,
        "layer": _names(LAYERS, p.layer),
        "chat_id": _names(world.groups.chat_id.tolist(), p.group),
        "is_interactive": p.is_interactive,
        "channel_id": _names(CHANNEL_IDS, p.channel),
        "campaign": _names(CAMPAIGNS, p.campaign),
        "happened_at": _at(p.first_add_ms),
        "first_add_date": _date(day_number(p.first_add_ms)),
        "visible_at": _at(p.first_add_ms),
    }


def _relations(world: World) -> dict:
    r = world.relations
    return {
        "external_userid": _texts(world.persons.external_userid[r.person]),
        "userid": _names(world.staff, r.staff),
        "happened_at": _at(r.created_ms),
        "created_date": _date(day_number(r.created_ms)),
        "add_way": r.add_way,
        "channel_id": _names(CHANNEL_IDS, r.channel),
        "campaign": _names(CAMPAIGNS, r.campaign),
        "has_state": r.has_state,
        "is_first": r.is_first,
        "removed_by_staff_at": _at(r.removed_ms),
        "deleted_by_customer_at": _at(r.customer_deleted_ms),
        "visible_at": _at(r.created_ms),
    }


def _page_events(world: World) -> dict:
    e = world.page_events
    unionid = np.where(e.is_identified, world.persons.unionid[np.maximum(e.person, 0)], "")
    offsets = np.cumsum([0] + [len(c.contents) for c in CHANNELS])
    contents = [content for c in CHANNELS for content in c.contents]
    count = len(e.event_id)
    return {
        "event_id": _texts(e.event_id),
        "event_type": _names(EVENT_TYPES, e.event_type),
        "happened_at": _at(e.event_ms),
        "reported_at": _at(e.reported_ms),
        # nothing happened after its delivery: such a clock is ahead
        "event_date": _date(day_number(np.minimum(e.reported_ms, e.lines.closed_ms[:count]))),
        "visitor_id": _texts(e.visitor_id),
        "unionid": _texts(unionid),
        "external_userid": _names(world.persons.external_userid.tolist(), e.person),
        "page_id": _names(PAGES, e.page),
        "utm_source": _names(CHANNEL_IDS, e.channel),
        "utm_medium": _names([c.utm_medium for c in CHANNELS], e.channel),
        "utm_campaign": _names(CAMPAIGNS, e.campaign),
        "utm_content": _names(contents, offsets[e.channel] + e.content),
        "device": _names(DEVICES, e.device),
        "dwell_seconds": pa.array(e.dwell_seconds, from_pandas=True),
        "account": _names(SITE_ACCOUNTS, e.site),
        "site": _names(SITES, e.site),
        "is_sent_twice": np.isin(np.arange(count), e.lines.row[e.lines.kind == COPY]),
        "is_cut_first": np.isin(np.arange(count), e.lines.row[e.lines.kind == CUT]),
        "is_in_late_file": e.visible_ms > e.lines.closed_ms[:count],
        "visible_at": _at(e.visible_ms),
    }


def _orders(world: World) -> dict:
    o, p = world.orders, world.persons
    return {
        "order_id": _texts(o.order_id),
        "external_userid": _texts(p.external_userid[o.person]),
        "openid": _texts(p.openid[o.person]),
        "unionid": _texts(p.unionid[o.person]),
        "product_id": _names([x[1] for x in PRODUCTS], o.product),
        "quantity": o.quantity,
        "product_price_fen": o.product_price_fen,
        "discounted_price_fen": o.discounted_price_fen,
        "freight_fen": o.freight_fen,
        "order_price_fen": o.order_price_fen,
        "order_scene": o.scene,
        "live_id": _names(world.live.live_id.tolist(), o.live),
        "happened_at": _at(o.created_ms),
        "created_date": _date(day_number(o.created_ms)),
        "paid_at": _at(o.paid_ms),
        "shipped_at": _at(o.shipped_ms),
        "completed_at": _at(o.completed_ms),
        "cancelled_at": _at(o.cancelled_ms),
        "refund_asked_at": _at(o.refund_asked_ms),
        "refunded_at": _at(o.refunded_ms),
        "refund_fen": o.refund_fen,
        "visible_at": _at(o.created_ms),
    }


def _cell_columns(world: World, cell: np.ndarray) -> dict:
    cells = world.ads.cells
    units = [c.unit for c in cells]
    return {
        "platform": _names([u.platform for u in units], cell),
        "account": _names([u.account for u in units], cell),
        "campaign_id": _names([str(u.campaign_id) if u.campaign_id else None for u in units], cell),
        "adgroup_id": _names([str(u.unit_id) for u in units], cell),
        "creative_id": _names([str(c.unit.creative_id(c.creative)) for c in cells], cell),
        "placement": _names([c.placement for c in cells], cell),
        "channel_id": _names([c.channel for c in cells], cell),
    }


def _ad_groups(world: World) -> dict:
    first, every = world.calendar.first_number, np.arange(len(UNITS))
    return {
        "platform": _names([u.platform for u in UNITS], every),
        "account": _names([u.account for u in UNITS], every),
        "campaign_id": _names(
            [str(u.campaign_id) if u.campaign_id else None for u in UNITS], every
        ),
        "campaign_name": _names([u.campaign_name or None for u in UNITS], every),
        "adgroup_id": _names([str(u.unit_id) for u in UNITS], every),
        "adgroup_name": _names([u.unit_name for u in UNITS], every),
        "creatives": np.array([u.creatives for u in UNITS]),
        "first_date": _date(first + np.array([first_day(u, world.calendar) for u in UNITS])),
        "last_date": _date(first + np.array([last_day(u, world.calendar) for u in UNITS])),
        "visible_at": _at(np.array([created_ms(u, world.calendar) for u in UNITS])),
    }


def _ad_days(world: World) -> dict:
    ads = world.ads
    cell, day = (a.ravel() for a in np.indices(ads.clicks.shape))
    runs = ads.impressions.ravel() > 0
    cell, day = cell[runs], day[runs]
    return {
        **_cell_columns(world, cell),
        "date": _date(_days_of(world)[day]),
        "impressions": ads.impressions[cell, day],
        "clicks": ads.clicks[cell, day],
        "cost_fen": ads.cost_fen[cell, day],
        "visible_at": _at(ads.visible_ms[cell, day]),
    }


def _ad_conversions(world: World) -> dict:
    claims, truth, first = world.ads.claims, world.ads.conversions, world.calendar.first_number
    of = claims.conversion
    names = (
        world.page_events.event_id[truth.subject[truth.kind == LEAD]],
        world.persons.external_userid[truth.subject[truth.kind == ADD]],
        world.orders.order_id[truth.subject[truth.kind == ORDER]],
    )
    return {
        **_cell_columns(world, claims.cell),
        "conversion_type": _names(KINDS, truth.kind[of]),
        "conversion_id": _texts(np.concatenate(names)[of]),
        "external_userid": _names(world.persons.external_userid.tolist(), truth.person[of]),
        "value_fen": truth.value_fen[of],
        "is_own": claims.is_own,
        "request_date": _date(first + claims.request_day),
        "request_hour": claims.request_hour,
        "reported_date": _date(first + claims.event_day),
        "reported_hour": claims.event_hour,
        "happened_at": _at(truth.happened_ms[of]),
        "visible_at": _at(claims.visible_ms),
    }


def _articles(world: World) -> dict:
    a = world.articles
    return {
        "msgid": _texts(a.msgid),
        "title": a.title,
        "purpose": _names(PURPOSES, a.purpose),
        "is_tutorial": a.is_tutorial,
        "is_repeated": a.is_repeated,
        "publish_type": a.publish_type,
        "fans": a.fans,
        "published_date": _date(world.calendar.first_number + a.day),
        "happened_at": _at(a.published_ms),
        **{
            f"final_{name}" + ("_fen" if name == "praise_money" else ""): a.known[:, n, -1]
            for n, name in enumerate(COUNTERS)
        },
        "visible_at": _at(a.visible_ms[:, 0]),
    }


def _article_days(world: World) -> dict:
    a = world.articles
    article = np.repeat(np.arange(len(a.day)), STAT_DAYS)
    step = np.tile(np.arange(STAT_DAYS), len(a.day))
    first = world.calendar.first_number
    return {
        "msgid": _texts(a.msgid[article]),
        "published_date": _date(first + a.day[article]),
        "stat_date": _date(first + a.day[article] + step),
        **{
            name + ("_fen" if name == "praise_money" else ""): a.known[article, n, step]
            for n, name in enumerate(COUNTERS)
        },
        "visible_at": _at(a.visible_ms[article, step]),
    }


def _staff_days(world: World) -> dict:
    s = world.staff_days
    staff, day = (a.ravel() for a in np.indices(s.chat_cnt.shape))
    names = (
        "new_apply_cnt",
        "new_contact_cnt",
        "chat_cnt",
        "message_cnt",
        "initial_chat_cnt",
        "initial_message_cnt",
        "negative_feedback_cnt",
        "started_by_customer",
        "answered",
        "reply_seconds",
    )
    return {
        "userid": _names(world.staff, staff),
        "date": _date(_days_of(world)[day]),
        **{name: getattr(s, name)[staff, day] for name in names},
        "visible_at": _at(s.visible_ms[day]),
        "revised_at": _at(s.revised_ms[staff, day]),
    }


def _group_days(world: World) -> dict:
    g = world.groups
    group, day = np.nonzero(g.exists)
    return {
        "chat_id": _texts(g.chat_id[group]),
        "owner": _names(world.staff, g.owner[group]),
        "date": _date(_days_of(world)[day]),
        "is_new": g.is_new[group, day],
        "new_member_cnt": g.new_member_cnt[group, day],
        "member_total": g.member_total[group, day],
        "member_has_msg": g.member_has_msg[group, day],
        "msg_total": g.msg_total[group, day],
        "visible_at": _at(g.visible_ms[day]),
    }


TABLES = {
    "persons": _persons,
    "relations": _relations,
    "page_events": _page_events,
    "orders": _orders,
    "ad_groups": _ad_groups,
    "ad_days": _ad_days,
    "ad_conversions": _ad_conversions,
    "articles": _articles,
    "article_days": _article_days,
    "staff_days": _staff_days,
    "group_days": _group_days,
    **WECOM_TABLES,
    **CONTENT_TABLES,
}
__all__ = ["TABLES", "dump"]
