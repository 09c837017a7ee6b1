"""Ocean Engine: the custom report v3.0 (自定义报表) and its list of dimensions and metrics."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import orjson

from sandbox.state import State
from sandbox.vendors.ad_figures import Figures, grouped, share_of_oceanengine
from sandbox.vendors.common import Refusal
from sandbox.vendors.oceanengine_requests import (
    PARAMETER,
    day_range,
    objects,
    one_of,
    page_of,
    texts,
    whole,
)
from sandbox.world.ads import Cell

MAX_PAGE_SIZE, MAX_SPAN_DAYS, EARLIEST = 100, 30, date(2016, 10, 26)
TOPICS = (
    "BASIC_DATA",
    "QUERY_DATA",
    "BIDWORD_DATA",
    "MATERIAL_DATA",
    "PRODUCT_DATA",
    "DPA_VIDEO_DATA",
    "DMP_DATA",
    "VIDEO_DUARATION_DATA",
    "ONE_KEY_BOOST_DATA",
    "MATERIAL_BOOST_DATA",
    "UNI_PROJECT_DATA",
    "UNI_PROJECT_MATERIAL_DATA",
    "STD_BASIC_DATA",
    "STD_MATERIAL_DATA",
    "STD_QUERY_DATA",
    "STD_BIDWORD_DATA",
    "STD_PRODUCT_DATA",
    "STD_DMP_DATA",
)
TIMES = ("stat_time_day", "stat_time_hour", "stat_time_week", "stat_time_month")
OBJECTS = ("cdp_project_id", "cdp_project_name", "cdp_promotion_id", "cdp_promotion_name")
# the topics this world has figures for -> their dimensions; the others answer without rows
DIMENSIONS = {
    "BASIC_DATA": (*TIMES, *OBJECTS),
    "MATERIAL_DATA": (*TIMES, *OBJECTS, "material_id"),
}
OTHER_DIMENSIONS = (
    "image_mode",
    "landing_type",
    "external_action",
    "deep_external_action",
    "pricing",
    "app_code",
    "delivery_mode",
    "province_name",
    "city_name",
    "gender",
    "age",
    "ac",
    "platform",
    "query",
    "bidword_id",
    "bidword",
    "material_id",
)
# metric -> counter
COUNTS = {
    "show_cnt": "impressions",
    "click_cnt": "clicks",
    "convert_cnt": "event:lead+add",
    "deep_convert_cnt": "event:order",
    "attribution_convert_cnt": "request30:lead+add",
    "attribution_deep_convert_cnt": "request30:order",
    "attribution_work_wechat_added_count": "request30:add",
    "in_app_order": "event:order",
    "in_app_pay": "event:order",
    "total_play": "impressions%82",
    "valid_play": "impressions%21",
    "play_duration_3s": "impressions%46",
    "play_over": "impressions%9",
}
MONEY = {
    "stat_cost": "cost_fen",
    "in_app_order_gmv": "event:order:value",
    "in_app_pay_gmv": "event:order:value",
}
# metric -> (numerator, denominator, factor), over raw sums: fen for money
RATES = {
    "ctr": ("click_cnt", "show_cnt", 100),
    "cpm_platform": ("stat_cost", "show_cnt", 10),
    "cpc_platform": ("stat_cost", "click_cnt", 0.01),
    "conversion_cost": ("stat_cost", "convert_cnt", 0.01),
    "conversion_rate": ("convert_cnt", "click_cnt", 100),
    "deep_convert_cost": ("stat_cost", "deep_convert_cnt", 0.01),
    "deep_convert_rate": ("deep_convert_cnt", "convert_cnt", 100),
    "attribution_convert_cost": ("stat_cost", "attribution_convert_cnt", 0.01),
    "attribution_deep_convert_cost": ("stat_cost", "attribution_deep_convert_cnt", 0.01),
    "play_over_rate": ("play_over", "total_play", 100),
}
# there is no app and no game here: known to the platform, and zero
ZEROS = ("active", "active_register", "active_pay", "game_pay_count")
METRICS = (*(c for c in COUNTS if c != "play_over"), *MONEY, *RATES, *ZEROS, "avg_rank")
_TESTS: dict[int, Callable[[float, list[float]], bool]] = {
    1: lambda x, v: x == v[0],
    2: lambda x, v: x < v[0],
    3: lambda x, v: x <= v[0],
    4: lambda x, v: x > v[0],
    5: lambda x, v: x >= v[0],
    6: lambda x, v: x != v[0],
    9: lambda x, v: v[0] <= x <= v[-1],
    10: lambda x, v: x in v,
}


@dataclass(frozen=True)
class Ask:
    """A checked question; filters are (field, operator, values)."""

    account: str
    topic: str
    dimensions: tuple[str, ...]
    metrics: tuple[str, ...]
    filters: tuple[tuple[str, int, tuple[str, ...]], ...]
    order_by: tuple[tuple[str, bool], ...]
    first: int
    last: int

    @property
    def stream(self) -> str:
        """The stream that reads this level."""
        if any("promotion" in d or d == "material_id" for d in self.dimensions):
            return "promotion_report"
        return "project_report" if set(self.dimensions) - set(TIMES) else "account_report"


class CustomReports:
    """Rows of strings on both clocks, as visible at the virtual now."""

    def __init__(self, state: State) -> None:
        """Everything is computed from the state's world at its virtual now."""
        self._state = state
        self.figures = Figures(state, "oceanengine", share_shown=share_of_oceanengine)

    def get(self, account: str, asked: dict[str, Any]) -> bytes:
        """report/custom/get."""
        ask = self.checked(account, asked)
        page = whole(asked, "page", 1, 1_000_000)
        size = whole(asked, "page_size", 10, MAX_PAGE_SIZE)
        return self.figures.cached((ask, page, size), lambda: self._page(ask, page, size))

    def _page(self, ask: Ask, page: int, size: int) -> bytes:
        rows, totals = self.figures.cached(ask, lambda: self.rows(ask))
        shown, info = page_of(rows, page, size)
        return orjson.dumps({"rows": shown, "total_metrics": totals, "page_info": info})

    def checked(self, account: str, asked: dict[str, Any]) -> Ask:
        """The question, or a refusal that names the parameter."""
        topic = one_of(asked, "data_topic", "BASIC_DATA", TOPICS)
        dimensions, metrics = texts(asked, "dimensions"), texts(asked, "metrics")
        if wrong := [d for d in dimensions if d not in _dimensions(topic)]:
            raise Refusal(PARAMETER, f"dimensions: {wrong} not available in {topic}")
        if wrong := [m for m in metrics if m not in METRICS]:
            raise Refusal(PARAMETER, f"metrics: {wrong} not available in {topic}")
        if "stat_time_hour" in dimensions and (wrong := [m for m in metrics if m in _NOT_BY_HOUR]):
            raise Refusal(PARAMETER, f"metrics: {wrong} exclude stat_time_hour")
        order_by = []
        for item in objects(asked, "order_by"):
            if item.get("field") not in (*dimensions, *metrics):
                raise Refusal(PARAMETER, "order_by: field must be a chosen dimension or metric")
            if item.get("type", "DESC") not in ("ASC", "DESC"):
                raise Refusal(PARAMETER, "order_by: type must be ASC or DESC")
            order_by.append((item["field"], item.get("type", "DESC") == "DESC"))
        names = ("start_time", "end_time")
        first, last = day_range(
            self._state, asked, names, most_days=MAX_SPAN_DAYS, earliest=EARLIEST
        )
        filters = tuple(_filter(item, topic) for item in objects(asked, "filters"))
        return Ask(account, topic, dimensions, metrics, filters, tuple(order_by), first, last)

    # ----------------------------------------------------------------------------------- rows
    def rows(self, ask: Ask) -> tuple[list[dict], dict]:
        """All rows of the answer, and the totals over all of them."""
        if ask.topic not in DIMENSIONS:
            return [], _metrics(ask, dict.fromkeys((*COUNTS, *MONEY), 0))
        columns, counters = self.figures.table(
            ask.account,
            ask.stream,
            {**COUNTS, **MONEY},
            (ask.first, ask.last),
            hourly="stat_time_hour" in ask.dimensions,
        )
        times = [_time_key(ask, day, hour) for day, hour in columns]
        keys = [_cell_key(ask, cell) for cell in self.figures.cells(ask.account)]
        found = grouped(keys, times, counters)
        kept = []
        for time, key, sums in found:
            dimensions = {**dict(time), **dict(key)}
            values = _values(sums)
            if all(
                _TESTS[operator](values[field], [float(v) for v in wanted])
                for field, operator, wanted in ask.filters
                if field in METRICS
            ):
                kept.append((dimensions, values, sums))
        for field, descending in reversed(ask.order_by):
            kept.sort(key=lambda k: k[0].get(field) or k[1].get(field, 0), reverse=descending)
        totals = {name: sum(sums[name] for _, _, sums in kept) for name in counters}
        return [
            {
                "dimensions": {d: dimensions[d] for d in ask.dimensions},
                "metrics": _metrics(ask, sums),
            }
            for dimensions, _, sums in kept
        ], _metrics(ask, {**dict.fromkeys((*COUNTS, *MONEY), 0), **totals})

    # --------------------------------------------------------------------------------- config
    def config(self, account: str, asked: dict[str, Any]) -> dict:
        """report/custom/config/get: what may be asked for under each topic."""
        del account
        topics = texts(asked, "data_topics")
        if wrong := [t for t in topics if t not in TOPICS]:
            raise Refusal(PARAMETER, f"data_topics: {wrong} unknown")
        return {
            "list": [
                {
                    "data_topic": topic,
                    "dimensions": [_described(d) for d in _dimensions(topic)],
                    "metrics": [
                        {
                            "field": metric,
                            "name": _ZH.get(metric, metric),
                            "description": _ZH.get(metric, metric),
                            "exclusion_dims": ["stat_time_hour"] if metric in _NOT_BY_HOUR else [],
                        }
                        for metric in METRICS
                    ],
                }
                for topic in topics
            ]
        }


