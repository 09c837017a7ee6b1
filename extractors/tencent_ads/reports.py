"""Daily reports by ad group and placement, once per clock; hourly reports by ad group."""

from datetime import date, time
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from extractors.ads import AdReport, Answer
from extractors.core.stream import columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extractors.core.context import PullContext

ROWS_PER_PAGE = 2000
DAILY = "/v3.0/daily_reports/get"
ADGROUP, ADVERTISER = "REPORT_LEVEL_ADGROUP", "REPORT_LEVEL_ADVERTISER"
METRICS = ("view_count", "valid_click_count", "cost", "conversions_count", "scan_follow_user_count")
TOTALS = ("cost", "view_count", "valid_click_count", "conversions_count")
HOURS_LANES = 4


class ByClock(AdReport):
    """What daily and hourly reports share; a subclass names its clock."""

    source = "tencent_ads"
    time_line: ClassVar[str]
    day_field = "date"
    metrics = METRICS
    totals = TOTALS
    unit_checks = ("cost",)
    measures = TOTALS
    writes_no_value = False
    ready_at = time(8)
    known_fields = frozenset({"date"})

    def account_days(self, pull: "PullContext", first: date, last: date) -> Answer:
        """The account's own days."""
        fields = ["date", *self.totals]
        return self._pages(pull, DAILY, ADVERTISER, ["date"], fields, first, last)

    def _pages(
        self,
        pull: "PullContext",
        path: str,
        level: str,
        group_by: list[str],
        fields: list[str],
        first: date,
        last: date,
    ) -> Answer:
        pages = list(self._each_page(pull, path, level, group_by, fields, first, last))
        return Answer([row for page in pages for row in page.rows], pages[-1].expected)

    def _each_page(
        self,
        pull: "PullContext",
        path: str,
        level: str,
        group_by: list[str],
        fields: list[str],
        first: date,
        last: date,
    ) -> "Iterator[Answer]":
        from extractors.core.paging import PageNumber

        question = {
            "account_id": pull.client.account_id,
            "level": level,
            "time_line": self.time_line,
            "date_range": {"start_date": first.isoformat(), "end_date": last.isoformat()},
            "group_by": group_by,
            "fields": fields,
        }
        for page in PageNumber(ROWS_PER_PAGE).pages(
            lambda page: pull.client.get(path, {**question, **page})
        ):
            info = page.get("page_info") or {}
            yield Answer(page.get("list") or [], info.get("total_number"))


class DailyReport(ByClock):
    """What both clocks of daily_reports/get share."""

    endpoint = DAILY
    endpoints = ("tx_daily_reports", "tx_async_reports")
    # without an id and the date in group_by each row would be a sum over everything
    group_by: ClassVar = ["adgroup_id", "date", "site_set"]
    schema = columns(
        account_id=pa.string(),
        adgroup_id=pa.string(),
        adgroup_name=pa.string(),
        site_set=pa.string(),
        **dict.fromkeys(METRICS, pa.int64()),
    )
    primary_key = ("account_id", "adgroup_id", "site_set")
    channel_column = "site_set"
    max_window_days = 90
    history_days = 365

    def detail_pages(self, pull: "PullContext", first: date, last: date) -> "Iterator[Answer]":
        """By ad group and placement; as files for accounts marked `large`."""
        fields = [*self.group_by, "account_id", "adgroup_name", *METRICS]
        if pull.account.options.get("large"):
            from extractors.tencent_ads.async_report import read

            asked = [day for day in pull.dates if first <= day <= last]
            yield read(pull, ADGROUP, self.time_line, self.group_by, fields, asked)
            return
        yield from self._each_page(pull, DAILY, ADGROUP, self.group_by, fields, first, last)


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


class HourlyReport(ByClock):
    """Cost and conversions by hour, conversions in the hour they happened.

    Source: hourly_reports/get with time_line=REPORTING_TIME, developers.e.qq.com/v3.0/docs.
    Grain:  one row per account_id, adgroup_id, hour (0..23) and date. Placements are not offered.
    Units:  cost in fen; counts are whole numbers. Platform ratios are not asked for.
    Late:   an hour comes about 30 minutes after it; complete at 08:00 of the next day. The
            exposure clock would move for 30 days, at one call a day and account.
    Raises: ApiError 11017 after waiting out the minute, 11012 when the authorisation has lapsed.
    """

    name = "hourly_report"
    endpoint = "/v3.0/hourly_reports/get"
    endpoints = ("tx_hourly_reports",)
    time_line = "REPORTING_TIME"
    schema = columns(
        account_id=pa.string(),
        adgroup_id=pa.string(),
        adgroup_name=pa.string(),
        hour=pa.int64(),
        **dict.fromkeys(METRICS, pa.int64()),
    )
    primary_key = ("account_id", "adgroup_id", "hour")
    revised_for_days = 1
    # of the totals, which are daily; the detail takes a call a day
    max_window_days = 90
    history_days = 90

    def detail_pages(self, pull: "PullContext", first: date, last: date) -> "Iterator[Answer]":
        """One call a day: a range of days is refused."""
        asked = [day for day in pull.dates if first <= day <= last]
        answers = pull.map(lambda day: self._hours(pull, day), asked, HOURS_LANES)
        expected = [answer.expected for answer in answers]
        yield Answer(
            [row for answer in answers for row in answer.rows],
            None if None in expected else sum(expected),
        )

    def _hours(self, pull: "PullContext", day: date) -> Answer:
        group_by = ["hour", "adgroup_id"]
        fields = [*group_by, "date", "account_id", "adgroup_name", *METRICS]
        answer = self._pages(pull, self.endpoint, ADGROUP, group_by, fields, day, day)
        # the date is in the sample and not in the table of fields
        return Answer([{"date": day.isoformat(), **row} for row in answer.rows], answer.expected)
