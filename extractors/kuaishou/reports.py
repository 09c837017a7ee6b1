"""Daily figures of campaigns (广告计划) and units (广告组), conversions on both clocks."""

from datetime import date, time
from typing import TYPE_CHECKING

import pyarrow as pa

from extractors.ads import AdReport, Answer
from extractors.core.stream import columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extractors.core.context import PullContext

ROWS_PER_PAGE = 2000
ACCOUNT = "/rest/openapi/v1/report/account_report"
# the platform's names mislead: `show` counts covers, `aclick` impressions of the material itself,
# `bclick` actions, which are the effective clicks
COUNTS = (
    "show",
    "aclick",
    "bclick",
    "photo_click",
    "played_three_seconds",
    "share",
    "comment",
    "like",
    "follow",
    "form_count",
    "event_form_submit",
    "event_valid_clues",
    "event_add_wechat",
    "event_wechat_connected",
    "event_pay",
    "event_order_paid",
    "conversion_num",
    "deep_conversion_num",
    "conversion_num_by_impression_7d",
    "deep_conversion_num_by_impression_7d",
)
MONEY = ("charge", "event_pay_purchase_amount", "event_order_paid_purchase_amount")
RATIOS = ("photo_click_ratio", "action_ratio")
NOT_LANDED = (
    "stat_date",
    "stat_hour",
    "impression_1k_cost",
    "click_1k_cost",
    "photo_click_cost",
    "action_cost",
    "play_3s_ratio",
    "play_end_ratio",
    "activation",
    "event_register",
    "direct_submit_1d_cnt",
    "event_audition_30d_cnt",
    "all_lesson_finish_30d_cnt",
    "high_price_class_pay_30d_cnt",
    "event_next_day_stay",
    "advertiser_id",
)


class DailyReport(AdReport):
    """What the levels of the report share; a subclass names its path and its ids."""

    source = "kuaishou"
    endpoints = ("ks_report",)
    confidence = "documented; when a day is settled inferred"
    day_field = "stat_date"
    metrics = (*COUNTS, *MONEY, *RATIOS)
    totals = ("charge", "aclick", "bclick", "conversion_num", "conversion_num_by_impression_7d")
    unit_checks = ("charge",)
    measures = totals
    ready_at = time(8)
    revised_for_days = 7
    # the real-time report answers for no older day and for no longer span
    max_window_days = 7
    history_days = 7
    known_fields = frozenset(NOT_LANDED)

    def detail_pages(self, pull: "PullContext", first: date, last: date) -> "Iterator[Answer]":
        """Every page of this level."""
        yield self._pages(pull, self.endpoint, first, last)

    def account_days(self, pull: "PullContext", first: date, last: date) -> Answer:
        """The account's own report."""
        return self._pages(pull, ACCOUNT, first, last)

    def _pages(self, pull: "PullContext", path: str, first: date, last: date) -> Answer:
        from extractors.core.paging import Counted

        question = {
            "start_date": first.isoformat(),
            "end_date": last.isoformat(),
            "temporal_granularity": "DAILY",
        }
        rows, expected = [], None
        for page in Counted(ROWS_PER_PAGE, rows="details").pages(
            lambda page: pull.client.post(path, {**question, **page})
        ):
            rows += page.get("details") or ()
            expected = int(page.get("total_count") or 0)
        return Answer(rows, expected)


def _schema(**ids: pa.DataType) -> pa.Schema:
    return columns(
        **ids,
        **dict.fromkeys(COUNTS, pa.int64()),
        **dict.fromkeys((*MONEY, *RATIOS), pa.float64()),
    )


class CampaignReport(DailyReport):
    """Cost, impressions, actions and conversions of each campaign, by day.

    Source: v1/report/campaign_report, developers.e.kuaishou.com document 2607.
    Grain:  one row per campaign_id and stat_date of an advertiser.
    Units:  charge and amounts in yuan (bids elsewhere are in li); *_ratio are ratios.
    Late:   real time; conversion_num is on the clock of the report-back, *_by_impression_7d on that
            of the bill, which moves for 7 days. Older days cannot be asked for.
    Raises: ApiError with the platform's code, after one new token; 5xxxxx after backing off.
    """

    name = "campaign_report"
    endpoint = "/rest/openapi/v1/report/campaign_report"
    schema = _schema(campaign_id=pa.string(), campaign_name=pa.string())
    primary_key = ("campaign_id",)


class UnitReport(DailyReport):
    """Cost, impressions, actions and conversions of each unit (ad group), by day.

    Source: v1/report/unit_report, developers.e.kuaishou.com document 2608.
    Grain:  one row per unit_id and stat_date of an advertiser.
    Units:  charge and amounts in yuan (bids elsewhere are in li); *_ratio are ratios.
    Late:   real time; conversion_num is on the clock of the report-back, *_by_impression_7d on that
            of the bill, which moves for 7 days. Older days cannot be asked for.
    Raises: ApiError with the platform's code, after one new token; 5xxxxx after backing off.
    """

    name = "unit_report"
    endpoint = "/rest/openapi/v1/report/unit_report"
    schema = _schema(
        campaign_id=pa.string(),
        campaign_name=pa.string(),
        unit_id=pa.string(),
        unit_name=pa.string(),
    )
    primary_key = ("unit_id",)