_ZH = {
    "stat_time_day": "时间-天",
    "stat_time_hour": "时间-小时",
    "stat_time_week": "时间-周",
    "stat_time_month": "时间-月",
    "cdp_project_id": "项目ID",
    "cdp_project_name": "项目名称",
    "cdp_promotion_id": "单元ID",
    "cdp_promotion_name": "单元名称",
    "material_id": "素材ID",
    "stat_cost": "消耗",
    "show_cnt": "展示数",
    "click_cnt": "点击数",
    "ctr": "点击率",
    "convert_cnt": "转化数",
    "deep_convert_cnt": "深度转化数",
    "conversion_cost": "平均转化成本",
    "conversion_rate": "转化率",
    "attribution_convert_cnt": "转化数(计费时间)",
    "attribution_deep_convert_cnt": "深度转化数(计费时间)",
}
_NOT_BY_HOUR = ("avg_rank",)


def _dimensions(topic: str) -> tuple[str, ...]:
    return DIMENSIONS.get(topic, (*TIMES, *OBJECTS, *OTHER_DIMENSIONS))


def _described(dimension: str) -> dict:
    is_time = dimension in TIMES
    return {
        "field": dimension,
        "name": _ZH.get(dimension, dimension),
        "description": _ZH.get(dimension, dimension),
        "sort_able": True,
        "filter_able": not is_time,
        "filter_config": {
            "type": 2,
            "operator": 7 if dimension.endswith("_name") else 10,
            "value_limit": 100,
            "range_value": [],
        },
        "exclusion_dims": [],
        "exclusion_metrics": list(_NOT_BY_HOUR) if dimension == "stat_time_hour" else [],
    }


