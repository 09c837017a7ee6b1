"""The custom report (自定义报表): cost and conversions by project and promotion, both clocks."""

from datetime import date, time
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from extractors.ads import AdReport, Answer
from extractors.core.stream import columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extractors.core.context import PullContext

SOURCE = "oceanengine"
TOPIC = "BASIC_DATA"
DAY_DIMENSION = "stat_time_day"
ROWS_PER_PAGE = 100
CONFIG = "/open_api/v3.0/report/custom/config/get/"
MONEY = ("stat_cost", "attribution_convert_cost", "in_app_order_gmv")
RATIOS = ("ctr", "conversion_rate")
# on the day the conversion happened
EVENT_CLOCK = ("convert_cnt", "deep_convert_cnt")
# credited back to the day of the bill, for 30 days
BILLING_CLOCK = (
    "attribution_convert_cnt",
    "attribution_deep_convert_cnt",
    "attribution_work_wechat_added_count",
)
COUNTS = ("show_cnt", "click_cnt", *EVENT_CLOCK, *BILLING_CLOCK, "in_app_order")
# without these a row says nothing; the others may be missing from a platform's list
NEEDED = ("stat_cost", "show_cnt", "click_cnt", "convert_cnt", "attribution_convert_cnt")


class CustomReport(AdReport):
    """What the levels of report/custom/get share; a subclass names its dimensions."""

    source = SOURCE
    endpoint = "/open_api/v3.0/report/custom/get/"
    endpoints = ("oe_report_custom_get", "oe_report_custom_config", "oe_report_custom_async")
    confidence = "documented; asynchronous reports and the list of metrics sdk"
    dimensions: ClassVar[tuple[str, ...]]
    day_field = DAY_DIMENSION
    metrics = (*COUNTS, *MONEY, *RATIOS)
    totals = ("stat_cost", "show_cnt", "click_cnt", "convert_cnt", "attribution_convert_cnt")
    unit_checks = ("stat_cost",)
    measures = totals
    ready_at = time(9)
    revised_for_days = 30
    max_window_days = 30
    earliest = date(2016, 10, 26)
    known_fields = frozenset({DAY_DIMENSION})

    def detail_pages(self, pull: "PullContext", first: date, last: date) -> "Iterator[Answer]":
        """The report by its dimensions; as a file for accounts marked `large`."""
        config = self._config(pull)
        question = self._question(self.dimensions, self._usable(pull, config), first, last)
        if pull.account.options.get("large"):
            from extractors.oceanengine.async_report import read

            yield read(pull, question, {e["name"]: e["field"] for e in _entries(config)})
            return
        yield self._pages(pull, question)

    def account_days(self, pull: "PullContext", first: date, last: date) -> Answer:
        """The same report by day alone: the account's own total."""
        question = self._question((DAY_DIMENSION,), self.totals, first, last)
        return self._pages(pull, question)

    def row_of(self, pull: "PullContext", row: dict) -> dict:
        """Dimensions and metrics side by side; the account's id is in the question alone."""
        flat = {**row["dimensions"], **row["metrics"]} if "dimensions" in row else row
        return {**flat, "advertiser_id": pull.client.advertiser_id}

    def _question(
        self, dimensions: tuple[str, ...], metrics: tuple[str, ...], first: date, last: date
    ) -> dict:
        # a unique order: otherwise rows may change pages between two calls
        keys = [name for name in dimensions if not name.endswith("_name")]
        return {
            "data_topic": TOPIC,
            "dimensions": list(dimensions),
            "metrics": list(metrics),
            "filters": [],
            "start_time": f"{first} 00:00:00",
            "end_time": f"{last} 23:59:59",
            "order_by": [{"field": name, "type": "ASC"} for name in keys],
        }

    def _pages(self, pull: "PullContext", question: dict) -> Answer:
        from extractors.core.paging import PageNumber

        rows, expected = [], None
        for page in PageNumber(ROWS_PER_PAGE).pages(
            lambda page: pull.client.get(self.endpoint, {**question, **page})
        ):
            rows += page.get("rows") or ()
            expected = (page.get("page_info") or {}).get("total_number")
        return Answer(rows, expected)

    def _config(self, pull: "PullContext") -> dict:
        """What the platform says may be asked for."""
        topics = pull.client.get(CONFIG, {"data_topics": [TOPIC]}).get("list") or ()
        return next((topic for topic in topics if topic.get("data_topic") == TOPIC), {})

    def _usable(self, pull: "PullContext", config: dict) -> tuple[str, ...]:
        """The metrics that go with these dimensions: one illegal mix and all is refused.

        Raises:
            SiyuError: the platform no longer has a dimension or metric that we cannot do without.
        """
        from siyu.errors import SiyuError

        offered = {entry["field"]: entry for entry in _entries(config)}
        if not offered:
            pull.warn("no_custom_config", f"{TOPIC} is not listed; everything was asked for")
            return self.metrics
        barred = {name for d in self.dimensions for name in _excluded_by(offered.get(d) or {})}
        bars = set(self.dimensions)
        usable = {
            name
            for name, entry in offered.items()
            if name not in barred and not bars & _excluded_by(entry)
        }
        if gone := [name for name in (*self.dimensions, *NEEDED) if name not in usable]:
            raise SiyuError(
                f"The custom report no longer offers {', '.join(gone)} at this level",
                where=pull.where,
                action="compare report/custom/config/get with the stream's dimensions and metrics",
            )
        if lost := [metric for metric in self.metrics if metric not in usable]:
            pull.warn("metrics_not_offered", ", ".join(lost))
        return tuple(metric for metric in self.metrics if metric in usable)


