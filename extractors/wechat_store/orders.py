"""Orders: listed by time of change, then read one by one."""

from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from extractors.core.stream import UTC_TIMESTAMP, Kind, Personal, Stream, columns

if TYPE_CHECKING:
    from extractors.core.context import PullContext

PRICES = ("order_price", "product_price", "freight", "discounted_price")


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
        order_id=pa.string(), status=pa.int64(), openid=pa.string(), unionid=pa.string(),
        create_time=UTC_TIMESTAMP, update_time=UTC_TIMESTAMP, pay_time=UTC_TIMESTAMP,
        **dict.fromkeys(PRICES, pa.int64()), order_scene=pa.int64(), live_id=pa.string(),
        product_infos=pa.string(), on_aftersale_order_cnt=pa.int64())
    primary_key = ("order_id",)
    version_column = "update_time"
    measures = ("orders", "order_price")
    # what is tracked (paid orders and their price) settles when the payment deadline passes;
    # later changes of status are caught by update_time, whatever the order's age
    revised_for_days = 2
    max_window_days = 7
    personal_columns: ClassVar = {"openid": Personal.PSEUDONYM, "unionid": Personal.PSEUDONYM}

    def extract(self, pull: "PullContext") -> None:
        """List what changed since the last pull, then read each order."""
        raise NotImplementedError
