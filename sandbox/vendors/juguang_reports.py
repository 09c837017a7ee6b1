"""Juguang reports: figures as text with commas, `-` for none, windows that go on growing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from sandbox.state import State
from sandbox.timeline import DAY_MS, date_of_number, day_start_ms, number_of_date
from sandbox.vendors.ad_figures import Figures, grouped, share_when_settled
from sandbox.vendors.ad_post import PARAMETER, day, ids, in_order, one_of, whole
from sandbox.vendors.common import Refusal, is_texts, joined
from sandbox.world.ad_catalog import budget_yuan
from sandbox.world.ads import Cell

MAX_PAGE_SIZE, MAX_IDS = 1_000, 1_000
_CAMPAIGN = ("campaign_id", "campaign_name", "placement")
_UNIT = (*_CAMPAIGN, "unit_id", "unit_name")
LEVELS = {
    "account": (),
    "campaign": _CAMPAIGN,
    "unit": _UNIT,
    "creativity": (*_UNIT, "creativity_id", "creativity_name", "note_id"),
    "keyword": (*_UNIT, "keyword"),
    "note": ("note_id",),
}
SEARCH = "2"
# within an hour of the click
_HOUR = {
    "like": "clicks%18",
    "comment": "clicks%3",
    "collect": "clicks%7",
    "share": "clicks%2",
    "follow": "clicks%2",
    "screenshot": "clicks%1",
    "pic_save": "clicks%1",
}
# within 24 hours of the click: not whole before the day after the next begins
_DAY = {"message_consult": "clicks%6", "initiative_message": "clicks%4"}
COUNTS = {
    "impression": "impressions",
    "click": "clicks",
    **_HOUR,
    **_DAY,
    "leads": "event:lead",
    "valid_leads": "request7:lead",
    "msg_leads_num": "request7:add",
    "wechat_copy_succ_cnt": "request7:add",
    "copied_only": "clicks%2",
    "landing_page_visit": "clicks%85",
    **{f"external_goods_order_{n}": f"request{n}:order" for n in (7, 15, 30)},
}
MONEY = {
    "fee": "cost_fen",
    **{f"external_rgmv_{n}": f"request{n}:order:value" for n in (7, 15, 30)},
}
# no shop and no live room inside Xiaohongshu here
ZEROS = ("goods_visit", "shopping_cart_add", "goods_order", "success_goods_order")
ZERO_MONEY = ("rgmv", "purchase_order_gmv_7d", "clk_live_room_rgmv")
NONE = ("purchase_order_roi_7d", "clk_live_avg_view_time")
_SORTABLE = (*COUNTS, *MONEY)
_FILTERS = (
    "marketing_target",
    "placement",
    "optimize_target",
    "promotion_target",
    "bidding_strategy",
    "build_type",
    "programmatic",
)
# share of a 24-hour window that the first morning sees
_FIRST_MORNING = 0.85


@dataclass(frozen=True)
class Ask:
    """A checked question."""

    account: str
    level: str
    first: int
    last: int
    unit: str
    placements: frozenset[int] | None
    sort: tuple[str, bool] | None


class Reports:
    """Offline days are there from the next morning on; the running day shows in real time."""

    def __init__(self, state: State) -> None:
        """Everything is computed from the state's world at its virtual now."""
        self._state = state
        self._offline = Figures(state, "juguang", share_shown=share_when_settled)
        self._realtime = Figures(state, "juguang")

    def offline(self, level: str) -> Callable[[str, dict], bytes]:
        """report/offline/<level>."""

        def report(account: str, body: dict) -> bytes:
            ask = self._checked(account, level, body)
            rows = self._offline.cached(
                ask, lambda: [orjson.dumps(r) for r in self._offline_rows(ask)]
            )
            page = whole(body, "page_num", 1, 10**6)
            size = whole(body, "page_size", 20, MAX_PAGE_SIZE)
            shown = rows[(page - 1) * size : page * size]
            return joined({"total_count": len(rows)}, "data_list", shown)

        return report

    def realtime(self, level: str) -> Callable[[str, dict], bytes]:
        """report/realtime/<level>: objects with their attributes, and the total of all."""

        def report(account: str, body: dict) -> bytes:
            ask = self._checked(account, level, body | {"time_unit": "SUMMARY"})
            found = self._found(self._realtime, ask, f"realtime_{level}_report")
            page = whole(body, "page_num", 1, 10**6)
            size = whole(body, "page_size", 20, MAX_PAGE_SIZE)
            shown = found[(page - 1) * size : page * size]
            total: dict[str, int] = {}
            for _, _, sums in found:
                total = {name: total.get(name, 0) + value for name, value in sums.items()}
            answer: dict[str, Any] = {
                "page": {"page_index": page, "page_size": size, "total_count": len(found)},
                f"{level}_dtos": [
                    {
                        f"base_{level}_dto": self._attributes(ask, dict(key)),
                        "data": _figures(sums, number=True),
                    }
                    for _, key, sums in shown
                ],
                "total_data": _figures(total, number=True) if total else {},
            }
            return orjson.dumps(answer)

        return report

    # --------------------------------------------------------------------------------- checks
    def _checked(self, account: str, level: str, body: dict) -> Ask:
        first, last = day(body, "start_date"), day(body, "end_date")
        in_order(self._state, first, last)
        split = body.get("split_columns") or []
        if not is_texts(split) or set(split) - {"placement"}:
            raise Refusal(PARAMETER, "split_columns may name placement")
        sort_column, sort = body.get("sort_column"), body.get("sort") or "desc"
        if sort_column and sort_column not in (*_SORTABLE, "time"):
            raise Refusal(PARAMETER, f"sort_column {sort_column} is unknown")
        if sort not in ("asc", "desc"):
            raise Refusal(PARAMETER, "sort must be asc or desc")
        kept = {name: ids(body, name, MAX_IDS) for name in _FILTERS}
        return Ask(
            account=account,
            level=level,
            first=first,
            last=last,
            unit=one_of(body, "time_unit", "DAY", ("DAY", "HOUR", "SUMMARY")),
            placements=kept["placement"],
            sort=(sort_column, sort == "desc") if sort_column else None,
        )

    # ----------------------------------------------------------------------------------- rows
    def _found(
        self, figures: Figures, ask: Ask, stream: str
    ) -> list[tuple[str, tuple, dict[str, int]]]:
        columns, counters = figures.table(
            ask.account,
            stream,
            {**COUNTS, **MONEY},
            (ask.first, ask.last),
            hourly=ask.unit == "HOUR",
        )
        numbers = [number_of_date(date_) for date_, _ in columns]
        for name in _DAY:
            counters[name] = self._one_day_window(counters[name], numbers)
        span = f"{date_of_number(ask.first)} ~ {date_of_number(ask.last)}"
        times = [
            {"DAY": str(date_), "HOUR": f"{date_} {hour:02d}:00", "SUMMARY": span}[ask.unit]
            for date_, hour in columns
        ]
        keys = [_key(ask, cell) for cell in figures.cells(ask.account)]
        found = grouped(keys, times, counters)
        if ask.sort:
            name, descending = ask.sort
            found.sort(key=lambda f: f[0] if name == "time" else f[2][name], reverse=descending)
        return found

    def _one_day_window(self, values: np.ndarray, numbers: Iterable[int]) -> np.ndarray:
        """What a window of 24 hours shows before its end."""
        ends = np.array([day_start_ms(n) + 2 * DAY_MS for n in numbers], dtype=np.int64)
        part = np.floor(values * _FIRST_MORNING).astype(np.int64)
        return np.where(ends[None, :] <= self._state.now_ms, values, part)

    def _offline_rows(self, ask: Ask) -> list[dict]:
        found = self._found(self._offline, ask, f"{ask.level}_report")
        return [
            {"time": time, **dict(key), **_figures(sums, number=False)} for time, key, sums in found
        ]

    def _attributes(self, ask: Ask, key: dict) -> dict:
        """What an object is, beside its figures."""
        if ask.level != "campaign":
            return key
        calendar, now = self._state.world.calendar, self._state.now_ms
        cells = self._realtime.cells(ask.account)
        units = {c.unit for c in cells if c.unit.campaign_id == key["campaign_id"]}
        return key | {
            "campaign_enable": 1,
            "origin_campaign_day_budget": 100 * sum(budget_yuan(u, calendar, now) for u in units),
        }


