"""Daily reports by ad group and placement, once per clock."""

from datetime import time
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from extractors.core.stream import Kind, Stream, columns

if TYPE_CHECKING:
    from extractors.core.context import PullContext

METRICS = ("view_count", "valid_click_count", "cost", "conversions_count",
           "scan_follow_user_count")
TOTALS = ("cost", "view_count", "valid_click_count", "conversions_count")


class DailyReport(Stream):
    """What both clocks of daily_reports/get share; a subclass names its clock."""

    source = "tencent_ads"
    kind = Kind.REPORT
    endpoint = "/v3.0/daily_reports/get"
    time_line: ClassVar[str]
    schema = columns(
        account_id=pa.string(), adgroup_id=pa.string(), adgroup_name=pa.string(),
        site_set=pa.string(), **dict.fromkeys(METRICS, pa.int64()))
    primary_key = ("account_id", "adgroup_id", "site_set")
    channel_column = "site_set"
    measures = TOTALS
    ready_at = time(8)
    max_window_days = 90
    history_days = 365
    known_fields = frozenset({"date"})

    def extract(self, pull: "PullContext") -> None:
        """Every page of the detail, then the platform's own totals."""
        raise NotImplementedError


class DailyReportRequestTime(DailyReport):
    """Cost and conversions, conversions credited to the day the ad was shown.

    Source: daily_reports/get with time_line=REQUEST_TIME, developers.e.qq.com/v3.0/docs.
    Grain:  one row per account_id, adgroup_id, site_set and date.
    Units:  cost in fen; counts are whole numbers. Platform ratios are not asked for.
    Late:   cost is complete at 08:00 of the next day; conversions keep coming for 30 days.
    Raises: ApiError 11017 after waiting out the minute, 11012 when the authorisation has lapsed.
    """

    name = "daily_report_request_time"
    time_line = "REQUEST_TIME"
    revised_for_days = 30


class DailyReportReportingTime(DailyReport):
    """Cost and conversions, conversions counted on the day they happened.

    Source: daily_reports/get with time_line=REPORTING_TIME, developers.e.qq.com/v3.0/docs.
    Grain:  one row per account_id, adgroup_id, site_set and date.
    Units:  cost in fen; counts are whole numbers. Platform ratios are not asked for.
    Late:   complete at 08:00 of the next day and stable from then on.
    Raises: ApiError 11017 after waiting out the minute, 11012 when the authorisation has lapsed.
    """

    name = "daily_report_reporting_time"
    time_line = "REPORTING_TIME"
    revised_for_days = 1
