"""Baidu: OpenApiReportService getReportData, by report type, columns, time unit and rows."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import orjson
from starlette.requests import Request

from sandbox.state import State
from sandbox.timeline import date_of_number
from sandbox.vendors.ad_figures import Figures, grouped
from sandbox.vendors.baidu_requests import Partial, days, failure, refuse, whole
from sandbox.vendors.common import is_int, is_texts, joined
from sandbox.world.ad_catalog import AdUnit, deleted_ms
from sandbox.world.ads import Cell

MAX_SPAN_DAYS, MAX_ROWS, MAX_IN = 731, 10_000, 500
PERMISSION = 8103
UNITS_OF_TIME = ("HOUR", "DAY", "WEEK", "MONTH", "SUMMARY")
_ACCOUNT = ("userId", "userName")
_CAMPAIGN = (*_ACCOUNT, "campaignId", "campaignName", "campaignNameStatus")
_ADGROUP = (*_CAMPAIGN, "adGroupId", "adGroupName", "adGroupNameStatus")
# report type -> (attributes, stream that reads it)
TYPES: dict[int, tuple[tuple[str, ...], str]] = {
    170026: (_ACCOUNT, "account_report"),
    2208157: (_ACCOUNT, "account_report"),
    2290316: (_CAMPAIGN, "campaign_report"),
    2284618: (_ADGROUP, "adgroup_report"),
    2665235: ((*_ADGROUP, "creativeId"), "creative_report"),
    2602783: ((*_ADGROUP, "wInfoId"), "keyword_report"),
}
# documented types without figures here: they answer without rows
EMPTY_TYPES = (2307838, 1900005, 5381679, 9718404, 4017932, 970638, 2276038, 2330652)
_DETAILS = (1, 2, 3, 5, 10, 14, 17, 18, 30, 35, 67, 68, 79, 89, 92)
_KIND_OF_DETAIL = {3: "lead", 10: "order", 14: "order", 79: "add"}


def _detail(number: int) -> str:
    """The platform misspells one of them."""
    return "ocpcConvertsionsDetail3" if number == 3 else f"ocpcConversionsDetail{number}"


# column -> counter; default columns are on the day of the click, `ct` on that of the conversion
COUNTS = {
    "impression": "impressions",
    "click": "clicks",
    "ocpcConversions": "request7:lead+add",
    "ctOCPCConversions": "event:lead+add",
    "deepOCPCConversions": "request7:order",
    "ctDeepOCPCConversions": "event:order",
    **{_detail(n): f"request7:{kind}" for n, kind in _KIND_OF_DETAIL.items()},
    **{f"ctOCPCConversionsDetail{n}": f"event:{kind}" for n, kind in _KIND_OF_DETAIL.items()},
}
ZEROS = tuple(_detail(n) for n in _DETAILS if n not in _KIND_OF_DETAIL) + tuple(
    f"ctOCPCConversionsDetail{n}" for n in _DETAILS if n not in _KIND_OF_DETAIL
)
COST = "cost"
RATES = ("ctr", "cpc", "cpm")
_PER_DETAIL = tuple(f"{_detail(n)}{part}" for n in _DETAILS for part in ("Cost", "CVR"))
METRICS = (*COUNTS, *ZEROS, COST, *RATES, *_PER_DETAIL)
_COMPARE: dict[str, Callable[[Any, list], bool]] = {
    "GT": lambda x, v: x > v[0],
    "GTE": lambda x, v: x >= v[0],
    "LT": lambda x, v: x < v[0],
    "LTE": lambda x, v: x <= v[0],
    "EQ": lambda x, v: x == v[0],
    "NOT_EQ": lambda x, v: x != v[0],
    "IN": lambda x, v: x in v,
    "NOT_IN": lambda x, v: x not in v,
}


@dataclass(frozen=True)
class Ask:
    """A checked question."""

    account: str
    type: int
    unit: str
    first: int
    last: int
    columns: tuple[str, ...]
    sorts: tuple[tuple[str, bool], ...]
    filters: tuple[tuple[str, str, tuple], ...]
    with_sum: bool


class Reports:
    """Rows by column name, as visible at the virtual now."""

    def __init__(self, state: State, users: dict[str, int]) -> None:
        """Everything is computed from the state's world at its virtual now.

        Args:
            state: world and clock.
            users: account -> user id.
        """
        self._state = state
        self._users = users
        self.figures = Figures(state, "baidu")

    def get(self, request: Request, account: str, body: dict) -> bytes:
        """GetReportData: `data` is an array with one report.

        Raises:
            Partial: some of the userIds may not be read; the others' rows are there.
        """
        del request
        ask = self.checked(account, body)
        start, count = whole(body, "startRow", 0, 0), whole(body, "rowCount", 1_000, 1)
        rows, summary = self.figures.cached(ask, lambda: self._ready(ask))
        shown = rows[start : start + min(count, MAX_ROWS)]
        head = {"rowCount": len(shown), "totalRowCount": len(rows)}
        tail = {"summary": summary} if ask.with_sum else None
        answer = b'{"data":[' + joined(head, "rows", shown, tail) + b"]}"
        if foreign := self._foreign(account, body):
            raise Partial(
                answer,
                [failure(PERMISSION, "no permission", "body.userIds", user) for user in foreign],
            )
        return answer

    def _ready(self, ask: Ask) -> tuple[list[bytes], dict]:
        rows, summary = self.rows(ask)
        return [orjson.dumps(row) for row in rows], summary

    # --------------------------------------------------------------------------------- checks
    def _foreign(self, account: str, body: dict) -> list[int]:
        """The user ids asked for that are not the caller's."""
        asked = body.get("userIds") or []
        if not isinstance(asked, list) or not all(is_int(user) for user in asked):
            raise refuse("userIds", "must be an array of integers")
        foreign = [user for user in asked if user != self._users[account]]
        if asked and len(foreign) == len(asked):
            raise refuse("userIds", "has none that you may read")
        return foreign

    def checked(self, account: str, body: dict) -> Ask:
        """The question, or a refusal that names the parameter."""
        self._foreign(account, body)
        type_ = body.get("reportType")
        if not is_int(type_) or (type_ not in TYPES and type_ not in EMPTY_TYPES):
            raise refuse("reportType", "is unknown")
        unit = body.get("timeUnit")
        if unit not in UNITS_OF_TIME:
            raise refuse("timeUnit", f"must be one of {', '.join(UNITS_OF_TIME)}")
        first, last = days(self._state, body, MAX_SPAN_DAYS)
        columns = body.get("columns")
        if not is_texts(columns) or not columns:
            raise refuse("columns", "must be an array of strings")
        known = ("date", *TYPES[type_][0], *METRICS) if type_ in TYPES else tuple(columns)
        if wrong := [c for c in columns if c not in known]:
            raise refuse("columns", f"{', '.join(wrong)} not in this report")
        if type_ in TYPES and not set(columns) & set(METRICS):
            raise refuse("columns", "need at least one metric")
        return Ask(
            account=account,
            type=type_,
            unit=unit,
            first=first,
            last=last,
            columns=tuple(dict.fromkeys(columns)),
            sorts=_sorts(body.get("sorts") or [], columns),
            filters=_filters(body.get("filters") or [], known),
            with_sum=body.get("needSum") is True,
        )

    # ----------------------------------------------------------------------------------- rows
    def rows(self, ask: Ask) -> tuple[list[dict], dict]:
        """All rows, and the sum of the metrics over them."""
        if ask.type not in TYPES:
            return [], {}
        columns, counters = self.figures.table(
            ask.account,
            TYPES[ask.type][1],
            {**COUNTS, COST: "cost_fen"},
            (ask.first, ask.last),
            hourly=ask.unit == "HOUR",
        )
        times = [_time(ask, date_, hour) for date_, hour in columns]
        cells = self.figures.cells(ask.account)
        keys = [self._key(ask, cell) for cell in cells]
        found = []
        for time, key, sums in grouped(keys, times, counters):
            row = {"date": time, **dict(key), **_metrics(sums)}
            if all(_COMPARE[operator](row[c], list(v)) for c, operator, v in ask.filters):
                found.append((row, sums))
        for column, descending in reversed(ask.sorts):
            found.sort(key=lambda f: f[0][column], reverse=descending)
        total = {name: sum(sums[name] for _, sums in found) for name in counters}
        wanted = [c for c in ask.columns if c in METRICS]
        summed = _metrics(total) if total else {}
        return (
            [{c: row[c] for c in ask.columns} for row, _ in found],
            {c: summed[c] for c in wanted},
        )

    def _key(self, ask: Ask, cell: Cell) -> tuple:
        unit = cell.unit
        campaign = [
            c.unit
            for c in self.figures.cells(ask.account)
            if c.unit.campaign_id == unit.campaign_id
        ]
        values: dict[str, Any] = {
            "userId": self._users[ask.account],
            "userName": "siyu-baidu",
            "campaignId": unit.campaign_id,
            "campaignName": unit.campaign_name,
            "campaignNameStatus": unit.campaign_name + self._mark(campaign),
            "adGroupId": unit.unit_id,
            "adGroupName": unit.unit_name,
            "adGroupNameStatus": unit.unit_name + self._mark([unit]),
            "creativeId": unit.creative_id(cell.creative),
            "wInfoId": unit.creative_id(cell.creative) + 500_000,
        }
        attributes = TYPES[ask.type][0]
        # the report's own object always makes a row; what is not asked for is not shown
        return tuple((name, values[name]) for name in attributes)

    def _mark(self, units: list[AdUnit]) -> str:
        """What the platform appends to the name of an object that is deleted."""
        calendar, now = self._state.world.calendar, self._state.now_ms
        return "[已删除]" if all(deleted_ms(unit, calendar) <= now for unit in units) else ""