def _entries(config: dict) -> list[dict]:
    return [*(config.get("dimensions") or ()), *(config.get("metrics") or ())]


def _excluded_by(entry: dict) -> set[str]:
    return {*(entry.get("exclusion_dims") or ()), *(entry.get("exclusion_metrics") or ())}


def _schema(**ids: pa.DataType) -> pa.Schema:
    return columns(
        advertiser_id=pa.string(),
        **ids,
        **dict.fromkeys(COUNTS, pa.int64()),
        **dict.fromkeys((*MONEY, *RATIOS), pa.float64()),
    )


class ProjectReport(CustomReport):
    """Cost, impressions, clicks and conversions of each project, by day.

    Source: custom report (自定义报表) v3.0, platform document 1741387668314126.
    Grain:  one row per advertiser_id, cdp_project_id and stat_time_day.
    Units:  money in yuan (two decimals), rates in percent; all figures are text on the wire.
    Late:   settled at 09:00 next day; attribution_* (billing clock) move for 30 days, convert_cnt
            (event clock) does not.
    Raises: ApiError 40110 and 40130 after waiting, 40103 when the authorisation has lapsed.
    """

    name = "project_report"
    dimensions = (DAY_DIMENSION, "cdp_project_id", "cdp_project_name")
    schema = _schema(cdp_project_id=pa.string(), cdp_project_name=pa.string())
    primary_key = ("advertiser_id", "cdp_project_id")


class PromotionReport(CustomReport):
    """Cost, impressions, clicks and conversions of each promotion (ad), by day.

    Source: custom report (自定义报表) v3.0, platform document 1741387668314126.
    Grain:  one row per advertiser_id, cdp_project_id, cdp_promotion_id and stat_time_day.
    Units:  money in yuan (two decimals), rates in percent; all figures are text on the wire.
    Late:   settled at 09:00 next day; attribution_* (billing clock) move for 30 days, convert_cnt
            (event clock) does not.
    Raises: ApiError 40110 and 40130 after waiting, 40103 when the authorisation has lapsed.
    """

    name = "promotion_report"
    dimensions = (
        DAY_DIMENSION,
        "cdp_project_id",
        "cdp_project_name",
        "cdp_promotion_id",
        "cdp_promotion_name",
    )
    schema = _schema(
        cdp_project_id=pa.string(),
        cdp_project_name=pa.string(),
        cdp_promotion_id=pa.string(),
        cdp_promotion_name=pa.string(),
    )
    primary_key = ("advertiser_id", "cdp_project_id", "cdp_promotion_id")
