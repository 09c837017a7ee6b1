"""Orders: listed by time of change, then read one by one."""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from extractors.core.history import earlier_tables, recent_tables
from extractors.core.manifest import Arrival
from extractors.core.paging import NextKey
from extractors.core.parse import integer
from extractors.core.stream import UTC_TIMESTAMP, Kind, Personal, Stream, columns
from siyu.calendar import start_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extractors.core.context import PullContext

LANES = 8
ORDERS_PER_PAGE = 100
DAY_SECONDS = 86_400
MAX_RANGE_SECONDS = 7 * DAY_SECONDS
# how far back changes are looked for that the platform releases with an old update_time
LATE_CHANGE = timedelta(7)
UNPAID = 10
# completed, cancelled by the merchant, refunded whole, cancelled
FINAL_STATUSES = (100, 190, 200, 250)
PRICES = ("order_price", "product_price", "freight", "discounted_price")

KNOWN_ORDER = frozenset(
    {
        "order_id",
        "status",
        "openid",
        "unionid",
        "create_time",
        "update_time",
        "is_present",
        "order_detail",
        "aftersale_detail",
    }
)
# what is not read from here holds addresses, notes, people who shared, or what other streams land
KNOWN_DETAIL = frozenset(
    {
        "product_infos",
        "pay_info",
        "price_info",
        "delivery_info",
        "coupon_info",
        "ext_info",
        "source_infos",
        "commission_infos",
        "sharer_info",
        "sku_sharer_infos",
        "agent_info",
        "settle_info",
        "refund_info",
    }
)
KNOWN_PARTS = {
    "pay_info": frozenset(
        {"prepay_id", "prepay_time", "pay_time", "transaction_id", "payment_method"}
    ),
    "price_info": frozenset(
        {
            *PRICES,
            "is_discounted",
            "original_order_price",
            "estimate_product_price",
            "change_down_price",
            "change_freight",
            "is_change_freight",
            "use_deduction",
            "deduction_price",
            "merchant_receieve_price",
        }
    ),
    "ext_info": frozenset(
        {
            "confirm_receipt_time",
            "finder_id",
            "live_id",
            "order_scene",
            "customer_notes",
            "merchant_notes",
            "commission_handling_progress",
        }
    ),
}


class Order(Stream):
    """Orders of the store, each version that was seen (订单列表, 订单详情).

    Source: channels/ec/order/list/get and order/get, developers.weixin.qq.com/doc/store/shop.
    Grain:  one row per order_id and pull that saw it changed; the highest update_time counts.
            event_date is the business day the order was made.
    Units:  all prices in fen; times in seconds on the wire, UTC timestamps here.
    Late:   near real time; an order changes for weeks (payment, shipment, refund) and each change
            moves update_time, so windows of update_time are read, one hour overlapping. Changes
            that the platform releases late, with an old update_time, are looked for 7 days back.
    Raises: ApiError 45009 when the day's quota is used up, 48001 without permission.
    """

    source = "wechat_store"
    name = "order"
    kind = Kind.EVENT
    endpoint = "/channels/ec/order/list/get"
    endpoints = ("store_order_list", "store_order_get")
    confidence = "documented; detail sdk"
    detail_endpoint = "/channels/ec/order/get"
    schema = columns(
        order_id=pa.string(),
        status=pa.int64(),
        openid=pa.string(),
        unionid=pa.string(),
        create_time=UTC_TIMESTAMP,
        update_time=UTC_TIMESTAMP,
        pay_time=UTC_TIMESTAMP,
        **dict.fromkeys(PRICES, pa.int64()),
        order_scene=pa.int64(),
        live_id=pa.string(),
        product_infos=pa.string(),
        on_aftersale_order_cnt=pa.int64(),
    )
    primary_key = ("order_id",)
    version_column = "update_time"
    measures = ("orders", "order_price")
    # what is tracked (paid orders and their price) settles when the payment deadline passes;
    # later changes of status are caught by update_time, whatever the order's age
    revised_for_days = 2
    max_window_days = 7
    personal_columns: ClassVar = {"openid": Personal.PSEUDONYM, "unionid": Personal.PSEUDONYM}

    def extract(self, pull: "PullContext") -> None:
        """List what changed since the last pull (or was made in a window), then read each order."""
        landed = _newest_landed(pull, pull.clock.as_of - LATE_CHANGE) if pull.since else {}
        late = self._late(pull, landed) if pull.since else []
        listed = [order_id for span in self._spans(pull) for order_id in self._listed(pull, span)]
        ids = list(dict.fromkeys([*late, *listed]))
        rows = pull.map(
            lambda order_id: flat(
                pull.client.post(self.detail_endpoint, {"order_id": order_id})["order"]
            ),
            ids,
            LANES,
        )
        # a version that lies there already would only be a second copy of itself
        table = pull.typed([row for row in rows if _version(row) != landed.get(row["order_id"])])
        timeless = pc.is_null(table["create_time"])
        for order_id in table.filter(timeless)["order_id"].to_pylist():
            pull.reject({"reason": "no create_time", "order_id": order_id})
        pull.land_events(table.filter(pc.invert(timeless)), "create_time")
        for day in pull.landing.collect():
            pull.arrivals += self._arrivals(pull, day)

    def _spans(self, pull: "PullContext") -> "Iterator[dict]":
        """Windows of at most 7 days: of change when following on, of creation in a backfill."""
        name = "create_time_range" if pull.is_explicit else "update_time_range"
        start = int((pull.since or start_of(pull.dates[0])).timestamp())
        end = min(start_of(pull.dates[-1] + timedelta(1)), pull.clock.as_of)
        for first, last in _ranges(start, int(end.timestamp()), MAX_RANGE_SECONDS):
            yield {name: {"start_time": first, "end_time": last}}

    def _late(self, pull: "PullContext", landed: dict[str, tuple]) -> list[str]:
        """Orders that changed before the last pull, which showed them not or in another version.

        Lists are cheap and details are not, and a list tells no version. So an order is read
        again only where it was never landed; where its newest landed version lies outside of the
        day it is listed under; where that version was unpaid (what follows within the day is the
        payment); or where it is listed under a final status that was not landed. What may be
        missed is a step in between, on the same day as the step before it; the next one shows it.
        """
        start, end = pull.clock.as_of - LATE_CHANGE, pull.since
        if start >= end:
            return []
        bounds = int(start.timestamp()), int(end.timestamp()) - 1
        asked = [(span, None) for span in _ranges(*bounds, DAY_SECONDS - 1)]
        asked += [(bounds, status) for status in FINAL_STATUSES]

        def suspects(span_and_status: tuple) -> list[str]:
            (first, last), status = span_and_status
            body: dict = {"update_time_range": {"start_time": first, "end_time": last}}
            if status is not None:
                body["status"] = status

            def is_known(order_id: str) -> bool:
                updated, landed_status = landed.get(order_id, (0, None))
                if status is not None:
                    return landed_status == status
                return first <= updated <= last and landed_status != UNPAID

            return [one for one in self._listed(pull, body) if not is_known(one)]

        return [one for found in pull.map(suspects, asked, LANES) for one in found]

    def _listed(self, pull: "PullContext", asked: dict) -> "Iterator[str]":
        body = {**asked, "page_size": ORDERS_PER_PAGE}
        for page in NextKey().pages(lambda key: pull.client.post(self.endpoint, {**body, **key})):
            yield from map(str, page.get("order_id_list") or ())

    def _arrivals(self, pull: "PullContext", day: date) -> "Iterator[Arrival]":
        """Paid orders of a day and their price, over the newest version of each order."""
        wanted = ["order_id", "update_time", "pay_time", "order_price"]
        newest: dict[str, tuple] = {}
        tables = [*earlier_tables(pull, day, wanted), pull.landing.day(day).select(wanted)]
        for table in tables:  # oldest pull first
            for order_id, *version in zip(
                *(table[name].to_pylist() for name in wanted), strict=True
            ):
                if order_id not in newest or _later(version[0], newest[order_id][0]):
                    newest[order_id] = tuple(version)
        prices = [price or 0 for _, paid_at, price in newest.values() if paid_at]
        yield Arrival(day, "", "orders", len(prices))
        yield Arrival(day, "", "order_price", sum(prices))