def _key(ask: Ask, cell: Cell) -> tuple | None:
    unit = cell.unit
    if ask.placements is not None and int(cell.placement) not in ask.placements:
        return None
    if ask.level == "keyword" and cell.placement != SEARCH:
        return None
    creative = unit.creative_id(cell.creative)
    values: dict[str, Any] = {
        "campaign_id": unit.campaign_id,
        "campaign_name": unit.campaign_name,
        "placement": int(cell.placement),
        "unit_id": unit.unit_id,
        "unit_name": unit.unit_name,
        "creativity_id": creative,
        "creativity_name": f"{unit.unit_name}-创意{cell.creative + 1}",
        "note_id": f"{creative:024x}",
        "keyword": unit.unit_name,
    }
    return tuple((name, values[name]) for name in LEVELS[ask.level])


def _figures(sums: dict[str, int], *, number: bool) -> dict[str, Any]:
    """Every figure, as a number or as the text of the offline family."""
    counts = {name: sums[name] for name in COUNTS if name != "copied_only"}
    counts["interaction"] = sum(sums[n] for n in ("like", "comment", "collect", "follow", "share"))
    counts["wechat_copy_cnt"] = sums["copied_only"] + sums["wechat_copy_succ_cnt"]
    counts |= dict.fromkeys(ZEROS, 0)
    money = {name: sums[name] / 100 for name in MONEY} | dict.fromkeys(ZERO_MONEY, 0.0)
    fee, clicks, views = sums["fee"], sums["click"], sums["impression"]
    rates: dict[str, float | None] = {
        "acp": fee / clicks / 100 if clicks else None,
        "cpm": fee / views * 10 if views else None,
        "cpi": fee / counts["interaction"] / 100 if counts["interaction"] else None,
        **{
            f"external_roi_{n}": sums[f"external_rgmv_{n}"] / fee if fee else None
            for n in (7, 15, 30)
        },
        **dict.fromkeys(NONE, None),
    }
    ctr = clicks / views * 100 if views else None
    if number:
        rounded = {name: 0 if v is None else round(v, 2) for name, v in rates.items()}
        return {**counts, **money, **rounded, "ctr": 0 if ctr is None else round(ctr, 2)}
    return {
        **{name: f"{value:,}" for name, value in counts.items()},
        **{name: f"{value:,.2f}" for name, value in money.items()},
        **{name: "-" if v is None else f"{v:,.2f}" for name, v in rates.items()},
        "ctr": "-" if ctr is None else f"{ctr:.2f}%",
    }
