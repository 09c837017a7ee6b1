"""WeChat store (微信小店): order ids by time window, and order details."""

import numpy as np
from starlette.routing import Route

from sandbox import faults
from sandbox.state import State
from sandbox.timeline import NEVER_MS, SECOND_MS, day_number
from sandbox.vendors.common import Refusal, decode_cursor, encode_cursor, is_int
from sandbox.vendors.weixin import STORE_APPID, WeixinTokens, post_api
from sandbox.world.orders import (
    CANCELLED,
    COMPLETED,
    CREATED,
    PAID,
    PRODUCTS,
    REFUNDED,
    SHIPPED,
)

_OK = {"errcode": 0, "errmsg": "ok"}
FINDER_ID = "sphSandboxFinder01"
MAX_RANGE_SECONDS = 7 * 86_400
MAX_PAGE = 100
# later in this list wins; asking for a refund changes update_time, not the status
_LIFE = (
    ("created_ms", CREATED),
    ("cancelled_ms", CANCELLED),
    ("paid_ms", PAID),
    ("shipped_ms", SHIPPED),
    ("completed_ms", COMPLETED),
    ("refund_asked_ms", None),
    ("refunded_ms", REFUNDED),
    ("refused_ms", None),
)


class Store:
    """Orders of `shop_main`; every answer has an errcode."""

    def __init__(self, state: State, tokens: WeixinTokens) -> None:
        """Everything is computed from the state's world at its virtual now."""
        self.state = state
        self._tokens = tokens
        self._row = {text: n for n, text in enumerate(state.world.orders.order_id.tolist())}
        self._version = -1

    def routes(self) -> list[Route]:
        """List and detail."""
        return [
            post_api(self._tokens, "/channels/ec/order/list/get", STORE_APPID, self._list),
            post_api(self._tokens, "/channels/ec/order/get", STORE_APPID, self._get),
        ]

    def _refresh(self) -> None:
        """Status and update time of every order at the virtual now."""
        if self._version == self.state.version:
            return
        o = self.state.world.orders
        held = self.state.faults_of("wechat_store", "shop_main", "order")
        born = day_number(o.created_ms)
        self._status = np.zeros(len(born), dtype=np.int64)
        self._updated = np.zeros(len(born), dtype=np.int64)
        self._happened = {}
        for name, status in _LIFE:
            moment = getattr(o, name)
            known = (faults.effective(held, moment, born) <= self.state.now_ms) & (
                moment < NEVER_MS
            )
            self._happened[name] = known
            if status == REFUNDED:  # an order with a part of its money back lives on
                self._status[known & (o.refund_fen == o.order_price_fen)] = status
            elif status is not None:
                self._status[known] = status
            self._updated[known] = np.maximum(self._updated[known], moment[known] // SECOND_MS)
        known = self._happened["created_ms"]
        self._created = np.where(known, o.created_ms // SECOND_MS, 0)
        self._by_update = np.argsort(self._updated, kind="stable")
        self._version = self.state.version

    def _list(self, body: dict) -> dict:
        self._refresh()
        given = [
            (name, body[name])
            for name in ("create_time_range", "update_time_range")
            if body.get(name)
        ]
        if not given:
            raise Refusal(40097, "invalid args: create_time_range or update_time_range needed")
        name, window = given[0]
        start, end = (
            (window.get("start_time"), window.get("end_time"))
            if isinstance(window, dict)
            else (None, None)
        )
        if not is_int(start) or not is_int(end) or end < start or start > 10**11:
            raise Refusal(40097, f"invalid args: {name} needs start_time and end_time in seconds")
        if end - start > MAX_RANGE_SECONDS:
            raise Refusal(40097, f"invalid args: {name} is longer than 7 days")
        size = body.get("page_size", 10)
        if not is_int(size) or not 1 <= size <= MAX_PAGE:
            raise Refusal(40097, f"invalid args: page_size is 1 to {MAX_PAGE}")
        if not isinstance(body.get("next_key"), str):
            raise Refusal(40097, "invalid args: next_key needed, empty on the first page")
        filters = [name, start, end, body.get("status"), body.get("openid")]
        rows = self._window(name, start, end)
        if body.get("status") is not None:
            rows = rows[self._status[rows] == body["status"]]
        if body.get("openid"):
            world = self.state.world
            rows = rows[world.persons.openid[world.orders.person[rows]] == body["openid"]]
        first = 0
        if body["next_key"]:
            position = decode_cursor(body["next_key"], filters)
            if position is None:
                raise Refusal(40097, "invalid args: next_key")
            first = int(position)
        page = rows[first : first + size]
        has_more = first + size < len(rows)
        return _OK | {
            "order_id_list": self.state.world.orders.order_id[page].tolist(),
            "next_key": encode_cursor(str(first + size), filters) if has_more else "",
            "has_more": has_more,
        }

    def _window(self, name: str, start: int, end: int) -> np.ndarray:
        """Rows in a closed window, oldest first."""
        if name == "create_time_range":
            return np.flatnonzero((self._created >= max(start, 1)) & (self._created <= end))
        times = self._updated[self._by_update]
        return self._by_update[
            np.searchsorted(times, max(start, 1)) : np.searchsorted(times, end, "right")
        ]

    def _get(self, body: dict) -> dict:
        self._refresh()
        order_id = body.get("order_id")
        row = self._row.get(order_id) if isinstance(order_id, str) else None
        if row is None or not self._happened["created_ms"][row]:
            raise Refusal(100002, "order not found")
        return _OK | {"order": self.order(row)}

    def order(self, row: int) -> dict:
        """The detail of one order as the platform shows it at the virtual now."""
        self._refresh()
        world, o = self.state.world, self.state.world.orders
        person, product = int(o.person[row]), int(o.product[row])
        title, product_id, unit_price = PRODUCTS[product]
        goods, discount = int(o.product_price_fen[row]), int(o.discounted_price_fen[row])
        freight, total = int(o.freight_fen[row]), int(o.order_price_fen[row])
        happened = {name: bool(known[row]) for name, known in self._happened.items()}
        refunded = happened["refunded_ms"]
        decided = refunded or happened["refused_ms"]
        on_aftersale = int(happened["refund_asked_ms"] and not decided)
        pay_info = {
            "prepay_id": f"up_{o.order_id[row]}",
            "prepay_time": int(o.created_ms[row] // SECOND_MS),
        }
        if happened["paid_ms"]:
            pay_info |= {
                "pay_time": int(o.paid_ms[row] // SECOND_MS),
                "transaction_id": f"42000{o.order_id[row]}",
                "payment_method": 1,
            }
        delivery = {"deliver_method": 0, "delivery_product_info": []}
        if happened["shipped_ms"]:
            delivery["ship_done_time"] = int(o.shipped_ms[row] // SECOND_MS)
        ext = {"order_scene": int(o.scene[row])}
        if happened["completed_ms"]:
            ext["confirm_receipt_time"] = int(o.completed_ms[row] // SECOND_MS)
        if o.live[row] >= 0:
            ext |= {"finder_id": FINDER_ID, "live_id": str(world.live.live_id[o.live[row]])}
        order = {
            "order_id": str(o.order_id[row]),
            "status": int(self._status[row]),
            "openid": str(world.persons.openid[person]),
            "create_time": int(self._created[row]),
            "update_time": int(self._updated[row]),
            "order_detail": {
                "product_infos": [
                    {
                        "product_id": product_id,
                        "sku_id": f"{product_id}01",
                        "title": title,
                        "thumb_img": f"https://store.example.com/{product_id}.jpg",
                        "sku_cnt": int(o.quantity[row]),
                        "sale_price": unit_price,
                        "market_price": unit_price,
                        "real_price": goods - discount,
                        "is_discounted": discount > 0,
                        "on_aftersale_sku_cnt": on_aftersale,
                        "finish_aftersale_sku_cnt": int(refunded),
                    }
                ],
                "pay_info": pay_info,
                "price_info": {
                    "product_price": goods,
                    "order_price": total,
                    "freight": freight,
                    "discounted_price": discount,
                    "is_discounted": discount > 0,
                    "original_order_price": goods + freight,
                    "merchant_receieve_price": goods + freight - discount,
                    "merchant_discounted_price": discount,
                    "finder_discounted_price": 0,
                },
                "delivery_info": delivery,
                "ext_info": ext,
            },
            "aftersale_detail": {
                "on_aftersale_order_cnt": on_aftersale,
                "aftersale_order_list": [],
            },
        }
        if happened["refund_asked_ms"]:
            order["aftersale_detail"]["aftersale_order_list"] = [
                {"aftersale_order_id": f"20{o.order_id[row]}", "status": 2 if decided else 1}
            ]
        if world.persons.unionid[person]:
            order["unionid"] = str(world.persons.unionid[person])
        return order