def _sorts(given: Any, columns: list[str]) -> tuple[tuple[str, bool], ...]:
    if not isinstance(given, list) or len(given) > 2:
        raise refuse("sorts", "must be an array of at most 2")
    sorts = []
    for item in given:
        column = item.get("column") if isinstance(item, dict) else None
        rule = item.get("sortRule", "DESC") if isinstance(item, dict) else None
        if column not in columns or rule not in ("ASC", "DESC"):
            raise refuse("sorts", "need a column that is asked for and sortRule ASC or DESC")
        sorts.append((column, rule == "DESC"))
    return tuple(sorts)


def _filters(given: Any, known: tuple[str, ...]) -> tuple[tuple[str, str, tuple], ...]:
    if not isinstance(given, list):
        raise refuse("filters", "must be an array")
    filters = []
    for item in given:
        column = item.get("column") if isinstance(item, dict) else None
        operator = item.get("operator") if isinstance(item, dict) else None
        values = item.get("values") if isinstance(item, dict) else None
        if column not in known or operator not in _COMPARE or not isinstance(values, list):
            raise refuse("filters", "need column, operator and values")
        if not 0 < len(values) <= MAX_IN:
            raise refuse("filters", f"values are 1 to {MAX_IN}")
        is_text = column == "date" or column.endswith(("Name", "NameStatus"))
        try:
            chosen = tuple(str(v) if is_text else float(v) for v in values)
        except (TypeError, ValueError):
            raise refuse("filters", f"values of {column} must be numbers") from None
        filters.append((column, operator, chosen))
    return tuple(filters)


