"""Store compass (罗盘): the shop's own totals of a day, and its live dashboard."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
from starlette.routing import Route

from sandbox import faults
from sandbox.state import State
from sandbox.timeline import (
    DAY_MS,
    HOUR_MS,
    NEVER_MS,
    SECOND_MS,
    day_number,
    day_start_ms,
    number_of_date,
)
from sandbox.vendors.common import Refusal
from sandbox.vendors.store import FINDER_ID
from sandbox.vendors.weixin import STORE_APPID, WeixinTokens, post_api
from sandbox.world.orders import PRODUCTS

_OK = {"errcode": 0, "errmsg": "ok"}
READY_MS = 8 * HOUR_MS
LIVE_SCENE, VIDEO_SCENE, SHARE_SCENE, WINDOW_SCENE = 2, 3, 4, 5
_EMPTY_BLOCKS = (
    "live_comparison_index",
    "live_ec_conversion_metric",
    "live_ec_profile",
    "live_distribution_channel",
    "single_live_ec_spu_data_page_v2",
)


class Compass:
    """Counters are decimal strings; a day shows from 08:00 of the next."""

    def __init__(self, state: State, tokens: WeixinTokens) -> None:
        """Everything is computed from the state's world at its virtual now."""
        self.state = state
        self._tokens = tokens
        o, calendar = state.world.orders, state.world.calendar
        self._paid_day = np.where(
            o.paid_ms < NEVER_MS, day_number(np.minimum(o.paid_ms, 2**53)), -1
        )
        e = state.world.page_events
        clicks = day_number(e.event_ms[e.event_type == 1]) - calendar.first_number
        self._clicks = np.bincount(clicks, minlength=calendar.count)
        self._version = -1

    def routes(self) -> list[Route]:
        """Shop, finder, product and live list; and the live dashboard of the same app."""
        shop = "/channels/ec/compass/shop/"
        handlers = {
            shop + "overall/get": self._overall,
            shop + "live/list/get": self._live_list,
            shop + "finder/list/get": self._finders,
            shop + "product/data/get": self._product,
            "/channels/ec/compass/finder/overall/get": self._finder_overall,
            "/channels/livedashboard/getlivelist": self._sessions,
            "/channels/livedashboard/getlivedata": self._session,
        }
        return [
            post_api(self._tokens, path, STORE_APPID, handler) for path, handler in handlers.items()
        ]

    # ---------------------------------------------------------------------------------- days
    def _refresh(self) -> None:
        if self._version == self.state.version:
            return
        state, calendar = self.state, self.state.world.calendar
        number = calendar.first_number + np.arange(calendar.count)
        held = state.faults_of("wechat_store", "shop_main", "compass_shop_overall")
        visible = calendar.start_ms + (1 + np.arange(calendar.count)) * DAY_MS + READY_MS
        self._is_ready = faults.effective(held, visible, number) <= state.now_ms
        live = state.world.live
        for name in ("live_session", "live_dashboard"):
            held = state.faults_of("wechat_channels_live", "shop_main", name)
            starts = live.start_ms
            known = faults.effective(held, starts, day_number(starts)) <= state.now_ms
            setattr(self, f"_{name}_known", known)
        self._version = state.version

    def _day(self, value: Any, *, newest: int) -> int:
        """The day number behind YYYYMMDD, given as text or number."""
        try:
            day = datetime.strptime(str(value), "%Y%m%d").replace(tzinfo=UTC).date()
        except ValueError:
            raise Refusal(40097, "invalid args: ds is YYYYMMDD") from None
        number = number_of_date(day)
        if number > newest:
            raise Refusal(40097, "invalid args: ds is after the last day with data")
        return number

    def _paid(self, body: dict) -> np.ndarray | None:
        """Orders paid on the asked day; None where the day is not computed."""
        self._refresh()
        today = int(day_number(self.state.now_ms))
        day = self._day(body.get("ds"), newest=today - 1)
        index = day - self.state.world.calendar.first_number
        if not 0 <= index < len(self._is_ready):
            return np.empty(0, dtype=np.int64)
        return np.flatnonzero(self._paid_day == day) if self._is_ready[index] else None

    def _sums(self, rows: np.ndarray) -> dict[str, int]:
        """Payments of some orders and what came back of them until now."""
        o = self.state.world.orders
        refunded = rows[o.refunded_ms[rows] <= self.state.now_ms]
        return {
            "pay_gmv": int(o.order_price_fen[rows].sum()),
            "pay_uv": len(np.unique(o.person[rows])),
            "pay_order_cnt": len(rows),
            "pay_refund_gmv": int(o.refund_fen[refunded].sum()),
        }

    def _gmv(self, rows: np.ndarray, scene: int) -> int:
        o = self.state.world.orders
        return int(o.order_price_fen[rows[o.scene[rows] == scene]].sum())

    def _overall(self, body: dict) -> dict:
        rows = self._paid(body)
        if rows is None:
            return _OK | {"data": {}}
        index = int(self._day(body["ds"], newest=2**31)) - self.state.world.calendar.first_number
        inside = 0 <= index < len(self._clicks)
        data = self._sums(rows) | {
            "product_click_uv": int(self._clicks[index]) if inside else 0,
            "live_pay_gmv": self._gmv(rows, LIVE_SCENE),
            "feed_pay_gmv": self._gmv(rows, VIDEO_SCENE),
        }
        return _OK | {"data": _as_text(data)}

    def _finders(self, body: dict) -> dict:
        rows = self._paid(body)
        if rows is None:
            return _OK | {"finder_list": []}
        rows = rows[self.state.world.orders.live[rows] >= 0]
        sums = self._sums(rows)
        data = {name: sums[name] for name in ("pay_gmv", "pay_uv")} | {
            "pay_product_id_cnt": len(np.unique(self.state.world.orders.product[rows])),
            "refund_gmv": sums["pay_refund_gmv"],
            "pay_refund_gmv": sums["pay_refund_gmv"],
        }
        finder = {"finder_id": FINDER_ID, "finder_nickname": "栀野护肤"}
        return _OK | {"finder_list": [finder | {"data": _as_text(data)}] if len(rows) else []}

    def _product(self, body: dict) -> dict:
        ids = [product_id for _, product_id, _ in PRODUCTS]
        if body.get("product_id") not in ids:
            raise Refusal(100002, "product not found")
        rows = self._paid(body)
        if rows is None:
            return _OK | {"product_info": {"data": {}}}
        o, product = self.state.world.orders, ids.index(body["product_id"])
        rows = rows[o.product[rows] == product]
        sums = self._sums(rows)
        day = self._day(body["ds"], newest=2**31)
        created = (o.product == product) & (day_number(o.created_ms) == day)
        ratio = sums["pay_refund_gmv"] / sums["pay_gmv"] if sums["pay_gmv"] else 0
        data = {
            "pay_gmv": sums["pay_gmv"],
            "create_gmv": int(o.order_price_fen[created].sum()),
            "pay_cnt": sums["pay_order_cnt"],
            "pure_pay_gmv": sums["pay_gmv"] - sums["pay_refund_gmv"],
        }
        info = _as_text(data) | {"pay_refund_ratio": round(ratio, 4)}
        return _OK | {"product_info": {"product_id": body["product_id"], "data": info}}

    def _finder_overall(self, body: dict) -> dict:
        rows = self._paid(body)
        if rows is None:
            return _OK | {"data": {}}
        parts = {
            "live_pay_gmv": self._gmv(rows, LIVE_SCENE),
            "feed_pay_gmv": self._gmv(rows, VIDEO_SCENE),
            "window_pay_gmv": self._gmv(rows, WINDOW_SCENE),
            "product_pay_gmv": self._gmv(rows, SHARE_SCENE),
        }
        total = self._sums(rows)["pay_gmv"]
        data = {"pay_gmv": total, **parts, "other_pay_gmv": total - sum(parts.values())}
        return _OK | {"data": _as_text(data)}

    def _live_list(self, body: dict) -> dict:
        self._refresh()
        if body.get("finder_id") != FINDER_ID:
            raise Refusal(40097, "invalid args: finder_id")
        if self._paid(body) is None:
            return _OK | {"live_list": []}
        live = self.state.world.live
        return _OK | {
            "live_list": [
                {
                    "live_id": str(live.live_id[n]),
                    "live_title": live.title[n],
                    "live_time": str(live.start_ms[n] // SECOND_MS),
                    "live_duration": str((live.end_ms[n] - live.start_ms[n]) // SECOND_MS),
                    "live_cover_img_url": f"https://store.example.com/live/{n}.jpg",
                }
                for n in self._sessions_of(body["ds"]).tolist()
            ]
        }

    # ---------------------------------------------------------------------------------- live
    def _sessions_of(self, ds: Any) -> np.ndarray:
        day = self._day(ds, newest=int(day_number(self.state.now_ms)))
        start = self.state.world.live.start_ms
        is_of_day = (start >= day_start_ms(day)) & (start < day_start_ms(day + 1))
        return np.flatnonzero(is_of_day & self._live_session_known)

    def _sessions(self, body: dict) -> dict:
        self._refresh()
        live = self.state.world.live
        return _OK | {
            "live_items": [
                {
                    "export_id": str(live.export_id[n]),
                    "create_time": int(live.start_ms[n] // SECOND_MS),
                }
                for n in self._sessions_of(body.get("ds")).tolist()
            ],
            "has_more": False,
        }

    def _session(self, body: dict) -> dict:
        self._refresh()
        live, now_ms = self.state.world.live, self.state.now_ms
        found = np.flatnonzero(live.export_id == body.get("export_id"))
        if not len(found) or not self._live_dashboard_known[found[0]]:
            raise Refusal(100002, "live not found")
        n = int(found[0])
        length = int(live.end_ms[n] - live.start_ms[n])
        share = min(1.0, (now_ms - int(live.start_ms[n])) / length)
        summary = {
            name: int(getattr(live, name)[n] * share)
            for name in (
                "new_watch_uv",
                "max_online_watch_uv",
                "impression_uv",
                "new_follow_uv",
                "comment_uv",
            )
        } | {"average_watch_seconds_per_audience": int(live.watch_seconds[n])}
        o = self.state.world.orders
        rows = np.flatnonzero((o.live == n) & (o.paid_ms <= now_ms))
        sums = self._sums(rows)
        money = {
            "total_gmv": sums["pay_gmv"],
            "total_pay_pv": sums["pay_order_cnt"],
            "total_pay_uv": sums["pay_uv"],
            "refund_amount": sums["pay_refund_gmv"],
            "refund_rate": round(sums["pay_refund_gmv"] / sums["pay_gmv"], 4) if len(rows) else 0,
        }
        blocks = {
            "live_dashboard_data": orjson.dumps({"summary": summary}).decode(),
            "live_ec_data_summary": orjson.dumps(money).decode(),
        }
        return _OK | blocks | dict.fromkeys(_EMPTY_BLOCKS, "{}")


def _as_text(counters: dict[str, int]) -> dict[str, str]:
    return {name: str(value) for name, value in counters.items()}
