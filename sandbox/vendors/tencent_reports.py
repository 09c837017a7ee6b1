"""Tencent daily and hourly reports: which rows a day has, and how they grow."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson
from starlette.datastructures import QueryParams

from sandbox.state import State
from sandbox.timeline import date_of_number, day_number, number_of_date
from sandbox.vendors.ad_figures import Figures, grouped, share_of_tencent
from sandbox.vendors.common import Refusal, is_texts, joined
from sandbox.world.ads import Cell

PARAMETER = 31033
HISTORY_DAYS, MAX_SPAN_DAYS, MAX_PAGE_SIZE = 365, 90, 2000
HOURLY_HISTORY_DAYS = 90
DAILY_LEVELS = {
    "REPORT_LEVEL_ADVERTISER": ("date",),
    "REPORT_LEVEL_ADGROUP": ("date", "adgroup_id", "site_set"),
    "REPORT_LEVEL_DYNAMIC_CREATIVE": ("date", "adgroup_id", "dynamic_creative_id", "site_set"),
}
HOURLY_LEVELS = {
    "REPORT_LEVEL_ADVERTISER": ("hour",),
    "REPORT_LEVEL_ADGROUP": ("hour", "adgroup_id"),
    "REPORT_LEVEL_DYNAMIC_CREATIVE": ("hour", "adgroup_id", "dynamic_creative_id"),
}
# time_line -> (clock of the figures, stream name of the daily report)
CLOCKS = {
    "REQUEST_TIME": ("request", "daily_report_request_time"),
    "REPORTING_TIME": ("event", "daily_report_reporting_time"),
}
HOURLY_STREAM = "hourly_report"
# field -> counter of the figures; `clock` stands for that of the time_line
_COUNTERS = {
    "view_count": "impressions",
    "valid_click_count": "clicks",
    "cost": "cost_fen",
    "conversions_count": "clock:lead+add",
    "request_conversions_count": "request:lead+add",
    "scan_follow_user_count": "clock:add",
    "scan_follow_count": "clock:add",
    "page_reservation_count": "clock:lead",
    "deep_conversions_count": "clock:order",
    "order_pv": "clock:order",
    "order_amount": "clock:order:value",
    **{f"order_clk_{n}d_pv": f"request{n}:order" for n in (7, 15, 30)},
    **{f"order_clk_{n}d_amount": f"request{n}:order:value" for n in (7, 15, 30)},
}
COUNTS = tuple(_COUNTERS)
# always needed: they make the rates, and a row is there when one of them is not 0
_BASE = (
    "view_count",
    "valid_click_count",
    "cost",
    "conversions_count",
    "deep_conversions_count",
    "order_amount",
)
# contract fields that this world has no figures for: asked for, they are absent
_OTHER_FIELDS = frozenset(
    (
        "video_id",
        "view_user_count",
        "click_user_count",
        "acquisition_cost",
        "conversions_by_display_count",
        "conversions_by_click_count",
        "purchase_pv",
        "purchase_amount",
        "after_add_wecom_consult_dedup_pv",
        "from_follow_uv",
        "biz_follow_uv",
        "video_outer_play_count",
        "overall_leads_purchase_count",
    )
)
_KEYS = ("date", "hour", "account_id", "adgroup_id", "adgroup_name", "site_set")
_CREATIVE = ("dynamic_creative_id", "dynamic_creative_name")
_RATES = (
    "ctr",
    "cpc",
    "thousand_display_price",
    "conversions_rate",
    "conversions_cost",
    "deep_conversions_rate",
    "deep_conversions_cost",
    "order_roi",
)
FIELDS = frozenset((*_KEYS, *_CREATIVE, *COUNTS, *_RATES)) | _OTHER_FIELDS


@dataclass(frozen=True)
class Ask:
    """A checked request."""

    account: str
    hourly: bool
    clock: str
    stream: str
    first: int
    last: int
    group_by: tuple[str, ...]
    fields: tuple[str, ...]
    adgroups: frozenset[int] | None
    creatives: frozenset[int] | None
    order_by: tuple[tuple[str, bool], ...] = ()
    page: int = 1
    page_size: int = MAX_PAGE_SIZE


class Reports:
    """Rows per account, clock, day and cell, as visible at the virtual now."""

    def __init__(self, state: State) -> None:
        """Everything is computed from the state's world at its virtual now."""
        self.state = state
        self.figures = Figures(state, "tencent_ads", share_shown=share_of_tencent)

    def report(self, query: QueryParams, trace: str, *, hourly: bool = False) -> bytes:
        """The answer to daily_reports/get or hourly_reports/get."""
        ask = self.checked(query, hourly=hourly)
        data = self.figures.cached(ask, lambda: self._page(ask))
        return (
            b'{"code":0,"message":"","message_cn":"","data":'
            + data
            + b',"trace_id":"'
            + trace.encode()
            + b'"}'
        )

    def _page(self, ask: Ask) -> bytes:
        if ask.order_by or ask.hourly:
            found = self.rows(ask, ask.first, ask.last)
            for name, descending in reversed(ask.order_by):
                found.sort(key=lambda row: row[name], reverse=descending)
            rows = [orjson.dumps(chosen(ask, row)) for row in found]
        elif "date" in ask.group_by:
            days = range(ask.first, ask.last + 1)
            rows = [row for day in days for row in self._fragments_of(ask, day)]
        else:
            rows = [orjson.dumps(chosen(ask, r)) for r in self.rows(ask, ask.first, ask.last)]
        total, start = len(rows), (ask.page - 1) * ask.page_size
        page_info = {
            "page": ask.page,
            "page_size": ask.page_size,
            "total_number": total,
            "total_page": -(-total // ask.page_size),
        }
        return joined({}, "list", rows[start : start + ask.page_size], {"page_info": page_info})

    # --------------------------------------------------------------------------------- checks
    def checked(self, query: QueryParams, *, hourly: bool) -> Ask:
        """The request, or a refusal that names what is wrong."""
        levels = HOURLY_LEVELS if hourly else DAILY_LEVELS
        level = query.get("level")
        if level not in levels:
            raise Refusal(PARAMETER, f"level must be one of {', '.join(levels)}")
        group_by = _json(query, "group_by")
        if not is_texts(group_by) or not 0 < len(group_by) <= 10:
            raise Refusal(PARAMETER, "group_by must be a JSON array of 1 to 10 strings")
        if wrong := [g for g in group_by if g not in levels[level]]:
            raise Refusal(PARAMETER, f"group_by {wrong} is not allowed at {level}")
        fields = checked_fields(_json(query, "fields"), "fields")
        clock = query.get("time_line", "REQUEST_TIME")
        if clock not in CLOCKS:
            raise Refusal(PARAMETER, f"time_line must be one of {', '.join(CLOCKS)}")
        first, last = self._dates(_json(query, "date_range"), hourly=hourly)
        filtering = _json(query, "filtering", optional=True)
        return Ask(
            account=query["account_id"],
            hourly=hourly,
            clock=CLOCKS[clock][0],
            stream=HOURLY_STREAM if hourly else CLOCKS[clock][1],
            first=first,
            last=last,
            group_by=tuple(g for g in levels[level] if g in group_by),
            fields=fields,
            adgroups=_filtered(filtering, "adgroup_id"),
            creatives=_filtered(filtering, "dynamic_creative_id"),
            order_by=_order(_json(query, "order_by", optional=True), group_by),
            page=number(query, "page", 1, 99_999),
            page_size=number(query, "page_size", 10, MAX_PAGE_SIZE),
        )

    def _dates(self, given: Any, *, hourly: bool) -> tuple[int, int]:
        try:
            first = number_of_date(date.fromisoformat(given["start_date"]))
            last = number_of_date(date.fromisoformat(given["end_date"]))
        except (KeyError, TypeError, ValueError):
            raise Refusal(
                PARAMETER, "date_range needs start_date and end_date as YYYY-MM-DD"
            ) from None
        today = int(day_number(self.state.now_ms))
        history = HOURLY_HISTORY_DAYS if hourly else HISTORY_DAYS
        if last < first or last > today:
            raise Refusal(PARAMETER, "date_range must not end before it starts or after today")
        if hourly and first != last:
            raise Refusal(PARAMETER, "an hourly report is of one day: start_date = end_date")
        if last - first >= MAX_SPAN_DAYS:
            raise Refusal(PARAMETER, f"date_range is longer than {MAX_SPAN_DAYS} days")
        if first <= today - history:
            raise Refusal(PARAMETER, f"date_range reaches back more than {history} days")
        return first, last

    # ----------------------------------------------------------------------------------- rows
    def rows(self, ask: Ask, first: int, last: int) -> list[dict]:
        """Grouped rows of some days, with every known field."""
        names = {*_BASE, *ask.fields, *(name for name, _ in ask.order_by)}
        wanted = {
            name: spec.replace("clock", ask.clock)
            for name, spec in _COUNTERS.items()
            if name in names
        }
        columns, counters = self.figures.table(
            ask.account, ask.stream, wanted, (first, last), hourly=ask.hourly
        )
        time_name = "hour" if ask.hourly else "date"
        by_time = time_name in ask.group_by
        times: list = [
            "" if not by_time else hour if ask.hourly else day.isoformat() for day, hour in columns
        ]
        keys = [_key(ask, cell) for cell in self.figures.cells(ask.account)]
        found = grouped(keys, times, counters)
        rows = []
        for time, key, values in sorted(found, key=lambda f: (f[0], f[1])):
            row: dict[str, Any] = {"account_id": int(ask.account), **dict(key)}
            if by_time:
                row[time_name] = time
            if ask.hourly:
                row["date"] = date_of_number(first).isoformat()
            rows.append(row | values)
        return rows

    def _fragments_of(self, ask: Ask, day: int) -> list[bytes]:
        """Ready JSON of one day's rows."""
        key = (ask.account, ask.stream, ask.group_by, ask.fields, ask.adgroups, ask.creatives, day)
        return self.figures.cached(
            key, lambda: [orjson.dumps(chosen(ask, row)) for row in self.rows(ask, day, day)]
        )


def _key(ask: Ask, cell: Cell) -> tuple | None:
    """Fields of a row that come from its cell; None where the cell is filtered out."""
    unit, creative = cell.unit, cell.unit.creative_id(cell.creative)
    if ask.adgroups is not None and unit.unit_id not in ask.adgroups:
        return None
    if ask.creatives is not None and creative not in ask.creatives:
        return None
    key: list[tuple[str, Any]] = []
    if "adgroup_id" in ask.group_by:
        key += [("adgroup_id", unit.unit_id), ("adgroup_name", unit.unit_name)]
    if "dynamic_creative_id" in ask.group_by:
        name = f"{unit.unit_name}-创意{cell.creative + 1}"
        key += [("dynamic_creative_id", creative), ("dynamic_creative_name", name)]
    if "site_set" in ask.group_by:
        key.append(("site_set", cell.placement))
    return tuple(key)


def chosen(ask: Ask, row: dict) -> dict:
    """Only the fields asked for; a rate without denominator is 0."""
    views, clicks = row["view_count"], row["valid_click_count"]
    cost, conversions = row["cost"], row["conversions_count"]
    deep = row["deep_conversions_count"]
    rates = {
        "ctr": round(clicks / views, 4) if views else 0,
        "cpc": round(cost / clicks) if clicks else 0,
        "thousand_display_price": round(cost / views * 1000) if views else 0,
        "conversions_rate": round(conversions / clicks, 4) if clicks else 0,
        "conversions_cost": round(cost / conversions) if conversions else 0,
        "deep_conversions_rate": round(deep / clicks, 4) if clicks else 0,
        "deep_conversions_cost": round(cost / deep) if deep else 0,
        "order_roi": round(row["order_amount"] / cost, 4) if cost else 0,
    }
    known = row | rates
    return {name: known[name] for name in ask.fields if name in known}


def checked_fields(fields: Any, name: str) -> tuple[str, ...]:
    """The fields asked for, each once."""
    if not is_texts(fields) or not 0 < len(fields) <= 1024:
        raise Refusal(PARAMETER, f"{name} must be a JSON array of 1 to 1024 strings")
    if wrong := [f for f in fields if f not in FIELDS]:
        raise Refusal(PARAMETER, f"{name} {wrong} are unknown")
    return tuple(dict.fromkeys(fields))


def _json(query: QueryParams, name: str, *, optional: bool = False) -> Any:
    text = query.get(name)
    if text is None:
        if optional:
            return None
        raise Refusal(PARAMETER, f"{name} needed")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Refusal(PARAMETER, f"{name} is not JSON") from None


def number(query: QueryParams, name: str, default: int, most: int) -> int:
    """A number of the query from 1 to the most."""
    text = query.get(name, str(default))
    if not text.isdigit() or not 1 <= int(text) <= most:
        raise Refusal(PARAMETER, f"{name} must be 1 to {most}")
    return int(text)


def _order(given: Any, group_by: list[str]) -> tuple[tuple[str, bool], ...]:
    order_by = []
    for item in given or ():
        name = item.get("sort_field") if isinstance(item, dict) else None
        direction = item.get("sort_type") if isinstance(item, dict) else None
        if name not in (*COUNTS, *group_by) or direction not in ("ASCENDING", "DESCENDING"):
            raise Refusal(PARAMETER, "order_by needs sort_field and sort_type")
        order_by.append((name, direction == "DESCENDING"))
    if len(order_by) > 2:
        raise Refusal(PARAMETER, "order_by has at most 2 items")
    return tuple(order_by)


def _filtered(filtering: Any, field: str) -> frozenset[int] | None:
    """The ids that a filter leaves of a field."""
    left: frozenset[int] | None = None
    if filtering and (not isinstance(filtering, list) or len(filtering) > 40):
        raise Refusal(PARAMETER, "filtering must be a JSON array of 1 to 40 items")
    for item in filtering or ():
        if (
            not isinstance(item, dict)
            or item.get("field") not in ("adgroup_id", "dynamic_creative_id")
            or item.get("operator") not in ("EQUALS", "IN")
            or not isinstance(item.get("values"), list)
            or len(item["values"]) > 100
        ):
            raise Refusal(
                PARAMETER,
                "filtering: field adgroup_id or dynamic_creative_id with EQUALS or IN and values",
            )
        if item["field"] == field:
            ids = frozenset(int(v) for v in item["values"] if str(v).isdigit())
            left = ids if left is None else left & ids
    return left
