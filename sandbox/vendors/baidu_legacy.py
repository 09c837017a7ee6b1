"""Baidu: ReportService/getRealTimeData, the retired report with figures by position."""

from datetime import date, timedelta
from typing import Any

import orjson
from starlette.requests import Request

from sandbox.state import State
from sandbox.timeline import date_of_number
from sandbox.vendors.ad_figures import Figures, grouped
from sandbox.vendors.baidu_requests import days, refuse, whole
from sandbox.vendors.common import is_int, is_texts
from sandbox.world.ads import Cell

MAX_SPAN_DAYS, MAX_ROWS = 367, 10_000
FIGURES = ("cost", "cpc", "click", "impression", "ctr", "cpm", "position", "conversion")
# levelOfDetails -> depth of the path of names
LEVELS = {2: 1, 3: 2, 5: 3, 7: 4, 11: 4}
REPORT_TYPES = (2, 10, 11, 12, 14, 3, 5)
UNITS_OF_TIME = {1: "year", 3: "month", 4: "week", 5: "day", 7: "hour", 8: "range"}
_COUNTERS = {
    "impression": "impressions",
    "click": "clicks",
    "cost": "cost_fen",
    "conversion": "request7:lead+add",
}


class LegacyReports:
    """Answers `kpis` as texts in the order of performanceData."""

    def __init__(self, state: State, figures: Figures) -> None:
        """The same figures as the new report's."""
        self._state = state
        self._figures = figures

    def get(self, request: Request, account: str, body: dict) -> bytes:
        """GetRealTimeData."""
        del request
        asked = body.get("realTimeRequestType")
        if not isinstance(asked, dict):
            raise refuse("realTimeRequestType", "needed")
        wanted = asked.get("performanceData")
        if not is_texts(wanted) or not wanted or set(wanted) - set(FIGURES):
            raise refuse("performanceData", f"must be of {', '.join(FIGURES)}")
        level, unit = asked.get("levelOfDetails", 2), asked.get("unitOfTime", 5)
        if level not in LEVELS or unit not in UNITS_OF_TIME:
            raise refuse("levelOfDetails", "or unitOfTime is unknown")
        if asked.get("reportType") not in REPORT_TYPES:
            raise refuse("reportType", "is unknown")
        ids = asked.get("statIds") or []
        if not isinstance(ids, list) or not all(is_int(i) for i in ids):
            raise refuse("statIds", "must be integers")
        first, last = days(self._state, asked, MAX_SPAN_DAYS)
        number, page = whole(asked, "number", 1_000, 1), whole(asked, "pageIndex", 1, 1)
        if number > MAX_ROWS:
            raise refuse("number", f"is more than {MAX_ROWS}")
        if asked.get("device", 0) not in (0, 1, 2):
            raise refuse("device", "must be 0, 1 or 2")
        rows = self._rows(account, level, UNITS_OF_TIME[unit], (first, last), wanted, ids)
        if asked.get("order"):
            rows.reverse()
        return orjson.dumps({"data": rows[(page - 1) * number : page * number]})

    def _rows(
        self,
        account: str,
        level: int,
        unit: str,
        span: tuple[int, int],
        wanted: list[str],
        ids: list[int],
    ) -> list[dict]:
        columns, counters = self._figures.table(
            account, "campaign_report", _COUNTERS, span, hourly=unit == "hour"
        )
        times = [_time(unit, date_, hour, span) for date_, hour in columns]
        keys = [_key(account, level, cell) for cell in self._figures.cells(account)]
        return [
            {"date": time, "id": key[0], "name": list(key[1]), "kpis": _kpis(sums, wanted)}
            for time, key, sums in grouped(keys, times, counters)
            if not ids or key[0] in ids
        ]


def _key(account: str, level: int, cell: Cell) -> tuple[int, tuple[str, ...]]:
    unit = cell.unit
    creative = unit.creative_id(cell.creative)
    path = (
        (int(account), "siyu-baidu"),
        (unit.campaign_id, unit.campaign_name),
        (unit.unit_id, unit.unit_name),
        (creative, f"创意{cell.creative + 1}")
        if level == 7
        else (creative + 500_000, unit.unit_name),
    )[: LEVELS[level]]
    return path[-1][0], tuple(name for _, name in path)


def _time(unit: str, day: date, hour: int, span: tuple[int, int]) -> str:
    return {
        "year": f"{day.year}",
        "month": f"{day:%Y-%m}",
        "week": str(day - timedelta(day.weekday())),
        "day": str(day),
        "hour": f"{day} {hour:02d}:00:00",
        "range": f"{date_of_number(span[0])} - {date_of_number(span[1])}",
    }[unit]


def _kpis(sums: dict[str, int], wanted: list[str]) -> list[str]:
    views, clicks, cost = sums["impression"], sums["click"], sums["cost"] / 100
    values: dict[str, Any] = {
        "impression": views,
        "click": clicks,
        "cost": f"{cost:.2f}",
        "conversion": sums["conversion"],
        "ctr": f"{clicks / views:.4f}" if views else "0",
        "cpc": f"{cost / clicks:.2f}" if clicks else "0",
        "cpm": f"{cost / views * 1000:.2f}" if views else "0",
        "position": "-",
    }
    return [str(values[name]) for name in wanted]