def _time(ask: Ask, day: date, hour: int) -> str:
    monday = day - timedelta(day.weekday())
    month = day.replace(day=1)
    next_month = (month + timedelta(31)).replace(day=1)
    spans = {
        "WEEK": (monday, monday + timedelta(6)),
        "MONTH": (month, next_month - timedelta(1)),
        "SUMMARY": (date_of_number(ask.first), date_of_number(ask.last)),
    }
    if ask.unit == "HOUR":
        return f"{day} {hour:02d}:00"
    if ask.unit == "DAY":
        return str(day)
    return "{} ~ {}".format(*spans[ask.unit])


def _metrics(sums: dict[str, int]) -> dict[str, Any]:
    """Every metric of summed counters; a rate without denominator is 0."""
    views, clicks, cost = sums["impression"], sums["click"], sums[COST] / 100
    values: dict[str, Any] = {name: sums[name] for name in COUNTS} | dict.fromkeys(ZEROS, 0)
    values[COST] = cost
    values["ctr"] = round(clicks / views, 4) if views else 0
    values["cpc"] = round(cost / clicks, 2) if clicks else 0
    values["cpm"] = round(cost / views * 1000, 2) if views else 0
    for number in _DETAILS:
        count = values[_detail(number)]
        values[f"{_detail(number)}Cost"] = round(cost / count, 2) if count else 0
        values[f"{_detail(number)}CVR"] = round(count / clicks, 4) if clicks else 0
    return values