def flat(order: dict) -> dict:
    """An order's nested answer as a row; keys that the contract does not know keep their path."""
    detail = order.get("order_detail") or {}
    parts = {name: detail.get(name) or {} for name in KNOWN_PARTS}
    aftersale = order.get("aftersale_detail") or {}
    row = {
        name: order.get(name)
        for name in ("order_id", "status", "openid", "unionid", "create_time", "update_time")
    }
    row |= {price: parts["price_info"].get(price) for price in PRICES}
    row |= {
        "pay_time": parts["pay_info"].get("pay_time"),
        "order_scene": parts["ext_info"].get("order_scene"),
        "live_id": parts["ext_info"].get("live_id") or None,
        "product_infos": detail.get("product_infos") or [],
        "on_aftersale_order_cnt": aftersale.get("on_aftersale_order_cnt"),
    }
    row |= {key: order[key] for key in order.keys() - KNOWN_ORDER}
    row |= {f"order_detail.{key}": detail[key] for key in detail.keys() - KNOWN_DETAIL}
    for name, known in KNOWN_PARTS.items():
        row |= {
            f"order_detail.{name}.{key}": parts[name][key]
            for key in parts[name].keys() - known
            if not key.endswith("_discounted_price")
        }
    return row


def _ranges(start: int, end: int, longest: int) -> "Iterator[tuple[int, int]]":
    """Closed ranges of seconds from start to end, none longer, none overlapping."""
    while start <= end:
        yield start, min(start + longest, end)
        start += longest + 1


def _newest_landed(pull: "PullContext", since: datetime) -> dict[str, tuple[int, int | None]]:
    """Order id -> (update_time in seconds, status) of its newest version landed since a moment.

    A version that was changed since then was landed since then, so nothing older is needed.
    """
    newest: dict[str, tuple[int, int | None]] = {}
    for table in recent_tables(pull, since, ["order_id", "update_time", "status"]):
        for order_id, updated_at, status in zip(
            *(table[name].to_pylist() for name in ("order_id", "update_time", "status")),
            strict=True,
        ):
            updated = int(updated_at.timestamp()) if updated_at else 0
            if updated >= newest.get(order_id, (0, None))[0]:
                newest[order_id] = (updated, status)
    return newest


def _version(row: dict) -> tuple[int, int | None]:
    return integer(row.get("update_time")) or 0, integer(row.get("status"))


def _later(version: datetime | None, than: datetime | None) -> bool:
    return than is None or (version is not None and version >= than)