def _filter(item: dict, topic: str) -> tuple[str, int, tuple[str, ...]]:
    field, operator, values = item.get("field"), item.get("operator"), item.get("values")
    if not isinstance(values, list) or not values or not all(isinstance(v, str) for v in values):
        raise Refusal(PARAMETER, "filters: values must be a non-empty array of strings")
    if item.get("type") not in (1, 2, 3):
        raise Refusal(PARAMETER, "filters: type must be 1, 2 or 3")
    names = [d for d in _dimensions(topic) if d not in TIMES]
    if field in names and operator in (1, 6, 7, 8, 10):
        return field, operator, tuple(values)
    if field in METRICS and operator in _TESTS and all(_is_number(v) for v in values):
        return field, operator, tuple(values)
    raise Refusal(PARAMETER, f"filters: field {field} with operator {operator} not available")


def _is_number(text: str) -> bool:
    return text.removeprefix("-").replace(".", "", 1).isdigit()


def _cell_key(ask: Ask, cell: Cell) -> tuple | None:
    """The object dimensions of a cell; None where a filter leaves it out."""
    unit = cell.unit
    values = {
        "cdp_project_id": str(unit.campaign_id),
        "cdp_project_name": unit.campaign_name,
        "cdp_promotion_id": str(unit.unit_id),
        "cdp_promotion_name": unit.unit_name,
        "material_id": str(unit.creative_id(cell.creative)),
    }
    for field, operator, wanted in ask.filters:
        if field in METRICS:
            continue
        value = values.get(field, "")
        found = any(w in value for w in wanted) if operator in (7, 8) else value in wanted
        if found != (operator in (1, 7, 10)):
            return None
    return tuple((d, values[d]) for d in ask.dimensions if d not in TIMES)


def _time_key(ask: Ask, day: date, hour: int) -> tuple:
    monday = day - timedelta(day.weekday())
    values = {
        "stat_time_day": day.isoformat(),
        "stat_time_week": f"{monday} ~ {monday + timedelta(6)}",
        "stat_time_month": f"{day:%Y-%m}",
        "stat_time_hour": f"{day} {hour:02d}:00 - {hour:02d}:59",
    }
    return tuple((d, values[d]) for d in ask.dimensions if d in TIMES)


def _values(sums: dict[str, int]) -> dict[str, float]:
    """Every metric as a number."""
    values: dict[str, float] = dict.fromkeys(ZEROS, 0.0) | {"avg_rank": -1.0}
    values |= {name: sums[name] for name in COUNTS}
    values |= {name: sums[name] / 100 for name in MONEY}
    for name, (above, below, factor) in RATES.items():
        values[name] = round(sums[above] / sums[below] * factor, 2) if sums[below] else 0.0
    return values


def _metrics(ask: Ask, sums: dict[str, int]) -> dict[str, str]:
    """The metrics asked for, each as text: whole numbers, or two decimals."""
    values = _values(sums)
    return {
        name: "-1"
        if name == "avg_rank"
        else f"{values[name]:.2f}"
        if name in MONEY or name in RATES
        else str(int(values[name]))
        for name in ask.metrics
    }
