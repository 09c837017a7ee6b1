"""Orders: listed by time of change, then read one by one."""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from extractors.core.history import earlier_tables
from extractors.core.manifest import Arrival
from extractors.core.paging import NextKey
from extractors.core.stream import UTC_TIMESTAMP, Kind, Personal, Stream, columns
from siyu.calendar import start_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extractors.core.context import PullContext

LANES = 8
ORDERS_PER_PAGE = 100
MAX_RANGE_SECONDS = 7 * 86_400
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
            moves update_time, so windows of update_time are read, one hour overlapping.
    Raises: ApiError 45009 when the day's quota is used up, 48001 without permission.
    """

    source = "wechat_store"
    name = "order"
    kind = Kind.EVENT
    endpoint = "/channels/ec/order/list/get"
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
        ids = list(
            dict.fromkeys(
                order_id for span in self._spans(pull) for order_id in self._listed(pull, span)
            )
        )
        rows = pull.map(
            lambda order_id: flat(
                pull.client.post(self.detail_endpoint, {"order_id": order_id})["order"]
            ),
            ids,
            LANES,
        )
        table = pull.typed(rows)
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
        while start <= (last := int(end.timestamp())):
            stop = min(start + MAX_RANGE_SECONDS, last)
            yield {name: {"start_time": start, "end_time": stop}}
            start = stop + 1

    def _listed(self, pull: "PullContext", span: dict) -> "Iterator[str]":
        body = {**span, "page_size": ORDERS_PER_PAGE}
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


def _later(version: datetime | None, than: datetime | None) -> bool:
    return than is None or (version is not None and version >= than)
