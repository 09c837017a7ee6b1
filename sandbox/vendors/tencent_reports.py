"""Tencent daily reports: which rows a day has, and how they grow."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import orjson
from starlette.datastructures import QueryParams

from sandbox import faults
from sandbox.parameters import SITE_SETS
from sandbox.state import State
from sandbox.timeline import DAY_MS, HOUR_MS, date_of_number, day_number, number_of_date
from sandbox.vendors.common import Refusal, is_texts, joined
from sandbox.world.ads import ADGROUPS

PARAMETER = 31033
HISTORY_DAYS, MAX_SPAN_DAYS, MAX_PAGE_SIZE = 365, 90, 2000
LEVELS = {
    "REPORT_LEVEL_ADVERTISER": ("date",),
    "REPORT_LEVEL_ADGROUP": ("date", "adgroup_id", "site_set"),
}
CLOCKS = {
    "REQUEST_TIME": "daily_report_request_time",
    "REPORTING_TIME": "daily_report_reporting_time",
}
COUNTS = ("view_count", "valid_click_count", "cost", "conversions_count", "scan_follow_user_count")
# contract fields that this world has no figures for: asked for, they are absent
_OTHER_FIELDS = frozenset(
    (
        "dynamic_creative_id",
        "dynamic_creative_name",
        "video_id",
        "view_user_count",
        "click_user_count",
        "acquisition_cost",
        "request_conversions_count",
        "deep_conversions_count",
        "deep_conversions_rate",
        "deep_conversions_cost",
        "conversions_by_display_count",
        "conversions_by_click_count",
        "order_pv",
        "order_amount",
        "order_roi",
        "purchase_pv",
        "purchase_amount",
        "scan_follow_count",
        "after_add_wecom_consult_dedup_pv",
        "from_follow_uv",
        "biz_follow_uv",
        "video_outer_play_count",
        "page_reservation_count",
        "overall_leads_purchase_count",
    )
)
_RATES = ("ctr", "cpc", "thousand_display_price", "conversions_rate", "conversions_cost")
FIELDS = (
    frozenset(("date", "account_id", "adgroup_id", "adgroup_name", "site_set", *COUNTS, *_RATES))
    | _OTHER_FIELDS
)


@dataclass(frozen=True)
class Ask:
    """A checked request."""

    account: str
    level: str
    clock: str
    first: int
    last: int
    group_by: tuple[str, ...]
    fields: tuple[str, ...]
    adgroups: frozenset[int] | None
    order_by: tuple[tuple[str, bool], ...]
    page: int
    page_size: int


class Reports:
    """Rows per account, clock, day and cell, as visible at the virtual now."""

    def __init__(self, state: State) -> None:
        """Everything is computed from the state's world at its virtual now."""
        self.state = state
        ads = state.world.ads
        self._account_of_cell = ads.cell_account()
        self._channel_of_cell = np.array([SITE_SETS[s] for s in ads.cell_site_set])
        self._version = -1

    def daily(self, query: QueryParams, trace: str) -> bytes:
        """The answer to daily_reports/get."""
        ask = self._checked(query)
        if self._version != self.state.version:
            self._counts: dict[tuple, dict[str, list]] = {}
            self._fragments: dict[tuple, list[bytes]] = {}
            self._version = self.state.version
        if "date" in ask.group_by and not ask.order_by and ask.adgroups is None:
            rows = [
                fragment
                for day in range(ask.first, ask.last + 1)
                for fragment in self._fragments_of(ask, day)
            ]
        else:
            found = self._rows(ask, ask.first, ask.last)
            for name, descending in reversed(ask.order_by):
                found.sort(key=lambda row: row[name], reverse=descending)
            rows = [orjson.dumps(self._chosen(ask, row)) for row in found]
        total, start = len(rows), (ask.page - 1) * ask.page_size
        page_info = {
            "page": ask.page,
            "page_size": ask.page_size,
            "total_number": total,
            "total_page": -(-total // ask.page_size),
        }
        data = joined({}, "list", rows[start : start + ask.page_size], {"page_info": page_info})
        return (
            b'{"code":0,"message":"","message_cn":"","data":'
            + data
            + b',"trace_id":"'
            + trace.encode()
            + b'"}'
        )

    # --------------------------------------------------------------------------------- checks
    def _checked(self, query: QueryParams) -> Ask:
        level = query.get("level")
        if level not in LEVELS:
            raise Refusal(PARAMETER, f"level must be one of {', '.join(LEVELS)}")
        group_by = _json(query, "group_by")
        if not is_texts(group_by) or not group_by:
            raise Refusal(PARAMETER, "group_by must be a JSON array of strings")
        if wrong := [g for g in group_by if g not in LEVELS[level]]:
            raise Refusal(PARAMETER, f"group_by {wrong} is not allowed at {level}")
        fields = _json(query, "fields")
        if not is_texts(fields) or not 0 < len(fields) <= 1024:
            raise Refusal(PARAMETER, "fields must be a JSON array of 1 to 1024 strings")
        if wrong := [f for f in fields if f not in FIELDS]:
            raise Refusal(PARAMETER, f"fields {wrong} are unknown")
        clock = query.get("time_line", "REQUEST_TIME")
        if clock not in CLOCKS:
            raise Refusal(PARAMETER, f"time_line must be one of {', '.join(CLOCKS)}")
        first, last = self._dates(_json(query, "date_range"))
        order_by = []
        for item in _json(query, "order_by", optional=True) or ():
            name = item.get("sort_field") if isinstance(item, dict) else None
            direction = item.get("sort_type") if isinstance(item, dict) else None
            if name not in COUNTS + tuple(group_by) or direction not in ("ASCENDING", "DESCENDING"):
                raise Refusal(PARAMETER, "order_by needs sort_field and sort_type")
            order_by.append((name, direction == "DESCENDING"))
        return Ask(
            query["account_id"],
            level,
            clock,
            first,
            last,
            tuple(g for g in LEVELS[level] if g in group_by),
            tuple(dict.fromkeys(fields)),
            _adgroups(_json(query, "filtering", optional=True)),
            tuple(order_by),
            _number(query, "page", 1, 99_999),
            _number(query, "page_size", 10, MAX_PAGE_SIZE),
        )

    def _dates(self, given: Any) -> tuple[int, int]:
        try:
            first = number_of_date(date.fromisoformat(given["start_date"]))
            last = number_of_date(date.fromisoformat(given["end_date"]))
        except (KeyError, TypeError, ValueError):
            raise Refusal(
                PARAMETER, "date_range needs start_date and end_date as YYYY-MM-DD"
            ) from None
        today = int(day_number(self.state.now_ms))
        if last < first or last > today:
            raise Refusal(PARAMETER, "date_range must not end before it starts or after today")
        if last - first >= MAX_SPAN_DAYS:
            raise Refusal(PARAMETER, f"date_range is longer than {MAX_SPAN_DAYS} days")
        if first <= today - HISTORY_DAYS:
            raise Refusal(PARAMETER, f"date_range reaches back more than {HISTORY_DAYS} days")
        return first, last

    # ----------------------------------------------------------------------------------- rows
    def _cells(self, account: str, clock: str) -> dict[str, list]:
        """Counters of each cell and day (nested lists) as the platform shows them now."""
        key = (account, clock)
        if key in self._counts:
            return self._counts[key]
        ads, calendar, now = self.state.world.ads, self.state.world.calendar, self.state.now_ms
        held = self.state.faults_of("tencent_ads", account, CLOCKS[clock])
        mine = np.flatnonzero(self._account_of_cell == account)
        number = calendar.first_number + np.arange(calendar.count)
        shape = (len(mine), calendar.count)
        channel = np.broadcast_to(self._channel_of_cell[mine, None], shape)
        ready = faults.effective(
            held, np.broadcast_to(ads.visible_ms, shape), np.broadcast_to(number, shape), channel
        )
        share = np.where(ready <= now, 1.0, self._share_shown(number)[None, :])
        is_held = (ready > now) & (ready > ads.visible_ms[None, :])
        share[is_held] = 0.0
        counts = {
            name: np.floor(getattr(ads, own)[mine] * share).astype(np.int64)
            for name, own in (
                ("view_count", "impressions"),
                ("valid_click_count", "clicks"),
                ("cost", "cost_fen"),
            )
        }
        position = np.full(len(self._account_of_cell), -1)
        position[mine] = np.arange(len(mine))
        day = ads.request_day if clock == "REQUEST_TIME" else ads.reported_day
        chosen = (position[ads.conversion_cell] >= 0) & (day < calendar.count)
        cell, day = position[ads.conversion_cell[chosen]], day[chosen]
        visible = faults.effective(
            held, ads.conversion_visible_ms[chosen], calendar.first_number + day, channel[cell, 0]
        )
        seen = (visible <= now) & ~is_held[cell, day]
        flat = (cell * calendar.count + day)[seen]
        scans = ads.is_scan_follow[chosen][seen]
        for name, weights in (("conversions_count", None), ("scan_follow_user_count", scans)):
            total = np.bincount(flat, weights, minlength=len(mine) * calendar.count)
            counts[name] = total.astype(np.int64).reshape(shape)
        result = {name: values.T.tolist() for name, values in counts.items()}
        result["cells"] = [
            (ADGROUPS[ads.cell_adgroup[c]], ads.cell_site_set[c]) for c in mine.tolist()
        ]
        self._counts[key] = result
        return result

    def _share_shown(self, number: np.ndarray) -> np.ndarray:
        """Part of a day's delivery that shows before it is complete at 08:00 of the next."""
        since = self.state.now_ms - (number * DAY_MS - 8 * HOUR_MS)
        during = np.clip(since / DAY_MS, 0, 1) * 0.9
        after = np.clip((since - DAY_MS) / (8 * HOUR_MS), 0, 1) * 0.08
        return during + after

    def _rows(self, ask: Ask, first: int, last: int) -> list[dict]:
        """Grouped rows of some days, with every known field."""
        counts = self._cells(ask.account, ask.clock)
        base, days = self.state.world.calendar.first_number, self.state.world.calendar.count
        groups: dict[tuple, list[int]] = {}
        names: dict[tuple, str] = {}
        for day in range(max(first, base), min(last, base + days - 1) + 1):
            columns = [counts[name][day - base] for name in COUNTS]
            for position, (adgroup, site_set) in enumerate(counts["cells"]):
                values = [column[position] for column in columns]
                if not any(values) or (
                    ask.adgroups is not None and adgroup.adgroup_id not in ask.adgroups
                ):
                    continue
                whole = {"date": day, "adgroup_id": adgroup.adgroup_id, "site_set": site_set}
                key = tuple(whole[g] for g in ask.group_by)
                names[key] = adgroup.name
                kept = groups.setdefault(key, [0] * len(COUNTS))
                groups[key] = [a + b for a, b in zip(kept, values, strict=True)]
        rows = []
        for key, values in sorted(groups.items()):
            row: dict[str, Any] = dict(zip(ask.group_by, key, strict=True))
            if "date" in row:
                row["date"] = date_of_number(row["date"]).isoformat()
            if "adgroup_id" in row:
                row["adgroup_name"] = names[key]
            rows.append(
                {"account_id": int(ask.account), **row, **dict(zip(COUNTS, values, strict=True))}
            )
        return rows

    def _fragments_of(self, ask: Ask, day: int) -> list[bytes]:
        """Ready JSON of one day's rows."""
        key = (ask.account, ask.clock, ask.level, ask.group_by, ask.fields, day)
        if key not in self._fragments:
            self._fragments[key] = [
                orjson.dumps(self._chosen(ask, row)) for row in self._rows(ask, day, day)
            ]
        return self._fragments[key]

    @staticmethod
    def _chosen(ask: Ask, row: dict) -> dict:
        """Only the fields asked for; a rate without denominator is 0."""
        views, clicks = row["view_count"], row["valid_click_count"]
        cost, conversions = row["cost"], row["conversions_count"]
        rates = {
            "ctr": round(clicks / views, 4) if views else 0,
            "cpc": round(cost / clicks) if clicks else 0,
            "thousand_display_price": round(cost / views * 1000) if views else 0,
            "conversions_rate": round(conversions / clicks, 4) if clicks else 0,
            "conversions_cost": round(cost / conversions) if conversions else 0,
        }
        known = row | rates
        return {name: known[name] for name in ask.fields if name in known}


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


def _number(query: QueryParams, name: str, default: int, most: int) -> int:
    text = query.get(name, str(default))
    if not text.isdigit() or not 1 <= int(text) <= most:
        raise Refusal(PARAMETER, f"{name} must be 1 to {most}")
    return int(text)


def _adgroups(filtering: Any) -> frozenset[int] | None:
    """The adgroup ids a filter names."""
    if not filtering:
        return None
    chosen: frozenset[int] | None = None
    for item in filtering if isinstance(filtering, list) else [None]:
        if (
            not isinstance(item, dict)
            or item.get("field") != "adgroup_id"
            or item.get("operator") not in ("EQUALS", "IN")
            or not isinstance(item.get("values"), list)
        ):
            raise Refusal(PARAMETER, "filtering: field adgroup_id with EQUALS or IN and values")
        ids = frozenset(int(v) for v in item["values"] if str(v).isdigit())
        chosen = ids if chosen is None else chosen & ids
    return chosen
