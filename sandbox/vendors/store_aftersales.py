"""WeChat store: after-sale ids by creation time, and their details."""

import numpy as np
from starlette.routing import Route

from sandbox import faults
from sandbox.state import State
from sandbox.timeline import NEVER_MS, SECOND_MS, day_number
from sandbox.vendors.common import Refusal, decode_cursor, encode_cursor, is_int
from sandbox.vendors.weixin import STORE_APPID, WeixinTokens, post_api
from sandbox.world.orders import PRODUCTS

_OK = {"errcode": 0, "errmsg": "ok"}
MAX_RANGE_SECONDS = 86_400
PAGE = 50
REASONS = ("不想要了", "效果不好", "收到商品破损", "拍错/多拍", "与描述不符")


class Aftersales:
    """Refund and return cases of `shop_main`: one for each order whose buyer asked."""

    def __init__(self, state: State, tokens: WeixinTokens) -> None:
        """Everything is computed from the state's world at its virtual now."""
        self.state = state
        self._tokens = tokens
        o = state.world.orders
        self._orders = np.flatnonzero(o.refund_asked_ms < NEVER_MS)
        self._orders = self._orders[np.argsort(o.refund_asked_ms[self._orders], kind="stable")]
        self._row = {f"20{o.order_id[row]}": n for n, row in enumerate(self._orders.tolist())}
        self._version = -1

    def routes(self) -> list[Route]:
        """List and detail."""
        base = "/channels/ec/aftersale/"
        return [
            post_api(self._tokens, base + "getaftersalelist", STORE_APPID, self._list),
            post_api(self._tokens, base + "getaftersaleorder", STORE_APPID, self._get),
        ]

    def _refresh(self) -> None:
        if self._version == self.state.version:
            return
        o, now_ms = self.state.world.orders, self.state.now_ms
        held = self.state.faults_of("wechat_store", "shop_main", "aftersale")
        asked = o.refund_asked_ms[self._orders]
        decided = np.minimum(o.refunded_ms, o.refused_ms)[self._orders]
        self._asked = asked // SECOND_MS
        born = day_number(asked)
        self._is_known = faults.effective(held, asked, born) <= now_ms
        self._is_decided = faults.effective(held, decided, born) <= now_ms
        self._decided = decided // SECOND_MS
        self._version = self.state.version

    def _list(self, body: dict) -> dict:
        self._refresh()
        start, end = body.get("begin_create_time"), body.get("end_create_time")
        if not is_int(start) or not is_int(end) or end < start:
            raise Refusal(40097, "invalid args: begin_create_time and end_create_time in seconds")
        if end - start > MAX_RANGE_SECONDS:
            raise Refusal(40097, "invalid args: the range is longer than 24 hours")
        rows = np.flatnonzero(self._is_known & (self._asked >= start) & (self._asked <= end))
        first, filters = 0, [start, end]
        if body.get("next_key"):
            position = decode_cursor(body["next_key"], filters)
            if position is None:
                raise Refusal(40097, "invalid args: next_key")
            first = int(position)
        page = self._orders[rows[first : first + PAGE]]
        has_more = first + PAGE < len(rows)
        return _OK | {
            "after_sale_order_id_list": [f"20{i}" for i in self.state.world.orders.order_id[page]],
            "next_key": encode_cursor(str(first + PAGE), filters) if has_more else "",
            "has_more": has_more,
        }

    def _get(self, body: dict) -> dict:
        self._refresh()
        number = body.get("after_sale_order_id")
        case = self._row.get(number) if isinstance(number, str) else None
        if case is None or not self._is_known[case]:
            raise Refusal(100002, "after sale order not found")
        o, row = self.state.world.orders, int(self._orders[case])
        is_decided = bool(self._is_decided[case])
        product_id = PRODUCTS[int(o.product[row])][1]
        is_whole = bool(o.refund_fen[row] in (0, o.order_price_fen[row]))
        return _OK | {
            "after_sale_order": {
                "after_sale_order_id": number,
                "order_id": str(o.order_id[row]),
                "openid": str(self.state.world.persons.openid[o.person[row]]),
                "status": status_of(self.state.world.orders, row, is_decided=is_decided),
                "type": "RETURN" if o.is_return[row] else "REFUND",
                "refund_info": {"amount": asked_fen(o, row)},
                "product_info": {
                    "product_id": product_id,
                    "sku_id": f"{product_id}01",
                    "count": int(o.quantity[row]) if is_whole else 1,
                },
                "reason": REASONS[row % len(REASONS)],
                "create_time": int(self._asked[case]),
                "update_time": int((self._decided if is_decided else self._asked)[case]),
            }
        }


def asked_fen(orders: object, row: int) -> int:
    """What the buyer asked back: the refund, or the whole price where it was refused."""
    return int(orders.refund_fen[row] or orders.order_price_fen[row])


def status_of(orders: object, row: int, *, is_decided: bool) -> str:
    """Status text of a case, open or decided."""
    is_return = bool(orders.is_return[row])
    if not is_decided:
        return "USER_WAIT_RETURN" if is_return else "MERCHANT_PROCESSING"
    if orders.refund_fen[row] == 0:
        return "USER_CANCELD" if row % 3 == 0 else "MERCHANT_REJECT_REFUND"
    return "MERCHANT_RETURN_SUCCESS" if is_return else "MERCHANT_REFUND_SUCCESS"
