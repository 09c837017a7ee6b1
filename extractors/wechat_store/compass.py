"""The store's own daily totals, as its compass (罗盘) shows them."""

from datetime import date, time
from typing import TYPE_CHECKING

import pyarrow as pa

from extractors.core.stream import Kind, Stream, columns

if TYPE_CHECKING:
    from extractors.core.context import PullContext

LANES = 4
COUNTERS = (
    "pay_gmv",
    "pay_uv",
    "pay_order_cnt",
    "pay_refund_gmv",
    "product_click_uv",
    "live_pay_gmv",
    "feed_pay_gmv",
)


class CompassShopOverall(Stream):
    """What the store sold on a day, by the platform's own count (小店罗盘 电商数据概览).

    Source: channels/ec/compass/shop/overall/get, as client libraries call it. Its siblings cut the
            same figures by finder, product and live session, which the orders tell themselves.
    Grain:  one row per day (ds).
    Units:  *_gmv in fen, *_uv in persons of the day; counters are decimal text on the wire.
    Late:   the next day (inferred). pay_refund_gmv moves on as refunds arrive, for longer than
            the day is read again: refunds are counted from after-sales, not from here.
    Raises: ApiError 48001 where the compass is not granted.
    """

    source = "wechat_store"
    name = "compass_shop_overall"
    kind = Kind.REPORT
    endpoint = "/channels/ec/compass/shop/overall/get"
    endpoints = ("store_compass_shop_overall",)
    confidence = "sdk; readiness inferred"
    schema = columns(ds=pa.date32(), **dict.fromkeys(COUNTERS, pa.int64()))
    primary_key = ("ds",)
    measures = ("pay_gmv", "pay_order_cnt")
    ready_at = time(10)
    revised_for_days = 7
    max_window_days = 1

    def extract(self, pull: "PullContext") -> None:
        """One call per day; a day without figures is not computed yet."""

        def read(day: date) -> dict:
            return pull.client.post(self.endpoint, {"ds": f"{day:%Y%m%d}"}).get("data") or {}

        landed = {}
        for day, data in zip(pull.dates, pull.map(read, pull.dates, LANES), strict=True):
            if any(data.get(name) not in (None, "") for name in COUNTERS):
                landed[day] = [{**data, "ds": day}]
            else:
                pull.not_ready(day)
        pull.land(landed)
